# SPDX-License-Identifier: GPL-3.0-or-later
"""Lost passwords: a link by mail or from an administrator, at a real server that sends to a real mail server."""

from __future__ import annotations

import http.client
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.integration.mail_server import MailServer
from tests.integration.server_process import HOST, OWNER, ServerProcess

PASSWORD = "correct horse battery staple"
FRESH = "quite another horse altogether"


class Browser:
    """A browser without scripts: keeps cookies, sends forms with their token, follows nothing by itself."""

    def __init__(self, server: ServerProcess) -> None:
        self._port = server.port
        self.cookies: dict[str, str] = {}
        self.location = ""

    def send(self, method: str, path: str, **values: str) -> tuple[int, str]:
        """Status and text of the answer."""
        http_ = http.client.HTTPConnection(HOST, self._port, timeout=30)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if values:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(values)
        http_.request(method, path, body, headers)
        response = http_.getresponse()
        text = response.read().decode()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        self.location = response.getheader("Location", "")
        http_.close()
        return response.status, text

    def get(self, path: str) -> tuple[int, str]:
        return self.send("GET", path)

    def fill_in(self, path: str, **values: str) -> tuple[int, str]:
        """Send the form of the page at `path`."""
        _, page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, page
        return self.send("POST", path, csrfmiddlewaretoken=token[1], **values)

    def log_in(self, name: str, password: str) -> bool:
        status, _ = self.fill_in("/login", username=name, password=password, next="")
        return status == 302

    def set_password(self, link: str, password: str) -> int:
        """Open a link and send its form; the status of what comes of it."""
        path = urlsplit(link).path
        status, page = self.get(path)
        if status == 302:  # the token is in the session now and out of the address
            path = self.location
            status, page = self.get(path)
        if "new_password1" not in page:
            return status
        return self.fill_in(path, new_password1=password, new_password2=password)[0]


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    with MailServer() as mail:
        yield mail


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, post: MailServer) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("lost")
    with ServerProcess(folder, "--processes", "2", TMON_EMAIL_URL=post.url) as running:
        yield running
        assert [one for one in running.troubles if "a message could not be sent" not in one] == []


@pytest.fixture
def account(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    """The name of an account of the test's own, whose mail goes to <name>@example.org."""
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    server.command("user", "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    server.command("user", "email", name, f"{name}@example.org")
    forget_failures(server)
    return name


def forget_failures(server: ServerProcess) -> None:
    """All tests ask from one address, which the throttle would stop."""
    server.run(
        sys.executable,
        "-c",
        "from tmon.settings import prepare; prepare(); from axes.utils import reset; reset()",
    )


def link_in(message: Any) -> str:
    found = re.search(r"https?://\S+/password/set/\S+", message.get_content())
    assert found is not None, message
    return found[0]


def test_a_link_by_mail_sets_a_new_password_and_ends_logins(
    server: ServerProcess, post: MailServer, account: str
) -> None:
    old = Browser(server)
    before = len(post.messages)
    status, page = Browser(server).fill_in("/password/lost", email=f"{account.upper()}@example.org")
    assert status == 200
    assert "If an account has this address, a link is on its way there." in page
    message = post.wait_for(before + 1)[-1]
    assert (message["To"], message["From"]) == (f"{account}@example.org", "tmon@example.org")
    assert old.log_in(account, PASSWORD)
    used = Browser(server)
    assert used.set_password(link_in(message), FRESH) == 404  # by the login in between
    Browser(server).fill_in("/password/lost", email=f"{account}@example.org")
    link = link_in(post.wait_for(before + 2)[-1])
    assert account in old.get("/")[1]
    assert used.set_password(link, FRESH) == 302
    assert used.location == "/password/done"
    assert account not in old.get("/")[1]
    assert Browser(server).log_in(account, FRESH)
    assert not Browser(server).log_in(account, PASSWORD)
    assert Browser(server).set_password(link, "and one more of them") == 404


def test_the_answer_tells_nobody_which_addresses_have_accounts(server: ServerProcess, account: str) -> None:
    def seen(address: str) -> tuple[int, str]:
        status, page = Browser(server).fill_in("/password/lost", email=address)
        return status, re.sub(r'value="[A-Za-z0-9]{64}"', "", page)

    assert seen(f"{account}@example.org") == seen("nobody-at-all@example.org")


def test_one_account_gets_three_messages_an_hour_and_one_that_is_off_none(
    server: ServerProcess, post: MailServer, account: str
) -> None:
    off = "switched-off"
    server.command("user", "create", off, "--password-stdin", stdin=f"{PASSWORD}\n")
    server.command("user", "email", off, f"{off}@example.org")
    server.run(
        sys.executable,
        "-c",
        "from tmon.settings import prepare; prepare(); from django.contrib.auth.models import User;"
        f"User.objects.filter(username={off!r}).update(is_active=False)",
    )
    before = len(post.messages)
    for address in [f"{off}@example.org", *[f"{account}@example.org"] * 5]:
        Browser(server).fill_in("/password/lost", email=address)
    forget_failures(server)
    server.command("user", "email", OWNER, f"{OWNER}@example.org")
    for _ in range(3):  # these come after all of the others, in either process
        Browser(server).fill_in("/password/lost", email=f"{OWNER}@example.org")
    post.wait_for(before + 6)
    to = [message["To"] for message in post.messages[before:]]
    assert to.count(f"{account}@example.org") == 3
    assert f"{off}@example.org" not in to


def test_asking_again_and_again_is_stopped_as_guessing_is(server: ServerProcess, account: str) -> None:
    answers = [Browser(server).fill_in("/password/lost", email="x@example.org")[0] for _ in range(11)]
    assert answers == [200] * 9 + [429] * 2
    forget_failures(server)


def test_an_administrators_link_needs_no_mail(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        server.command("user", "create", "anna", "--password-stdin", stdin=f"{PASSWORD}\n")
        page = Browser(server).get("/password/lost")[1]
        assert "This server sends no mail." in page
        assert "tmon user reset-link NAME" in page
        link = json.loads(server.command("user", "reset-link", "anna", "--json"))["url"]
        assert link.startswith("http://127.0.0.1:8000/password/set/")
        other = server.command("user", "reset-link", "anna").strip()
        assert Browser(server).set_password(link, FRESH) == 302
        assert Browser(server).set_password(other, "and one more of them") == 404
        assert Browser(server).log_in("anna", FRESH)
        assert link.rpartition("/")[2] not in server.log
        assert "/password/set/" in server.log


def test_a_weak_password_is_refused_and_the_link_stays_good(server: ServerProcess, account: str) -> None:
    link = server.command("user", "reset-link", account).strip()
    browser = Browser(server)
    assert browser.set_password(link, "short") == 200
    assert browser.set_password(link, account) == 200
    assert browser.set_password(link, FRESH) == 302


@pytest.mark.parametrize("path", ["x/y", "MQ/set-password", "MQ/abc-def", "OTk5OTk5OQ/c0000-" + "a" * 32])
def test_what_is_no_link_sets_nothing(server: ServerProcess, path: str) -> None:
    status, page = Browser(server).get(f"/password/set/{path}")
    assert status == 404
    assert "This link does not hold" in page


def test_invitations_are_sent_too_and_a_mail_server_that_refuses_is_said(
    server: ServerProcess, post: MailServer, account: str
) -> None:
    shop = server.webservice("shop.example")
    server.command("webservice", "member", "add", str(shop.wsid), account, "--role", "manager")
    browser = Browser(server)
    assert browser.log_in(account, PASSWORD)
    path = f"/view/settings/{shop.wsid}/invitations"
    before = len(post.messages)
    status, page = browser.fill_in(path, role="viewer", email="new@example.org")
    assert status == 200
    assert "It is sent to" in page
    message = post.wait_for(before + 1)[-1]
    link = re.search(r"\S+(/invitation/[A-Za-z0-9_-]{43})", message.get_content())
    assert link is not None
    assert link[1] in page
    assert f"{account} invites you to see shop.example in T-Mon, as a viewer." in message.get_content()
    assert Browser(server).get(link[1])[0] == 200
    post.refuses = True
    try:
        page = browser.fill_in(path, role="viewer", email="new@example.org")[1]
    finally:
        post.refuses = False
    assert "The mail server did not take it." in page
    assert len(re.findall(r"/invitation/[A-Za-z0-9_-]{43}", page)) == 1


def test_ones_own_address_is_changed_with_ones_password(server: ServerProcess, account: str) -> None:
    browser = Browser(server)
    assert browser.log_in(account, PASSWORD)
    page = browser.fill_in("/settings/email", email="else@example.org", current="wrong")[1]
    assert "This is not your password." in page
    assert browser.fill_in("/settings/email", email="else@example.org", current=PASSWORD)[0] == 302
    assert 'value="else@example.org"' in browser.get("/settings/email")[1]
