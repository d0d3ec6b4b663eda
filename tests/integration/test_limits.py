# SPDX-License-Identifier: GPL-3.0-or-later
"""Time limits: who sets them, what is refused, and that what is used for longer is told once."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry

from tmon.server.calendar import Calendar
from tmon.server.catalogue import read_views
from tmon.server.events import SESSION, Agent, Event
from tmon.server.sessions import Rule, Session
from tmon.server.store.base import Envelope, Unavailable
from tmon.server.store.sqlite import open_store
from tmon.settings.paths import shipped

NOW = 1_715_768_430.0
"""2024-05-15T12:20:30 in Vienna."""
NUMBERS = itertools.count(1)


class Stored(NamedTuple):
    number: int
    session: Session
    source: str = ""


class Sessions:
    """Stands for a store: gives what is put into it."""

    def __init__(self) -> None:
        self.live: dict[int, list[Stored]] = {}
        self.asked: list[tuple[int, int]] = []
        self.away = False

    def live_sessions(self, wsid: int, since_ms: int, *, ended: bool) -> list[Stored]:
        self.asked.append((wsid, since_ms))
        assert ended, "those that have ended since are looked at too"
        if self.away:
            raise Unavailable("the disk is away")
        return [one for one in self.live.get(wsid, []) if one.session.ended_ms >= since_ms]


def session(begun_s: float, last_s: float = 0, **fields: Any) -> Session:
    """One that began, and had its last sign of life, so many seconds before NOW."""
    whose = {"place": "198.51.100.7", "user": "anna", "object": "algebra", **fields}
    return Session(**whose, start_ms=int((NOW - begun_s) * 1000), ended_ms=int((NOW - last_s) * 1000))


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("limiting")[0]


@pytest.fixture
def shop(owner: Any) -> Any:
    from tmon.server.limits.models import Limit
    from tmon.server.tenants import accounts

    Limit.objects.all().delete()
    return accounts.create_webservice(f"limited {next(NUMBERS)}", owner, "Europe/Vienna").webservice


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def watch(sessions: Sessions, now: float = NOW, **more: Any) -> Any:
    from tmon.server.limits.rounds import Figures
    from tmon.server.limits.watch import Watch

    return Watch(sessions, Figures(CollectorRegistry()), clock=lambda: now, **more)


def logged_in(user: Any) -> Any:
    """A browser that has a page of ours open, which is where it has the token against forgery from."""
    from django.test import Client

    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/logout")
    client.defaults["HTTP_X_CSRFTOKEN"] = client.cookies["csrftoken"].value
    return client


def send(client: Any, shop: Any, content: Any) -> Any:
    return client.post(
        f"/{shop.wsid}/data/limits",
        content if isinstance(content, bytes) else json.dumps(content),
        content_type="application/json",
    )


def warnings_of(shop: Any) -> list[Any]:
    from tmon.server.limits.models import Violation

    return list(Violation.objects.filter(webservice=shop).order_by("id"))


def acts_of(shop: Any) -> list[tuple[str, dict[str, Any]]]:
    from tmon.server.tenants import audit

    return [
        (one.act, one.details)
        for one in reversed(audit.of_webservice(shop.wsid))
        if one.act.startswith(("limit", "destination"))
    ]


# -- limits -----------------------------------------------------------------------------------------------------------


def test_a_limit_is_set_changed_and_removed_and_the_audit_log_keeps_it(shop: Any) -> None:
    client = logged_in(shop.owner)
    made = send(client, shop, {"object": "algebra", "minutes": 30})
    assert made.status_code == 200
    [limit] = client.get(f"/{shop.wsid}/data/limits").json()["results"]
    assert limit == made.json()["results"]
    assert (limit["object"], limit["minutes"], limit["by"]) == ("algebra", 30, "limiting")
    assert limit["since"].endswith(("+01:00", "+02:00"))
    assert send(client, shop, {"object": "algebra", "minutes": 30}).json()["results"] == limit
    assert send(client, shop, {"object": "algebra", "minutes": 45}).json()["results"]["minutes"] == 45
    removed = client.delete(f"/{shop.wsid}/data/limits?object=algebra")
    assert (removed.status_code, removed.json()["results"]["minutes"]) == (200, 45)
    assert client.get(f"/{shop.wsid}/data/limits").json() == {"status_code": 200, "results": []}
    assert acts_of(shop) == [
        ("limit-set", {"object": "algebra", "minutes": 30}),
        ("limit-changed", {"object": "algebra", "minutes": 45, "before": 30}),
        ("limit-removed", {"object": "algebra", "minutes": 45}),
    ]


def test_the_whole_service_is_the_object_without_a_name(shop: Any) -> None:
    client = logged_in(shop.owner)
    assert send(client, shop, {"minutes": 30}).json()["results"]["object"] == ""
    assert client.delete(f"/{shop.wsid}/data/limits?object=").status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        *({"object": "a", "minutes": minutes} for minutes in (0, -1, 1441, 10**30, 1.5, "30", None, True)),
        {"object": "a"},
        {"object": "a" * 501, "minutes": 5},
        {"object": "a\x00b", "minutes": 5},
        {"object": "a\nb", "minutes": 5},
        {"object": 7, "minutes": 5},
        {"object": None, "minutes": 5},
        {"object": "a", "minutes": 5, "more": 1},
        [],
        b'{"object": "\\ud800", "minutes": 5}',
        b'{"object": "\xff", "minutes": 5}',
        b"",
        b"{",
        b"[" * 100_000,
    ],
)
def test_what_is_no_limit_is_refused_and_said(shop: Any, content: Any) -> None:
    refused = send(logged_in(shop.owner), shop, content)
    assert (refused.status_code, refused.json()["status_code"]) == (400, 400)
    assert refused.json()["message"]
    assert acts_of(shop) == []


def test_a_form_is_no_json(shop: Any) -> None:
    refused = logged_in(shop.owner).post(f"/{shop.wsid}/data/limits", {"minutes": 5})
    assert (refused.status_code, "application/json" in refused.json()["message"]) == (400, True)


@pytest.mark.parametrize(
    "query", ["", "?object=a&object=b", "?object=a&x=1", "?object=%00", "?object=" + "a" * 501]
)
def test_removing_needs_one_name(shop: Any, query: str) -> None:
    assert logged_in(shop.owner).delete(f"/{shop.wsid}/data/limits{query}").status_code == 400


def test_what_is_not_there_is_not_removed(shop: Any) -> None:
    refused = logged_in(shop.owner).delete(f"/{shop.wsid}/data/limits?object=a")
    assert (refused.status_code, refused.json()["message"]) == (404, "There is no limit for this object.")


def test_there_is_an_end_to_limits(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.limits import limiting

    monkeypatch.setattr(limiting, "MOST", 2)
    client = logged_in(shop.owner)
    assert [send(client, shop, {"object": one, "minutes": 5}).status_code for one in "abc"] == [200, 200, 400]
    assert send(client, shop, {"object": "a", "minutes": 6}).status_code == 200


def test_without_the_token_against_forgery_nothing_is_set(shop: Any) -> None:
    client = logged_in(shop.owner)
    client.defaults.pop("HTTP_X_CSRFTOKEN")
    assert send(client, shop, {"minutes": 5}).status_code == 403
    assert client.delete(f"/{shop.wsid}/data/limits?object=").status_code == 403


# -- warnings ---------------------------------------------------------------------------------------------------------


def put(shop: Any, minutes: int, object_: str = "algebra") -> None:
    from tmon.server.limits import limiting

    limiting.put(shop, shop.owner, object_, minutes)


def test_what_is_used_for_longer_is_told_once(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    sessions.live[shop.wsid] = [
        Stored(1, session(601)),
        Stored(2, session(600, user="ben")),
        Stored(3, session(9_000, object="biology")),
    ]
    looking = watch(sessions)
    for _ in range(3):
        looking.round()
        watch(sessions).round()  # somebody who has just been started
    [one] = warnings_of(shop)
    assert (one.name, one.subject, one.object, one.minutes, one.number) == (
        "anna",
        "anna",
        "algebra",
        10,
        1,
    )
    assert (one.exceeded - one.started).total_seconds() == 600
    assert one.exceeded.timestamp() == NOW - 1


def test_without_limits_no_store_is_asked(shop: Any, sessions: Sessions) -> None:
    sessions.live[shop.wsid] = [Stored(1, session(9_000))]
    watch(sessions).round()
    assert sessions.asked == []


def test_sessions_of_a_quarter_of_an_hour_ago_are_asked_for(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    watch(sessions).round()
    assert sessions.asked == [(shop.wsid, int((NOW - 15 * 60) * 1000))]


def test_a_limit_that_is_changed_is_told_anew_where_it_is_exceeded(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720))]
    looking = watch(sessions)
    for minutes in (10, 20, 11, 10, 11):
        put(shop, minutes)
        looking.round()
    assert [one.minutes for one in warnings_of(shop)] == [10, 11]


def test_a_limit_holds_for_a_module_however_requests_spell_it(shop: Any, sessions: Sessions) -> None:
    from tmon.server.modules import cataloguing
    from tmon.server.modules.entries import Entry
    from tmon.server.modules.models import Origin
    from tmon.server.tenants import audit

    entries = [Entry(slug="cdn-algebra", name="Algebra"), Entry(slug="biology", url="/uploads/a7/index.html")]
    cataloguing.put(shop, audit.on_page(shop.owner), entries, Origin.HAND)
    put(shop, 10, "cdn-algebra")
    put(shop, 30, "CDN Algebra")  # goes before it for whoever spells it so, and for nobody else
    put(shop, 10, "biology")
    put(shop, 10, "unknown-module")
    sessions.live[shop.wsid] = [
        Stored(number, session(720, object=spelt, user=f"user {number}"))
        for number, spelt in enumerate(
            ("CDN_Algebra", "cdn-algebra", "CDN Algebra", "cdn\0-algebra", "a7", "Unknown_Module", "")
        )
    ]
    for _ in range(2):
        watch(sessions).round()
    assert [(one.number, one.object, one.minutes) for one in warnings_of(shop)] == [
        (0, "CDN_Algebra", 10),
        (1, "cdn-algebra", 10),
        (3, "cdn-algebra", 10),
        (4, "a7", 10),
    ]


def test_what_had_ended_before_anybody_looked_is_told_too(tmp_path: Path, shop: Any) -> None:
    put(shop, 10, "desk")
    said = [("1", "anna", 1_000, 100), ("2", "ben", 600, 0), ("3", "cleo", 5_000, 4_000)]
    events = [
        Event(
            ts_ms=int((NOW - ago_s) * 1000),
            hour=shop.calendar().hour(NOW - ago_s),
            agent=Agent(useragent="x"),
            kind=SESSION,
            extra={"session": name, "subject": subject, "object": "desk", "state": state},
        )
        for name, subject, *ago in said
        for state, ago_s in zip(("start", "end"), ago, strict=True)
    ]
    store = open_store(tmp_path)
    store.sync_views(read_views([shipped("views")]))
    store.append([Envelope(wsid=shop.wsid, id=bytes(16), received_ms=int(NOW * 1000), events=events)])
    store.settle()
    for _ in range(2):
        watch(store).round()
    [one] = warnings_of(shop)
    assert (one.name, one.exceeded.timestamp()) == ("anna", NOW - 400)
    store.close()


def test_a_limit_that_is_removed_tells_nothing(shop: Any, sessions: Sessions) -> None:
    from tmon.server.limits import limiting

    put(shop, 10)
    limiting.remove(shop, shop.owner, "algebra")
    sessions.live[shop.wsid] = [Stored(1, session(720))]
    watch(sessions).round()
    assert warnings_of(shop) == []


def test_late_events_and_another_number_tell_nothing_new_but_a_new_session_does(
    shop: Any, sessions: Sessions
) -> None:
    put(shop, 10)
    looking = watch(sessions)
    for number, one in [
        (1, session(720)),
        (1, session(1_000)),
        (2, session(1_000)),
        (1, session(1_000, user="")),
    ]:
        sessions.live[shop.wsid] = [Stored(number, one)]
        looking.round()
    assert len(warnings_of(shop)) == 1
    later = watch(sessions, NOW + 7_200)
    sessions.live[shop.wsid] = [Stored(3, session(-3_600, -7_200))]
    later.round()
    assert [one.number for one in warnings_of(shop)] == [1, 3]


def test_many_that_watch_at_once_tell_it_once(shop: Any, sessions: Sessions) -> None:
    from django.db import connections

    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(n, session(720 + n, user=f"user {n}")) for n in range(20)]
    together = threading.Barrier(4)

    def look() -> None:
        try:
            together.wait()
            watch(sessions).round()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.number for one in warnings_of(shop)) == list(range(20))


def test_the_table_itself_takes_no_second_warning(shop: Any, sessions: Sessions) -> None:
    from tmon.server.limits import warned
    from tmon.server.limits.matching import Holds
    from tmon.server.limits.models import Violation

    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720))]
    watch(sessions).round()
    [one] = warnings_of(shop)
    again = warned._violation(
        shop.wsid,
        warned.Found(1, "", session(720), Holds("algebra", 10), int((NOW - 120) * 1000)),
        one.noticed,
    )
    Violation.objects.bulk_create([again], ignore_conflicts=True)
    assert len(warnings_of(shop)) == 1


def test_what_there_is_no_room_for_is_counted_and_not_told(
    shop: Any, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.limits import warned

    monkeypatch.setattr(warned, "MOST", 3)
    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(n, session(720, user=f"user {n}")) for n in range(5)]
    registry = CollectorRegistry()
    looking = watch(sessions, registry=registry)
    looking.round()
    looking.round()
    assert len(warnings_of(shop)) == 3
    assert registry.get_sample_value("tmon_limits_left_out_total") == 2
    assert registry.get_sample_value("tmon_limits_warnings_total") == 3


def test_a_store_that_is_away_is_said_and_looked_at_again(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720))]
    looking = watch(sessions, interval_s=0.02)
    sessions.away = True
    looking.start()
    wait(lambda: looking.failing == "the disk is away")
    sessions.away = False
    wait(lambda: len(warnings_of(shop)) == 1)
    wait(lambda: looking.failing is None)
    looking.stop()


def test_trouble_with_one_web_service_leaves_the_others_watched(
    shop: Any, owner: Any, sessions: Sessions
) -> None:
    from tmon.server.tenants import accounts

    before = accounts.create_webservice(f"limited {next(NUMBERS)}", owner).webservice
    after = accounts.create_webservice(f"limited {next(NUMBERS)}", owner).webservice
    for number, one in enumerate([shop, before, after]):
        put(one, 10)
        sessions.live[one.wsid] = [Stored(number, session(720))]
    sessions.live[before.wsid] = [Stored(9, "no session")]  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        watch(sessions).round()
    assert [len(warnings_of(one)) for one in (shop, before, after)] == [1, 0, 1]


def test_texts_that_no_database_takes_are_told_all_the_same(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720, user="a\0b\ud800" + "c" * 2_000))]
    watch(sessions).round()
    sessions.live[shop.wsid] = [Stored(2, sessions.live[shop.wsid][0].session)]
    watch(sessions).round()
    [one] = warnings_of(shop)
    assert (one.username[:4], len(one.username), len(one.name)) == ("ab?c", 1024, 200)


def wait(condition: Any, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)


def test_sessions_that_the_store_makes_of_requests_are_watched(shop: Any, tmp_path: Path) -> None:
    put(shop, 10)
    store = open_store(tmp_path)
    store.sync_views(read_views([shipped("views")]))
    store.sync_rules({shop.wsid: Rule(by="ip", objects=("/modules/{object}",))})
    calendar = Calendar([(float("-inf"), "UTC")])

    def report(number: int, *minutes_ago: float) -> None:
        events = [
            Event(
                ts_ms=int((NOW - 60 * ago) * 1000),
                hour=calendar.hour(NOW - 60 * ago),
                agent=Agent(useragent="x"),
                path="/modules/algebra/index.html",
                method="GET",
                status=200,
                ip="198.51.100.7",
                visitor=1,
            )
            for ago in minutes_ago
        ]
        received = int(NOW * 1000)
        store.append([Envelope(wsid=shop.wsid, id=bytes([number] * 16), received_ms=received, events=events)])
        store.settle()
        watch(store).round()

    report(1, 9, 6, 3, 0)
    assert warnings_of(shop) == []
    report(2, 12)  # it comes late, and the session began with it
    [one] = warnings_of(shop)
    assert (one.name, one.exceeded.timestamp()) == ("198.51.100.7", NOW - 120)
    report(3, 14, 11)
    assert [one.pk] == [again.pk for again in warnings_of(shop)]
    store.close()


def test_warnings_are_read_newest_first_in_parts(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    for n in range(4):
        sessions.live[shop.wsid] = [Stored(n, session(720, user=f"user {n}", place=f"198.51.100.{n}"))]
        watch(sessions).round()
    client = logged_in(shop.owner)

    def read(**parameters: Any) -> Any:
        return client.get(f"/{shop.wsid}/data/warnings", parameters).json()["results"]

    every = read()
    assert [one["name"] for one in every] == ["user 3", "user 2", "user 1", "user 0"]
    assert [one["name"] for one in read(limit=2)] == ["user 3", "user 2"]
    assert [one["name"] for one in read(after=every[2]["id"])] == ["user 3", "user 2"]
    assert {key: value for key, value in every[3].items() if key != "id"} == {
        "at": "2024-05-15T12:18:30.000+02:00",
        "object": "algebra",
        "minutes": 10,
        "subject": "user 0",
        "name": "user 0",
        "session": 0,
        "source": "",
        "started": "2024-05-15T12:08:30.000+02:00",
        "noticed": "2024-05-15T12:20:30.000+02:00",
        "deliveries": [],
    }
    for bad in (
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=-1",
        "after=99999999999999999999",
        "x=1",
        "limit=1&limit=2",
    ):
        assert client.get(f"/{shop.wsid}/data/warnings?{bad}").status_code == 400


def test_viewers_see_warnings_without_where_they_went(shop: Any, sessions: Sessions) -> None:
    from tmon.server.tenants import accounts

    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720, user=""))]
    watch(sessions).round()
    viewer = accounts.create_user(f"limits-viewer-{next(NUMBERS)}")[0]
    accounts.add_member(shop.wsid, viewer, "viewer")
    client = logged_in(viewer)
    [one] = client.get(f"/{shop.wsid}/data/warnings").json()["results"]
    assert (one["name"], "deliveries" in one) == ("198.51.100.7", False)
    assert send(client, shop, {"minutes": 5}).status_code == 403
    assert client.delete(f"/{shop.wsid}/data/limits?object=algebra").status_code == 403


def test_a_guest_of_whom_nothing_is_known_has_no_number_of_a_visitor(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720, user="", place="~00000000000000aa"))]
    watch(sessions).round()
    content = logged_in(shop.owner).get(f"/{shop.wsid}/data/warnings").content
    assert b"00aa" not in content
    assert (json.loads(content)["results"][0]["name"], json.loads(content)["results"][0]["subject"]) == (
        "A guest",
        "",
    )


def test_of_a_session_that_a_source_tells_of_the_source_is_no_address(shop: Any, sessions: Sessions) -> None:
    put(shop, 10)
    sessions.live[shop.wsid] = [
        Stored(1, session(720, user="", place="lab"), "lab"),
        Stored(2, session(720 + 1, user="", place="lab"), "lab"),
    ]
    watch(sessions).round()
    found = logged_in(shop.owner).get(f"/{shop.wsid}/data/warnings").json()["results"]
    assert [(one["source"], one["subject"], one["name"]) for one in found] == [("lab", "", "A guest")] * 2


def test_an_erased_name_is_gone_from_warnings_and_told_no_second_time(shop: Any, sessions: Sessions) -> None:
    from tmon.server.limits import warned
    from tmon.server.tenants import audit

    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720, user="jo@example.org"))]
    watch(sessions).round()
    asked: list[Any] = []

    def ask(command: Any) -> Any:
        asked.append(command)
        sessions.live[shop.wsid] = [Stored(1, session(720, user=""))]
        return {"events": 3, "quarantined": 0}

    warned.erase_username(shop.wsid, "Jo@Example.org", ask, audit.on_page(shop.owner))
    assert asked == [{"do": "erase", "wsid": shop.wsid, "username": "Jo@Example.org"}]
    watch(sessions).round()
    [one] = warnings_of(shop)
    assert (one.username, one.name, one.subject) == ("", "A guest", "198.51.100.7")


def test_warnings_go_with_their_time_and_what_tells_visitors_apart_sooner(
    shop: Any, sessions: Sessions
) -> None:
    import datetime as dt

    from django.utils import timezone

    from tmon.server.limits import warned
    from tmon.server.limits.models import Violation

    put(shop, 10)
    sessions.live[shop.wsid] = [
        Stored(n, session(720, user=f"user {n}", place=f"~00000000000000{n:02}")) for n in range(4)
    ]
    watch(sessions).round()
    now = timezone.now()
    for n, hours in enumerate([1, 49, 51, 24 * 15]):
        Violation.objects.filter(webservice=shop, number=n).update(noticed=now - dt.timedelta(hours=hours))
    warned.clear_old()
    assert [(one.number, bool(one.place)) for one in warnings_of(shop)] == [(0, True), (1, True), (2, False)]
    shop.retention_days = 1
    shop.save()
    warned.clear_old()
    assert [one.number for one in warnings_of(shop)] == [0, 1]


def test_a_deleted_web_service_takes_everything_along(shop: Any, sessions: Sessions) -> None:
    from tmon.server.limits.models import Limit, Violation
    from tmon.server.tenants import accounts

    put(shop, 10)
    sessions.live[shop.wsid] = [Stored(1, session(720))]
    watch(sessions).round()
    wsid = shop.wsid
    accounts.delete_webservice(wsid)
    assert not Limit.objects.filter(webservice_id=wsid).exists()
    assert not Violation.objects.filter(webservice_id=wsid).exists()
    watch(sessions).round()
