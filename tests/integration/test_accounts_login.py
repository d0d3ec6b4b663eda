# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in and out, the throttle against guessing, the first page, and what every page is sent with."""

from __future__ import annotations

import html
import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct horse battery"
ADDRESSES = (f"198.51.100.{number}" for number in itertools.count(1))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.fixture
def browser(prepared: Path) -> Callable[..., Any]:
    """Makes browsers that send forms with their token, each from an address of its own."""
    from django.test import Client

    def make(**more: str) -> Any:
        given = {"SERVER_NAME": "127.0.0.1", "REMOTE_ADDR": next(ADDRESSES), **more}
        return Client(enforce_csrf_checks=True, **given)

    return make


@pytest.fixture
def user(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user(f"user-{time.monotonic_ns()}", password=PASSWORD)[0]


def send(client: Any, path: str, **values: str) -> Any:
    """Fill in and send the form of a page."""
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields = {name: html.unescape(value) for name, value in hidden.items()} | values
    return client.post(path.partition("?")[0], {**fields, "csrfmiddlewaretoken": token[1]})


def log_in(client: Any, user: Any, password: str = PASSWORD, path: str = "/login", **more: str) -> Any:
    return send(client, path, username=user.username, password=password, **more)


def test_whoever_logs_in_gets_to_his_dashboard_or_without_one_to_the_first_page(
    browser: Any, user: Any
) -> None:
    client = browser()
    response = log_in(client, user)
    assert (response.status_code, response["Location"]) == (302, "/view/dashboard/")
    assert client.get("/view/dashboard/")["Location"] == "/"
    assert f"<bdi>{user.username}</bdi>" in client.get("/").content.decode()


def test_a_login_ends_with_the_browser_unless_asked_otherwise(browser: Any, user: Any) -> None:
    short, long = browser(), browser()
    log_in(short, user)
    log_in(long, user, remember="on")
    assert short.cookies["sessionid"]["max-age"] == ""
    assert long.cookies["sessionid"]["max-age"] == 14 * 24 * 3600
    assert long.cookies["sessionid"]["httponly"]
    assert long.cookies["sessionid"]["samesite"] == "Lax"


def test_a_wrong_password_is_said_in_words(browser: Any, user: Any) -> None:
    response = log_in(browser(), user, "wrong")
    assert response.status_code == 200
    page = html.unescape(response.content.decode())
    assert "This name and password don't go together. Capitals matter." in page
    assert 'role="alert"' in page
    assert f'value="{user.username}"' in page
    assert "wrong" not in page


def test_an_unknown_name_gets_the_answer_of_a_wrong_password(browser: Any, user: Any) -> None:
    wrong = log_in(browser(), user, "wrong").content.decode()
    unknown = send(browser(), "/login", username="nobody-at-all", password="wrong").content.decode()
    message = re.compile(r'role="alert".*?</div></div>', re.DOTALL)
    assert message.findall(wrong) == message.findall(unknown)


def test_after_logging_in_one_gets_where_one_wanted_to_go_but_never_elsewhere(
    browser: Any, user: Any
) -> None:
    assert log_in(browser(), user, path="/login?next=/1/data/summary")["Location"] == "/1/data/summary"
    assert log_in(browser(), user, path="/login?next=https://evil.example/")["Location"] == "/view/dashboard/"
    assert log_in(browser(), user, path="/login?next=//evil.example/")["Location"] == "/view/dashboard/"


def test_guessing_from_one_address_is_stopped_for_every_name(browser: Any, user: Any) -> None:
    client = browser()
    answers = [
        send(client, "/login", username=f"guess{number}", password="wrong").status_code
        for number in range(11)
    ]
    assert answers == [200] * 9 + [429] * 2
    stopped = log_in(client, user)
    assert (stopped.status_code, stopped["Retry-After"]) == (429, "900")
    assert "Too many failed logins from your address. Wait 15 minutes." in stopped.content.decode()


def test_guessing_a_password_does_not_lock_its_owner_out(browser: Any, user: Any) -> None:
    client = browser()
    for _ in range(10):
        last = log_in(client, user, "wrong")
    assert last.status_code == 429
    assert log_in(browser(), user).status_code == 302


def test_the_throttle_takes_no_strangers_word_for_an_address(browser: Any, user: Any) -> None:
    client = browser()
    for number in range(10):
        client.defaults["HTTP_X_FORWARDED_FOR"] = f"203.0.113.{number}"
        last = log_in(client, user, "wrong")
    assert last.status_code == 429


def test_a_good_login_forgives_the_failures_before(browser: Any, user: Any) -> None:
    client = browser()
    for _ in range(2):
        for _ in range(5):
            assert log_in(client, user, "wrong").status_code == 200
        assert log_in(client, user).status_code == 302


def test_a_login_of_ones_own_forgives_no_guesses_at_others(browser: Any, user: Any) -> None:
    client = browser()
    for number in range(8):
        assert send(client, "/login", username=f"other{number}", password="wrong").status_code == 200
    assert log_in(client, user).status_code == 302
    send(client, "/logout")
    answers = [
        send(client, "/login", username=f"more{number}", password="wrong").status_code for number in range(2)
    ]
    assert answers == [200, 429]


def test_a_form_from_elsewhere_is_refused(browser: Any, user: Any) -> None:
    response = browser().post("/login", {"username": user.username, "password": PASSWORD})
    assert response.status_code == 403
    assert "This form has expired or came from elsewhere." in response.content.decode()


def test_logging_out_by_a_link_asks_first(browser: Any, user: Any) -> None:
    client = browser()
    log_in(client, user)
    assert "Log out?" in client.get("/logout").content.decode()
    assert user.username in client.get("/").content.decode()
    response = send(client, "/logout")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert user.username not in client.get("/").content.decode()
    assert client.get("/logout")["Location"] == "/"


def test_a_changed_password_ends_logins(browser: Any, user: Any) -> None:
    from tmon.server.tenants import accounts

    client = browser()
    log_in(client, user)
    accounts.set_password(user.username)
    assert user.username not in client.get("/").content.decode()


def test_the_first_page_says_how_to_send_data_and_whose_locations_it_shows(browser: Any) -> None:
    page = html.unescape(browser().get("/").content.decode())
    assert "webservice create" in page
    assert "/data/collect" in page
    assert "<secret>" in page
    assert '<a href="https://db-ip.com">IP geolocation by DB-IP</a>' in page
    assert "CC BY 4.0" in page


@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("manager", True), ("viewer", False)])
def test_the_first_page_shows_dsns_and_the_quarantine_to_those_who_may_have_them(
    browser: Any, user: Any, role: str, sees: bool
) -> None:
    from tmon.server.tenants import accounts

    owner = user if role == "owner" else accounts.create_user(f"owner-{user.username}")[0]
    made = accounts.create_webservice(f"<b>shop of {user.username}</b>", owner)
    if role != "owner":
        accounts.add_member(made.webservice.wsid, user, role)
    client = browser()
    log_in(client, user)
    response = client.get("/")
    page = response.content.decode()
    assert f"&lt;b&gt;shop of {user.username}&lt;/b&gt;" in page
    assert (made.secret.hex() in page) is sees
    assert f'href="/{made.webservice.wsid}/data/summary"' in page
    assert (f'href="/{made.webservice.wsid}/data/quarantine"' in page) is sees
    assert "no-store" in response["Cache-Control"]


def test_a_stranger_sees_nothing_of_others_on_the_first_page(browser: Any, user: Any) -> None:
    from tmon.server.tenants import accounts

    owner = accounts.create_user(f"owner-{user.username}")[0]
    made = accounts.create_webservice(f"secret shop of {user.username}", owner)
    client = browser()
    log_in(client, user)
    page = client.get("/").content.decode()
    assert "secret shop" not in page
    assert made.secret.hex() not in page
    assert "No web service yet" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/login", 200), ("/logout", 302), ("/nothing", 404), ("/static/css/tmon.css", 200)],
)
def test_every_answer_is_sent_with_the_policy(browser: Any, path: str, status: int) -> None:
    response = browser().get(path)
    response.close()
    assert response.status_code == status
    assert response["Content-Security-Policy"] == POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/login", "/nothing"])
def test_no_page_of_ours_has_anything_inline(browser: Any, user: Any, path: str) -> None:
    client = browser()
    if path == "/":
        log_in(client, user)
    page = client.get(path).content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("a b", 400),
        ("", 400),
        ("[", 400),
    ],
)
@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_a_foreign_host_name_is_refused_and_breaks_nothing(
    browser: Any, host: str, status: int, path: str
) -> None:
    response = browser(HTTP_HOST=host).get(path)
    assert response.status_code == (404 if (status, path) == (200, "/nothing") else status)
    assert b"Traceback" not in response.content
    if status == 400:
        assert b"TMON_PUBLIC_URL" in response.content


def test_a_failure_on_the_server_shows_no_traceback(
    browser: Any, monkeypatch: pytest.MonkeyPatch, user: Any
) -> None:
    from tmon.server.dashboard import pages

    def fail(_: Any) -> None:
        raise RuntimeError("the inner workings")

    client = browser()
    client.raise_request_exception = False
    log_in(client, user)
    monkeypatch.setattr(pages, "readable_by", fail)
    response = client.get("/")
    assert response.status_code == 500
    assert b"Something went wrong on the server. It has been logged." in response.content
    assert b"inner workings" not in response.content


def test_a_path_of_the_json_api_fails_in_json(browser: Any) -> None:
    response = browser().get("/1/data/nothing/of/the/kind")
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert response.json() == {"status_code": 404, "message": "There is nothing here for you."}


def test_no_header_that_django_sends_begins_with_a_space(prepared: Path) -> None:
    from wsgiref.util import setup_testing_defaults

    from tmon.server.dashboard.wsgi import application

    environ: dict[str, Any] = {"PATH_INFO": "/login", "REMOTE_ADDR": "198.51.100.200"}
    setup_testing_defaults(environ)
    sent: list[tuple[str, str]] = []
    answer = application()(environ, lambda status, headers, exc_info=None: sent.extend(headers))
    assert b"".join(answer)
    assert any(name == "Set-Cookie" and value.startswith("csrftoken=") for name, value in sent)
    assert [(name, value) for name, value in sent if value != value.strip()] == []


def test_a_network_of_ipv6_addresses_guesses_as_one(prepared: Path) -> None:
    from django.test import RequestFactory

    from tmon.server.tenants.peers import address_of

    request = RequestFactory().get("/")
    found = set()
    for address in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:0:9::"):
        request.META["REMOTE_ADDR"] = address
        found.add(address_of(request))
    assert found == {"2001:db8::"}


def test_an_accounts_database_that_is_away_is_503(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from tmon.server.dashboard import pages

    def away(*_: Any) -> Any:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(pages, "base_url_of", away)
    client = browser()
    client.raise_request_exception = False
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
