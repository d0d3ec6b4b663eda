# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings pages as people use them: forms that are filled in and sent, and what comes back."""

from __future__ import annotations

import contextlib
import html
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.integration.server_process import until

from tmon.server.calendar import Calendar
from tmon.server.catalogue import read_views
from tmon.server.events import Agent, Event, Rejected
from tmon.server.store.base import Envelope
from tmon.server.store.memory import MemoryStore
from tmon.server.writer import carry_out
from tmon.settings.paths import shipped

NUMBERS = itertools.count(1)
SECRET = re.compile(r"tmon\+http://([0-9a-f]{64})@127\.0\.0\.1:8000/([0-9]+)")
TOKEN = re.compile(r"tmon_[A-Za-z0-9_-]{43}")
PAGES = ("", "/keys", "/members", "/privacy", "/sources", "/quarantine", "/erase", "/audit", "/delete")


@dataclass
class Place:
    """A web service with everyone around it, and its store."""

    store: Any
    webservice: Any
    people: dict[str, Any]
    ask: Callable[[Any], Any]

    @property
    def wsid(self) -> int:
        number: int = self.webservice.wsid
        return number

    def path(self, page: str = "") -> str:
        return f"/view/settings/{self.wsid}{page}"

    def browser(self, name: str = "owner") -> Browser:
        return Browser(self.people[name])

    def report(self, **fields: Any) -> None:
        now = time.time()
        event = Event(
            ts_ms=int(now * 1000),
            hour=Calendar([(float("-inf"), "UTC")]).hour(now),
            agent=Agent(useragent="x"),
            path="/",
            **fields,
        )
        self.append(events=[event])

    def reject(self, reason: str, payload: str, source: str = "") -> None:
        self.append(rejected=[Rejected(0, reason, reason)], payloads=[(reason, payload)], source=source)

    def append(self, **fields: Any) -> None:
        identity = next(NUMBERS).to_bytes(16, "big")
        self.store.append(
            [Envelope(wsid=self.wsid, id=identity, received_ms=int(time.time() * 1000), **fields)]
        )
        self.store.settle()


class Browser:
    """Somebody who is logged in, whose forms carry the token of the page that they are on."""

    def __init__(self, user: Any) -> None:
        from django.test import Client

        self.client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", HTTP_HOST="127.0.0.1:8000")
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def get(self, path: str, status: int = 200) -> str:
        response = self.client.get(path)
        assert response.status_code == status, response.content.decode()
        return html.unescape(response.content.decode())

    def send(self, path: str, to: str | None = None, **values: str) -> Any:
        """Send a form of the page at `path`, to there or to `to`; redirects are followed."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token is not None
        return self.client.post(to or path, {"csrfmiddlewaretoken": token[1], **values}, follow=True)

    def said(self, path: str, to: str | None = None, **values: str) -> str:
        """The page that follows, as text."""
        response = self.send(path, to, **values)
        assert response.status_code == 200
        return html.unescape(response.content.decode())


@pytest.fixture(scope="module")
def people(prepared: Path) -> dict[str, Any]:
    """Four users, made once: a password takes half a second to hash."""
    from tmon.server.tenants import accounts

    mark = time.monotonic_ns()
    names = ("owner", "manager", "viewer", "stranger")
    return {name: accounts.create_user(f"{name}-{mark}")[0] for name in names}


@pytest.fixture
def place(people: dict[str, Any]) -> Iterator[Place]:
    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, accounts

    store = MemoryStore()
    store.sync_views(read_views([shipped("views")]))

    def ask(command: Any) -> Any:
        answer = carry_out(store, command, dict)
        store.settle()
        return answer

    services.wire(store, lambda timeout_s: store.settle(), Keyring(), ask=ask)
    mark = f"{time.monotonic_ns()}-{next(NUMBERS)}"
    webservice = accounts.create_webservice(f"shop {mark}", people["owner"], "Europe/Vienna").webservice
    accounts.add_member(webservice.wsid, people["manager"], "manager")
    accounts.add_member(webservice.wsid, people["viewer"], "viewer")
    yield Place(store, webservice, people, ask)
    store.close()


def fresh(place: Place) -> Any:
    """The web service as the accounts have it now."""
    from tmon.server.tenants import accounts

    return accounts.webservice(place.wsid)


def last_act(place: Place) -> tuple[str, str, str, dict[str, Any]]:
    from tmon.server.tenants import audit

    entry = audit.of_webservice(place.wsid)[0]
    return entry.actor, entry.way, entry.act, entry.details


# -- an account's own ------------------------------------------------------------------------------------------------


def test_a_web_service_is_made_and_its_dsn_is_on_the_page_that_follows(place: Place) -> None:
    from tmon.server.tenants.models import WebService

    name = f"harbour {time.monotonic_ns()}"
    response = place.browser("stranger").send("/settings/", name=name, timezone="Asia/Kathmandu")
    made = WebService.objects.get(name=name)
    assert response.redirect_chain == [(f"/view/dashboard/{made.wsid}", 302)]
    assert (made.owner, made.timezone) == (place.people["stranger"], "Asia/Kathmandu")
    assert "Waiting for the first event" in response.content.decode()
    assert made.keys.count() == 1


def test_a_name_that_is_taken_is_said_beside_the_field(place: Place) -> None:
    page = place.browser("stranger").said("/settings/", name=place.webservice.name, timezone="UTC")
    assert "This name is taken on this server." in page
    assert 'aria-invalid="true"' in page


def test_a_time_zone_that_is_none_is_said_beside_the_field(place: Place) -> None:
    page = place.browser().said("/settings/", name="x", timezone="Mars/Olympus")
    assert "This is not a time zone that this server knows." in page


def test_only_so_many_web_services_are_made_by_one_who_is_no_administrator(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from django.conf import settings

    from tmon.server.tenants.models import WebService

    browser = place.browser("owner")
    monkeypatch.setattr(settings, "TMON", dataclasses.replace(settings.TMON, webservices_per_user=1))
    assert "You own as many as may be made here (1)." in browser.get("/settings/")
    browser.client.post("/settings/", {"name": "one too many", "timezone": "UTC"})
    assert not WebService.objects.filter(name="one too many").exists()
    monkeypatch.setattr(settings, "TMON", dataclasses.replace(settings.TMON, webservices_per_user=0))
    assert "web services are made by whoever runs it" in place.browser("stranger").get("/settings/")


def test_a_token_is_shown_once_reads_and_is_revoked(place: Place) -> None:
    from django.test import Client

    from tmon.server.tenants.models import Token

    browser = place.browser("viewer")
    response = browser.send("/settings/tokens", name="report", webservice=str(place.wsid))
    text = TOKEN.search(response.content.decode())
    assert text is not None
    assert response["Cache-Control"] == "no-store"
    assert TOKEN.search(browser.get("/settings/tokens")) is None
    token = Token.objects.get(user=place.people["viewer"], name="report")
    assert token.webservice_id == place.wsid
    reader = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {text[0]}"})
    assert reader.get(f"/{place.wsid}/data/summary").status_code == 200
    assert last_act(place)[2] == "token-created"
    said = browser.said("/settings/tokens", f"/settings/tokens/{token.pk}/revoke")
    assert "The token “report” is revoked." in said
    assert reader.get(f"/{place.wsid}/data/summary").status_code == 401
    assert "revoked already" in browser.said("/settings/tokens", f"/settings/tokens/{token.pk}/revoke")


def test_a_token_for_a_web_service_that_one_may_not_read_is_not_made(place: Place) -> None:
    from tmon.server.tenants.models import Token

    page = place.browser("stranger").said("/settings/tokens", name="x", webservice=str(place.wsid))
    assert "Select a valid choice" in page
    assert not Token.objects.filter(user=place.people["stranger"]).exists()


def test_nobody_revokes_anothers_token(place: Place) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.models import Token

    token, _ = accounts.create_token(place.people["owner"], name="mine")
    response = place.browser("manager").send("/settings/tokens", f"/settings/tokens/{token.pk}/revoke")
    assert response.status_code == 404
    assert Token.objects.get(pk=token.pk).revoked is None


def test_a_password_is_changed_and_other_logins_end(place: Place) -> None:
    from tmon.server.tenants import accounts

    user = place.people["viewer"]
    old = accounts.set_password(user.username)
    user.refresh_from_db()
    browser, other = place.browser("viewer"), place.browser("viewer")
    new = "nine lives of a cat"
    wrong = browser.said("/settings/password", current="wrong", fresh=new, again=new)
    assert "This is not your password." in wrong
    assert "This is not the same password." in browser.said(
        "/settings/password", current=old, fresh=new, again="something else"
    )
    assert "too short" in browser.said("/settings/password", current=old, fresh="short", again="short")
    said = browser.said("/settings/password", current=old, fresh=new, again=new)
    assert "Your password is changed." in said
    assert "changed a password" in said
    assert new not in said
    assert other.client.get("/settings/password").status_code == 302
    user.refresh_from_db()
    assert user.check_password(new)


def test_guesses_of_ones_password_are_throttled_like_logins(place: Place) -> None:
    browser = place.browser("viewer")
    browser.client.defaults["REMOTE_ADDR"] = "192.0.2.77"
    given = {"current": "wrong", "fresh": "nine lives of a cat", "again": "nine lives of a cat"}
    statuses = [browser.send("/settings/password", **given).status_code for _ in range(10)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_a_member_leaves_and_an_owner_cannot(place: Place) -> None:
    from tmon.server.tenants.rights import Role, role_of

    said = place.browser("viewer").said("/settings/", f"/settings/leave/{place.wsid}")
    assert "You have left it." in said
    assert role_of(place.people["viewer"], place.wsid) is None
    assert place.browser().send("/settings/", f"/settings/leave/{place.wsid}").status_code == 404
    assert role_of(place.people["owner"], place.wsid) is Role.OWNER


# -- a web service's -------------------------------------------------------------------------------------------------


def test_name_and_time_zone_are_changed(place: Place) -> None:
    name = f"renamed {time.monotonic_ns()}"
    said = place.browser("manager").said(place.path(), name=name, timezone="Pacific/Chatham")
    assert "The new time zone holds from the next local midnight." in said
    assert (fresh(place).name, fresh(place).timezone) == (name, "Pacific/Chatham")
    actor, way, act, details = last_act(place)
    assert (actor, way, act) == (place.people["manager"].username, "page", "webservice-changed")
    assert details["timezone"] == "Europe/Vienna → Pacific/Chatham"
    assert "Saved." in place.browser("manager").said(place.path(), name=name, timezone="Pacific/Chatham")
    assert last_act(place)[3] == details  # what changes nothing is no act


def test_keys_are_shown_rotated_and_revoked(place: Place) -> None:
    browser = place.browser("manager")
    ((first, wsid),) = SECRET.findall(browser.get(place.path("/keys")))
    assert wsid == str(place.wsid)
    said = browser.said(place.path("/keys"), do="new")
    (second, third) = (secret for secret, _ in SECRET.findall(said))
    assert third == first
    assert "Give its DSN to every sender" in said
    assert "has 2 active keys; revoke one of them first" in browser.said(place.path("/keys"), do="new")
    from tmon.server.tenants import keys

    older = keys.active(place.wsid)[1].pk
    said = browser.said(place.path("/keys"), do="revoke", key=str(older))
    assert f"Key {older} is revoked." in said
    assert [secret for secret, _ in SECRET.findall(said)] == [second]


def test_the_only_key_is_revoked_by_whoever_types_the_name(place: Place) -> None:
    from tmon.server.tenants import keys

    browser = place.browser()
    only = str(keys.active(place.wsid)[0].pk)
    assert "This is not its name." in browser.said(
        place.path("/keys"), do="revoke", key=only, typed="something"
    )
    assert len(keys.active(place.wsid)) == 1
    said = browser.said(place.path("/keys"), do="revoke", key=only, typed=place.webservice.name)
    assert "No key is active, so nothing can be reported." in said


@pytest.mark.parametrize("key", ["", "x", "0", "999999", "9" * 30, "-1", "²"])
def test_a_key_that_is_none_of_it_is_not_revoked(place: Place, key: str) -> None:
    from tmon.server.tenants import keys

    place.browser().send(place.path("/keys"), do="revoke", key=key)
    assert len(keys.active(place.wsid)) == 1


def test_the_page_of_keys_says_who_uses_which(place: Place) -> None:
    from tmon.server.tenants import keys

    place.append(source="web-1", run="r", seq=1, sent=0, key=keys.active(place.wsid)[0].pk)
    page = place.browser().get(place.path("/keys"))
    assert "Used by" in page
    assert "web-1" in page


def test_members_are_changed_and_removed(place: Place) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.rights import Role, role_of

    browser, path, guest = place.browser("manager"), place.path("/members"), place.people["stranger"]
    owner = place.people["owner"]
    accounts.add_member(place.wsid, guest, "viewer")
    browser.said(path, do="change", user=str(guest.pk), role="manager")
    assert role_of(guest, place.wsid) is Role.MANAGER
    assert "is not a role" in browser.said(path, do="change", user=str(guest.pk), role="emperor")
    browser.said(path, do="remove", user=str(guest.pk))
    assert role_of(guest, place.wsid) is None
    for do in ("change", "remove"):
        assert browser.send(path, do=do, user=str(owner.pk), role="viewer").status_code == 404
        assert browser.send(path, do=do, user="9" * 30).status_code == 404
    assert role_of(owner, place.wsid) is Role.OWNER


def test_nobody_becomes_a_member_unasked_and_no_page_says_who_has_an_account(place: Place) -> None:
    from tmon.server.tenants.rights import role_of

    browser, path, guest = place.browser("manager"), place.path("/members"), place.people["stranger"]
    texts = [
        re.sub(r'value="\w{64}"', "", browser.said(path, do="add", username=name, role="viewer"))
        for name in (guest.username, "nobody at all")
    ]
    assert texts[0] == texts[1]
    assert role_of(guest, place.wsid) is None


def test_two_who_revoke_a_key_each_at_the_same_time_leave_one(place: Place) -> None:
    from tmon.server.tenants import Refused, keys

    first, second = keys.active(place.wsid)[0], keys.issue(place.wsid)
    keys.revoke(place.wsid, first.pk, last=False)
    with pytest.raises(Refused, match="is the last one now"):  # whose page showed both
        keys.revoke(place.wsid, second.pk, last=False)
    assert [key.pk for key in keys.active(place.wsid)] == [second.pk]
    keys.revoke(place.wsid, second.pk)


def test_web_services_made_at_the_same_time_are_no_more_than_may_be(place: Place) -> None:
    from django.db import connection

    from tmon.server.tenants import Refused, accounts
    from tmon.server.tenants.models import WebService

    owner, mark, together = place.people["owner"], time.monotonic_ns(), threading.Barrier(4)
    most = WebService.objects.filter(owner=owner).count() + 1
    made = []

    def make(number: int) -> None:
        together.wait()
        with contextlib.suppress(Refused):
            made.append(accounts.create_webservice(f"race-{mark}-{number}", owner, most=most))
        connection.close()

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    accounts.delete_webservice(made[0].webservice.wsid)


@pytest.mark.parametrize(
    "name", ["shop\nhttp://evil.example", "sh\x85op", "\u200b", "a\u202eb", "a\u2028b", "\u200d", "\ue000"]
)
def test_a_name_that_is_not_one_line_is_refused(place: Place, name: str) -> None:
    from tmon.server.tenants import Refused, accounts

    said = "A name is one line of characters that can be seen."
    assert said in place.browser().said(place.path(), name=name, timezone="UTC")
    with pytest.raises(Refused, match=re.escape(said)):
        accounts.create_webservice(name, place.people["owner"])


def test_names_of_every_script_are_taken(place: Place) -> None:
    for name in ("क्\u200dष", "店", "👩\u200d💻 Straße"):
        place.browser().send(place.path(), name=name, timezone="UTC")
        place.webservice.refresh_from_db()
        assert place.webservice.name == name


def test_a_manager_who_removes_himself_is_led_to_where_he_may_be(place: Place) -> None:
    response = place.browser("manager").send(
        place.path("/members"), do="remove", user=str(place.people["manager"].pk)
    )
    assert response.redirect_chain[-1][0] == "/settings/"


def test_the_owner_hands_over_and_stays_as_a_manager(place: Place) -> None:
    from tmon.server.tenants.rights import Role, role_of

    path, owner, manager = place.path("/members"), place.people["owner"], place.people["manager"]
    given = {"do": "hand-over", "user": str(manager.pk), "typed": place.webservice.name}
    assert place.browser("manager").send(path, **given).status_code == 403
    assert "This is not its name." in place.browser().said(path, **{**given, "typed": "x"})
    stranger = str(place.people["stranger"].pk)
    assert "Select a valid choice" in place.browser().said(path, **{**given, "user": stranger})
    assert role_of(owner, place.wsid) is Role.OWNER
    assert "owns it now; you are a manager." in place.browser().said(path, **given)
    assert (role_of(owner, place.wsid), role_of(manager, place.wsid)) == (Role.MANAGER, Role.OWNER)


def test_keeping_addresses_and_events_longer_needs_no_more_than_saying_so(place: Place) -> None:
    said = place.browser().said(place.path("/privacy"), ip_policy="truncated", retention_days="30")
    assert "Saved." in said
    assert (fresh(place).ip_policy, fresh(place).retention_days) == ("truncated", 30)


def test_keeping_events_for_less_long_asks_for_the_name(place: Place) -> None:
    browser, given = place.browser(), {"ip_policy": "none", "retention_days": "7"}
    assert "Events older than 7 days will be deleted for good." in browser.said(
        place.path("/privacy"), **given
    )
    assert "This is not its name." in browser.said(place.path("/privacy"), **given, typed="x")
    assert fresh(place).retention_days == 14
    browser.said(place.path("/privacy"), **given, typed=place.webservice.name)
    assert fresh(place).retention_days == 7


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "", "9" * 40])
def test_a_retention_that_makes_no_sense_is_said_beside_the_field(place: Place, days: str) -> None:
    page = place.browser().said(place.path("/privacy"), ip_policy="none", retention_days=days)
    assert "field-error" in page
    assert fresh(place).retention_days == 14


def test_a_user_name_is_erased_and_the_page_says_how_much_was(place: Place) -> None:
    from tmon.server.tenants.models import AuditEntry

    for _ in range(3):
        place.report(username="jo.doe")
    place.report(username="erika")
    place.reject("no url", '{"username": "jo.doe"}')
    browser, path = place.browser("manager"), place.path("/erase")
    assert "This is not its name." in browser.said(path, username="jo.doe", typed="x")
    said = browser.said(path, username="jo.doe", typed=place.webservice.name)
    assert "The name is erased from 3 events and 1 rejected payload. The events stay, without it." in said
    assert "jo.doe" not in said
    names = [event.fields.get("username") for event in place.store.events(place.wsid, 10)]
    assert sorted(names, key=str) == [None, None, None, "erika"] or names.count("erika") == 1
    assert "jo.doe" not in repr(names)
    assert last_act(place)[2:] == ("erased", {"events": 3, "rejected_payloads": 1})
    assert "jo.doe" not in repr(list(AuditEntry.objects.values()))
    again = browser.said(path, username="jo.doe", typed=place.webservice.name)
    assert "Nothing was erased" in again


def test_an_erasure_that_takes_long_goes_on_and_is_in_the_audit_log(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.dashboard import errands, services
    from tmon.server.tenants import Keyring, audit

    go_on = threading.Event()

    def slow(command: Any) -> Any:
        assert go_on.wait(30)
        return place.ask(command)

    services.wire(place.store, lambda timeout_s: place.store.settle(), Keyring(), ask=slow)
    monkeypatch.setattr(services.wired().errands, "_wait_s", 0.05)
    place.report(username="jo")
    browser, given = place.browser(), {"username": "jo", "typed": place.webservice.name}
    for _ in range(errands.AT_ONCE):
        assert "Erasing goes on." in browser.said(place.path("/erase"), **given)
    assert "Several names are being erased" in browser.said(place.path("/erase"), **given)
    go_on.set()

    def acts() -> list[str]:
        return [entry.act for entry in audit.of_webservice(place.wsid)]

    until(lambda: acts().count("erased") >= errands.AT_ONCE, "all erasures are in the audit log")
    assert acts().count("erasure-asked") == errands.AT_ONCE


def test_an_erasure_that_fails_is_said_and_is_in_the_audit_log(place: Place) -> None:
    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, StoreAway

    def away(command: Any) -> Any:
        raise StoreAway("the writer is away")

    services.wire(place.store, lambda timeout_s: place.store.settle(), Keyring(), ask=away)
    said = place.browser().said(place.path("/erase"), username="jo", typed=place.webservice.name)
    assert "Nothing is known to be erased: the writer is away." in said
    assert last_act(place)[2:] == ("erasure-failed", {"why": "the writer is away"})
    deleted = place.browser().said(place.path("/delete"), typed=place.webservice.name)
    assert "What was collected for it is being dropped." in deleted


def test_a_web_service_is_deleted_by_its_owner_who_types_its_name(place: Place) -> None:
    from tmon.server.tenants import deletions
    from tmon.server.tenants.models import WebService

    place.report()
    browser = place.browser()
    assert "This is not its name." in browser.said(place.path("/delete"), typed=place.webservice.name.upper())
    said = browser.said(place.path("/delete"), typed=place.webservice.name)
    assert f"{place.webservice.name} is deleted, with 1 event." in said
    assert not WebService.objects.filter(pk=place.wsid).exists()
    assert place.wsid not in deletions.pending()
    assert place.store.events(place.wsid, 10) == []
    assert last_act(place)[2] == "webservice-deleted"
    browser.get(place.path(), 404)


def test_the_sources_add_up_and_say_what_is_missing_and_why(place: Place) -> None:
    now = time.time()
    calendar = Calendar([(float("-inf"), "UTC")])
    event = Event(ts_ms=int(now * 1000), hour=calendar.hour(now), agent=Agent(useragent="x"), path="/")
    bookkeeping = {"source": "<b>web-1</b>", "run": "r", "seq": 1, "sent": 10, "lost": {"queue <i>full": 3}}
    place.append(events=[event], rejected=[Rejected(1, "url missing", "x")], **bookkeeping)
    response = place.browser("viewer").client.get(place.path("/sources"))
    raw = response.content.decode()
    assert "10% of what was sent is stored." in raw
    assert "&lt;b&gt;web-1&lt;/b&gt;" in raw
    assert "<b>web-1</b>" not in raw
    assert "queue &lt;i&gt;full" in raw
    assert "1 rejected:" in raw
    assert "8 missing:" in raw
    assert "5 never arrived or are still being tried" in raw


def test_a_store_that_does_not_answer_is_said(place: Place) -> None:
    from tmon.server.dashboard import services
    from tmon.server.store import Unavailable
    from tmon.server.tenants import Keyring

    class Away(MemoryStore):
        def runs(self, wsid: int) -> Any:
            raise Unavailable("away")

        def quarantine(self, wsid: int, limit: int) -> Any:
            raise Unavailable("away")

    store = Away()
    services.wire(store, lambda timeout_s: None, Keyring())
    for page in ("/sources", "/quarantine"):
        assert "The store can't be asked now." in place.browser().get(place.path(page))
    assert SECRET.search(place.browser().get(place.path("/keys")))
    store.close()


def test_the_quarantine_is_paged_and_shows_strangers_text_as_text(place: Place) -> None:
    for number in range(45):
        place.reject(
            "url missing", f'{{"n": {number}, "x": "</pre><script>alert({number})</script>"}}', "s<u>x"
        )
    browser = place.browser("manager")
    raw = browser.client.get(place.path("/quarantine")).content.decode()
    assert raw.count("<pre") == 20
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(44)" in raw
    place.reject("url missing", '{"x": "a\u202eb"}')
    assert "a\\u202eb" in browser.get(place.path("/quarantine"))
    assert "s&lt;u&gt;x" in raw
    last = browser.client.get(place.path("/quarantine?page=3")).content.decode()
    assert last.count("<pre") == 6
    assert 'href="?page=2"' in last
    assert "Nothing on this page" in browser.get(place.path("/quarantine?page=9999"))
    for page in ("0", "-1", "x", "²", "9" * 30):
        assert browser.client.get(place.path(f"/quarantine?page={page}")).content.decode().count("<pre") == 20


def test_the_audit_log_is_paged_and_shows_names_as_text(place: Place) -> None:
    from tmon.server.tenants import audit

    by = audit.Actor("<script>x</script>", audit.Way.PAGE)
    for number in range(60):
        audit.record(by, audit.Act.TOKEN_CREATED, place.webservice, name=f"<i>{number}</i>")
    raw = place.browser("manager").client.get(place.path("/audit")).content.decode()
    assert raw.count("made an API token") == 50
    assert "&lt;script&gt;x" in raw
    assert "<i>59" not in raw
    assert "&lt;i&gt;59" in raw
    second = place.browser("manager").get(place.path("/audit?page=2"))
    assert second.count("made an API token") == 10
    assert "created the web service" in second
    assert "by a command on the server" in second


# -- who sees what ---------------------------------------------------------------------------------------------------


def test_every_page_is_kept_by_no_cache(place: Place) -> None:
    for path in (
        *(place.path(page) for page in PAGES),
        "/settings/",
        "/settings/tokens",
        "/settings/password",
    ):
        assert place.browser().client.get(path)["Cache-Control"] == "no-store", path


def test_a_form_from_elsewhere_is_refused(place: Place) -> None:
    for path in (
        *(place.path(page) for page in PAGES),
        "/settings/",
        "/settings/tokens",
        "/settings/password",
    ):
        response = place.browser().client.post(path, {"typed": place.webservice.name, "do": "new"})
        assert response.status_code in (403, 405), path


def test_a_token_reads_the_pages_and_neither_changes_anything_nor_sees_a_key(place: Place) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts, keys

    text = accounts.create_token(place.people["owner"])[1]
    program = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {text}"})
    page = program.get(place.path("/keys")).content.decode()
    assert "Keys are shown to people who are logged in." in page
    assert keys.secret_of(keys.active(place.wsid)[0]).hex() not in page
    for path in PAGES:
        refused = program.post(place.path(path), {"typed": place.webservice.name, "do": "new"})
        assert refused.status_code == 403, path
    assert len(keys.active(place.wsid)) == 1


def test_the_sections_are_those_that_open(place: Place) -> None:
    assert (
        re.findall(r'href="/view/settings/\d+/?(\w*)"', place.browser("viewer").get(place.path("/sources")))
        == ["sources"] * 4
    )
    manager = place.browser("manager").get(place.path("/keys"))
    assert f'href="{place.path("/delete")}"' not in manager
    assert f'href="{place.path("/delete")}"' in place.browser().get(place.path("/keys"))


def test_no_secret_is_in_an_address_or_a_message(place: Place) -> None:
    browser = place.browser()
    response = browser.send(place.path("/keys"), do="new")
    secrets = {secret for secret, _ in SECRET.findall(response.content.decode())}
    assert len(secrets) == 2
    told = repr(response.redirect_chain) + repr(browser.client.cookies) + repr(dict(browser.client.session))
    assert not any(secret in told for secret in secrets)


class Tags(HTMLParser):
    """Labels, and controls that need one."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.labels: set[str] = set()
        self.controls: set[str] = set()
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag == "label" and values.get("for"):
            self.labels.add(values["for"] or "")
        if tag in ("input", "select") and values.get("type") != "hidden" and "hidden" not in values:
            self.controls.add(values.get("id") or "without an id")


@pytest.mark.parametrize("page", PAGES)
def test_every_control_has_its_label(place: Place, page: str) -> None:
    tags = Tags(place.browser().client.get(place.path(page)).content.decode())
    assert tags.controls <= tags.labels
    assert len(tags.ids) == len(set(tags.ids))
