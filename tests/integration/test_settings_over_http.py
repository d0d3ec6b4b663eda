# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings pages of real servers, in one process and in several: what reaches the event store gets there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from tests.integration.server_process import OWNER, ServerProcess, until

PASSWORD = "correct horse battery staple"


class Person:
    """The owner of everything, logged in by the page."""

    def __init__(self, server: ServerProcess) -> None:
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}", follow_redirects=True, timeout=60
        )
        assert self.send("/login", username=OWNER, password=PASSWORD)

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer
        return answer.text

    def send(self, path: str, **values: str) -> str:
        """Send the form that is on a page; the page that follows, as text."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token is not None
        answer = self.client.post(path, data={"csrfmiddlewaretoken": token[1], **values})
        assert answer.status_code == 200, answer
        return html.unescape(answer.text)


@pytest.fixture(scope="module", params=["1", "2"], ids=["one process", "several"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("settings") / "data"
    with ServerProcess(folder, "--processes", request.param) as running:
        assert running.token
        running.command("user", "password", OWNER, "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running
        assert running.troubles == []


@pytest.fixture
def person(server: ServerProcess) -> Iterator[Person]:
    person = Person(server)
    yield person
    person.client.close()


def test_a_user_name_is_erased_from_the_page(server: ServerProcess, person: Person) -> None:
    shop = server.webservice("erase.example")
    events = [
        {"url": "/", "ip": None, "useragent": None, "username": name} for name in ("ann", "ann", "bert")
    ]
    assert server.collect(shop, shop.seal(events)).status == 200
    said = person.send(f"/view/settings/{shop.wsid}/erase", username="ann", typed="erase.example")
    assert "The name is erased from 2 events and 0 rejected payloads." in said
    rows = server.ask(shop, "users/username")["results"]
    assert {row["key"]: row["requests"] for row in rows} == {"": 2, "bert": 1}
    assert "ann" not in repr(server.events(shop))
    assert "ann" not in server.log.replace("planned", "")


def test_a_key_made_on_the_page_opens_envelopes_and_a_revoked_one_does_not(
    server: ServerProcess, person: Person
) -> None:
    shop = server.webservice("keys.example")
    path = f"/view/settings/{shop.wsid}/keys"
    page = person.send(path, do="new")
    secrets = re.findall(r"tmon\+http://([0-9a-f]{64})@", page)
    assert len(secrets) == 2
    assert secrets[1] == shop.secret.hex()
    (older,) = re.findall(r"Key (\d+)</b> <span class=\"chip state\">older", page)
    event = {"url": "/", "ip": None, "useragent": None}
    newer = shop._replace(secret=bytes.fromhex(secrets[0]))
    until(lambda: server.collect(newer, newer.seal(event)).status == 200, "the new key is known")
    assert f"Key {older} is revoked." in person.send(path, do="revoke", key=older)
    until(lambda: server.collect(shop, shop.seal(event)).status == 403, "the old key has ended")
    assert not any(secret in server.log for secret in secrets)


def test_a_deleted_web_service_is_gone_with_its_events(server: ServerProcess, person: Person) -> None:
    shop = server.webservice("delete.example")
    event = {"url": "/", "ip": None, "useragent": None}
    assert server.collect(shop, shop.seal(event)).status == 200
    said = person.send(f"/view/settings/{shop.wsid}/delete", typed="delete.example")
    assert "delete.example is deleted, with 1 event." in said
    until(lambda: server.collect(shop, shop.seal([event])).status == 403, "nobody reports any more")
    assert person.client.get(f"/view/settings/{shop.wsid}").status_code == 404


def test_a_catalogue_of_two_mebibytes_is_imported_by_its_page(server: ServerProcess, person: Person) -> None:
    shop = server.webservice("catalogue.example")
    path = f"/view/settings/{shop.wsid}/modules"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', person.get(path))
    assert token is not None
    rows = "".join(f"module-{number:04},{'d' * 1_900}\n" for number in range(1_080))
    content = f"slug,description\n{rows}".encode()
    assert 1.9 * 2**20 < len(content) <= 2 * 2**20
    given = {"csrfmiddlewaretoken": token[1], "do": "import"}
    for more, said in ((b"", "Imported: 1,080 added"), (b"x" * 2**17, None)):
        answer = person.client.post(path, data=given, files={"file": ("modules.csv", content + more)})
        if said is None:
            assert answer.status_code == 413
        else:
            assert (answer.status_code, said in html.unescape(answer.text)) == (200, True)
    assert len(server.ask(shop, "modules")["results"]) == 1_080
