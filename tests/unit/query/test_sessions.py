# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about sessions: live ones, records in pages, series and rankings, and which filters they take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.query.conftest import WSID, World

from tmon.server.events import SESSION, Agent, Event
from tmon.server.query import BadQuestion, NoSuchView, Sessions, as_csv
from tmon.server.sessions import Rule
from tmon.server.store.base import Envelope

RULE = Rule(by="username", objects=("/modules/{object}",))


@pytest.fixture
def asked(world: World) -> Sessions:
    world.store.sync_rules({WSID: RULE})
    return Sessions(world.store, world.settle, lambda: world.now)


_ids = iter(range(10**6))


def add(world: World, at: str, what: str = "math", user: str | None = "ada", **fields: Any) -> None:
    """A request, by its local time of 15 May or of another day."""
    ts = world.at(at if "-" in at else f"2024-05-15 {at}")
    path = f"/modules/{what}/"
    event = Event(
        ts_ms=int(ts * 1000), hour=world.calendar.hour(ts), agent=Agent(), path=path, username=user, **fields
    )
    name = next(_ids).to_bytes(16, "big")
    world.store.append([Envelope(wsid=WSID, id=name, received_ms=int(world.now * 1000), events=[event])])
    world.store.settle()


def tell(world: World, at: str, name: str, **extra: Any) -> None:
    add(world, at, kind=SESSION, extra={"session": name, "subject": "bob", "object": "desk", **extra})


def test_a_live_session_counts_from_its_start_to_now(world: World, asked: Sessions) -> None:
    add(world, "12:15:00")
    add(world, "12:19:59", ip="10.0.0.1", user=None)
    add(world, "12:19:00")
    answer = asked.live(world.subject, {})
    assert [(one.subject, one.address, one.seconds, one.idle) for one in answer.results] == [
        ("ada", "", 330, False),
        ("10.0.0.1", "10.0.0.1", 31, False),
    ]
    assert (answer.totals.subjects, answer.totals.objects, answer.totals.sessions_today) == (2, 1, 2)
    assert answer.results[0].start == "2024-05-15T12:15:00.000+02:00"


def test_a_counter_stops_half_of_the_idle_time_after_the_last_sign(world: World, asked: Sessions) -> None:
    add(world, "12:17:00")
    (one,) = asked.live(world.subject, {}).results
    assert (one.seconds, one.idle) == (150, True)
    world.now = world.at("2024-05-15 12:22:00")
    assert len(asked.live(world.subject, {}).results) == 1
    world.now += 1
    assert asked.live(world.subject, {}).results == []


def test_the_idle_time_is_that_of_the_rule(world: World, asked: Sessions) -> None:
    world.store.sync_rules({WSID: Rule(by="username", objects=RULE.objects, idle_ms=3_600_000)})
    add(world, "11:30:00")
    (one,) = asked.live(world.subject, {}).results
    assert (one.seconds, one.idle) == (1800, True)


def test_what_a_sender_tells_has_no_address(world: World, asked: Sessions) -> None:
    tell(world, "12:20:00", "1", state="start")
    (one,) = asked.live(world.subject, {}).results
    assert (one.subject, one.address, one.object, one.source) == ("bob", "", "desk", "")


def test_records_come_in_pages_from_the_latest_on(world: World, asked: Sessions) -> None:
    for minute in range(0, 60, 10):
        add(world, f"10:{minute:02}:00")
    add(world, "12:20:00", "physics")
    seen = []
    given: dict[str, list[str]] = {"limit": ["3"], "from": ["today"]}
    while True:
        answer = asked.listed(world.subject, given)
        seen += [(one.object, one.start[11:16], one.state) for one in answer.results]
        if not isinstance(answer.next, str):
            break
        given["before"] = [answer.next]
    assert seen == [
        ("physics", "12:20", "live"),
        *[("math", f"10:{minute}", "ended") for minute in ("50", "40", "30", "20", "10", "00")],
    ]


@pytest.mark.parametrize("before", ["", "x", "1", "1-", "-1", "1-2-3", "99999999999999999999-1"])
def test_before_is_what_next_has_said(world: World, asked: Sessions, before: str) -> None:
    with pytest.raises(BadQuestion, match="before is what an earlier answer has as next"):
        asked.listed(world.subject, {"before": [before]})


def test_sessions_by_day_and_hour(world: World, asked: Sessions) -> None:
    add(world, "2024-05-14 09:00:00")
    add(world, "2024-05-14 09:05:00")
    add(world, "11:00:00")
    by_day = asked.series(world.subject, "day", "3", {}).results
    assert [(one.t[:10], one.sessions, one.seconds, one.session_s) for one in by_day] == [
        ("2024-05-13", 0, 0, None),
        ("2024-05-14", 1, 300, 300),
        ("2024-05-15", 1, 0, 0),
    ]
    by_hour = asked.series(world.subject, "hour", "24", {"from": ["today"]}).results
    assert [(one.t[11:13], one.sessions) for one in by_hour if one.sessions] == [("11", 1)]
    assert len(by_hour) == 13
    with pytest.raises(NoSuchView):
        asked.series(world.subject, "minute", "3", {})


def test_rankings_of_sessions_have_their_measures_and_orders(world: World, asked: Sessions) -> None:
    add(world, "10:00:00")
    add(world, "10:04:00")
    add(world, "11:00:00", "physics")
    add(world, "11:30:00", "physics")
    for sort, first in (("sessions", "physics"), ("seconds", "math"), ("session_s", "math"), ("key", "math")):
        answer = world.questions.ranking(world.subject, "object", {"sort": [sort]})
        assert answer.results[0].key == first
    row = answer.results[0]
    assert (row.sessions, row.seconds, row.session_s, row.requests) == (1, 240, 240, 2)
    compared = world.questions.ranking(world.subject, "object", {"compare": ["previous"]})
    assert compared.results[0].previous.sessions == 0
    header = as_csv(compared, "ranking").decode().splitlines()[0]
    assert header == (
        "key,other,sessions,seconds,session_s,requests,"
        "previous_sessions,previous_seconds,previous_session_s,previous_requests"
    )
    with pytest.raises(BadQuestion, match="sort is one of"):
        world.questions.ranking(world.subject, "object", {"sort": ["visits"]})


def test_sessions_are_filtered_by_views_of_sessions_and_nothing_else_is(
    world: World, asked: Sessions
) -> None:
    add(world, "12:19:00")
    add(world, "12:20:00", "physics", user="bob")
    only = {"filter": ["object:phys*"]}
    assert [one.subject for one in asked.live(world.subject, only).results] == ["bob"]
    assert asked.live(world.subject, only).totals.sessions_today == 1
    assert [one.subject for one in asked.listed(world.subject, only).results] == ["bob"]
    assert asked.series(world.subject, "day", "1", only).results[0].sessions == 1
    assert [one.key for one in world.questions.ranking(world.subject, "subject", only).results] == ["bob"]
    for ask in (
        lambda given: asked.live(world.subject, given),
        lambda given: asked.listed(world.subject, given),
        lambda given: world.questions.ranking(world.subject, "object", given),
    ):
        with pytest.raises(BadQuestion, match="sessions can't be filtered by country"):
            ask({"filter": ["country:DE"]})
    for ask in (
        lambda given: world.questions.summary(world.subject, given),
        lambda given: world.questions.events(world.subject, given),
        lambda given: world.questions.ranking(world.subject, "url", given),
        lambda given: world.questions.series(world.subject, "hour", "3", given),
    ):
        with pytest.raises(BadQuestion, match="can't be filtered by object"):
            ask(only)


def test_without_a_view_of_sessions_today_is_not_known(world: World, asked: Sessions) -> None:
    views = {name: view for name, view in world.store.views().items() if view.kind != SESSION}
    world.store.sync_views(views)
    add(world, "12:20:00")
    assert asked.live(world.subject, {}).totals.sessions_today is None
    with pytest.raises(NoSuchView, match="no view of sessions"):
        asked.series(world.subject, "day", "3", {})


def test_a_session_that_began_before_what_is_complete_is_not_counted_as_known(
    world: World, asked: Sessions
) -> None:
    views = world.store.views()
    changed = {name: replace(views[name], version=2) for name in ("object", "subject")}
    add(world, "2024-05-14 09:00:00")
    world.store.close_days(int((world.now + 9 * 86_400) * 1000))
    world.store.settle()
    while world.store.expire(int((world.now + 9 * 86_400) * 1000), {WSID: 1}):
        pass
    world.store.sync_views({**views, **changed})
    answer = asked.series(world.subject, "day", "2", {})
    assert [one.sessions for one in answer.results] == [None, 0]
    assert answer.complete_from == "2024-05-15"
