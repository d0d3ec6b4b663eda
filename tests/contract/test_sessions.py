# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions: what a rule makes of requests, what senders tell, and that the order of arrival decides nothing."""

from __future__ import annotations

import datetime as dt
import tempfile
import zoneinfo
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from tests.contract.build import (
    DAY_MS,
    HOUR_MS,
    NOW,
    PAGE,
    TODAY,
    VIENNA,
    WSID,
    by_name,
    envelope,
    event,
    ms,
    period,
    requests,
    zone,
)

from tmon.server.catalogue import View
from tmon.server.events import SESSION, Event
from tmon.server.sessions import Rule
from tmon.server.store import Filter, Measures, Period, Span, Store, open_store
from tmon.server.store.sqlite.driver import Connection

OBJECT = View("object", "Used", "object", kind=SESSION)
SUBJECT = View("subject", "Who", "subject", kind=SESSION)
VIEWS = by_name(OBJECT, SUBJECT)
COURSES = Rule(by="username", objects=("/uploads/modules/{object}", "/modules/{object}"), assets=True)
BY_HOUR = replace(TODAY, spans=(Span("hour", TODAY.start, TODAY.end),))
MONTH = period("2026-10-31T23:00", "2026-11-30T23:00", "month")

Shown = tuple[str, str, str, str]
"""Subject, object, and the local times of beginning and end."""


def used(
    at: str, what: str = "math", user: str | None = None, ip: str | None = "10.0.0.1", **more: Any
) -> Event:
    """A request of today, by its local time in Vienna."""
    more = {"path": f"/modules/{what}/index.html", "username": user, "ip": ip, **more}
    return event(f"2026-11-23T{at}+01:00", **more)


def sign(at: str | int, name: str = "1", subject: str = "ada", what: str = "desk", **says: Any) -> Event:
    """An event of kind session of today, by its local time."""
    when = at if isinstance(at, int) else f"2026-11-23T{at}+01:00"
    return event(when, kind=SESSION, extra={"session": name, "subject": subject, "object": what, **says})


def append(store: Store, *events: Event, received_ms: int = NOW, source: str = "") -> None:
    store.append([envelope(*events, received_ms=received_ms, source=source)])
    store.settle()


def begin(store: Store, rule: Rule = COURSES) -> Store:
    store.sync_views(VIEWS)
    store.sync_rules({WSID: rule})
    store.settle()
    return store


def local(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, zoneinfo.ZoneInfo("Europe/Vienna")).strftime("%H:%M:%S")


def shown(store: Store, asked: Period = TODAY) -> list[Shown]:
    """The sessions that begin in a period, in their order."""
    found = store.sessions(WSID, 1000, between=(asked.start, asked.end))[::-1]
    return [
        (one.session.subject, one.session.object, local(one.session.start_ms), local(one.session.ended_ms))
        for one in found
    ]


def seconds(store: Store, view: str = "object", asked: Period = TODAY) -> dict[str, tuple[int, float]]:
    """Sessions and seconds by key."""
    rows, other = store.ranking(view, asked, 1000)
    assert other is None
    return {key: (one.requests, one.duration_us / 1_000_000) for key, one in rows}


# -- what a rule makes of requests --------------------------------------------------------------------------------


def test_requests_of_one_object_are_a_session_until_nothing_comes_for_as_long_as_the_rule_says(
    store: Store,
) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:05:00"), used("10:10:01"))
    assert shown(store) == [
        ("10.0.0.1", "math", "10:00:00", "10:05:00"),
        ("10.0.0.1", "math", "10:10:01", "10:10:01"),
    ]
    assert seconds(store) == {"math": (2, 300)}
    assert store.ranking("object", TODAY, 5).rows == [("math", Measures(2, 0, 0, 1, 300_000_000, 2, 3))]


def test_another_object_ends_the_one_before_there_and_then(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:04:00", "physics"), used("10:04:30", "physics"))
    assert shown(store) == [
        ("10.0.0.1", "math", "10:00:00", "10:04:00"),
        ("10.0.0.1", "physics", "10:04:00", "10:04:30"),
    ]


def test_a_late_request_between_two_of_another_object_splits_their_session(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:04:00"))
    append(store, used("10:02:00", "physics"))
    assert shown(store) == [
        ("10.0.0.1", "math", "10:00:00", "10:02:00"),
        ("10.0.0.1", "physics", "10:02:00", "10:04:00"),
        ("10.0.0.1", "math", "10:04:00", "10:04:00"),
    ]
    assert seconds(store) == {"math": (2, 120), "physics": (1, 120)}


def test_several_objects_at_a_time_by_rule(store: Store) -> None:
    begin(store, Rule(by="ip", objects=("/modules/{object}",), exclusive=False))
    append(
        store, used("10:00:00"), used("10:02:00", "physics"), used("10:04:00"), used("10:06:00", "physics")
    )
    assert shown(store) == [
        ("10.0.0.1", "math", "10:00:00", "10:04:00"),
        ("10.0.0.1", "physics", "10:02:00", "10:06:00"),
    ]


def test_what_may_not_begin_a_session_neither_ends_another_nor_extends_it(store: Store) -> None:
    begin(store, Rule(by="ip", objects=("/modules/{object}",), entry="index.html", assets=True))
    append(
        store,
        used("10:00:00"),
        used("10:01:00", path="/modules/physics/picture.png"),
        used("10:04:00", path="/modules/math/lesson.html"),
        used("10:20:00", path="/modules/physics/picture.png"),
    )
    assert shown(store) == [
        ("10.0.0.1", "math", "10:00:00", "10:04:00"),
        ("10.0.0.1", "physics", "10:20:00", "10:20:00"),
    ]


def test_who_logs_in_at_a_place_ends_what_a_guest_uses_there(store: Store) -> None:
    begin(store)
    append(
        store,
        used("10:00:00"),
        used("10:01:00", ip="10.0.0.2"),
        used("10:03:00", user="Ada@Example.org"),
        used("10:04:00", ip="10.0.0.2"),
        used("10:05:00", user="mailto:ada@example.org"),
    )
    assert shown(store) == [
        ("10.0.0.1", "math", "10:00:00", "10:03:00"),
        ("10.0.0.2", "math", "10:01:00", "10:04:00"),
        ("ada@example.org", "math", "10:03:00", "10:05:00"),
    ]


def test_names_count_only_from_sources_that_are_trusted(store: Store) -> None:
    begin(store, replaced(COURSES, sources=("web-1",)))
    append(store, used("10:00:00", user="mallory"), source="web-2")
    append(store, used("11:00:00", user="ada"), source="web-1")
    assert [one[0] for one in shown(store)] == ["10.0.0.1", "ada"]


def test_failed_requests_assets_bots_and_looks_count_only_by_rule(store: Store) -> None:
    others = (
        used("10:00:00", status=404),
        used("10:01:00", path="/modules/math/a.css"),
        used("10:02:00", bot=True),
        used("10:03:00", method="HEAD"),
        used("10:04:00", path="/modules/math.html"),
        used("10:04:30", path="/elsewhere/math/"),
    )
    begin(store, replaced(COURSES, assets=False))
    append(store, *others, used("10:05:00", status=304))
    assert shown(store) == [("10.0.0.1", "math", "10:05:00", "10:05:00")]
    store.sync_rules({WSID: replaced(COURSES, failed=True)})
    store.settle()
    assert shown(store) == [("10.0.0.1", "math", "10:00:00", "10:05:00")]
    assert seconds(store) == {"math": (1, 300)}


def test_without_an_address_a_visitor_is_told_apart_and_not_named(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00", ip=None, visitor=1), used("10:01:00", ip=None, visitor=-2))
    append(store, used("10:02:00", ip=None, visitor=1), used("10:03:00", ip=None, visitor=None))
    assert shown(store) == [("", "math", "10:00:00", "10:02:00"), ("", "math", "10:01:00", "10:01:00")]
    assert seconds(store, "subject") == {"": (2, 120)}


def test_the_whole_service_is_one_object_without_patterns(store: Store) -> None:
    begin(store, Rule(idle_ms=30 * 60_000))
    append(store, used("10:00:00", visitor=1), used("10:29:00", path="/other", visitor=1))
    assert seconds(store) == {"": (1, 29 * 60)}


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/modules/cdn_acid/content/index.html", "cdn_acid"),
        ("/uploads/modules/1712345678901_math/cdn_acid/index.html", "cdn_acid"),
        ("/uploads/modules/1712345678901_math/index.html", "1712345678901_math"),
        ("/modules/caf%C3%A9/", "café"),
        ("/modules/plain", "plain"),
        ("//modules//twice//x", "twice"),
    ],
)
def test_the_object_is_the_folder_where_the_pattern_says(store: Store, path: str, what: str) -> None:
    begin(store)
    append(store, used("10:00:00", path=path))
    assert seconds(store) == {what: (1, 0)}


# -- days, clocks, closing ----------------------------------------------------------------------------------------


def test_a_session_ends_at_local_midnight(store: Store) -> None:
    begin(store)
    append(store, used("23:58:00"), event("2026-11-24T00:01:00+01:00", path="/modules/math/", ip="10.0.0.1"))
    assert shown(store) == [("10.0.0.1", "math", "23:58:00", "23:58:00")]
    assert seconds(store, asked=MONTH) == {"math": (2, 0)}


@pytest.mark.parametrize("first", ["2026-10-25T02:58:00+02:00", "2026-03-29T01:58:00+01:00"])
def test_a_change_of_the_clock_neither_splits_nor_lengthens_a_session(store: Store, first: str) -> None:
    begin(store)
    at_ms = ms(first)
    hits = [event(at_ms + n * 60_000, path="/modules/math/", ip="10.0.0.1") for n in range(5)]
    append(store, *hits, received_ms=at_ms + HOUR_MS)
    day = VIENNA.day(at_ms // 1000)
    assert seconds(store, asked=period(day.start, day.end)) == {"math": (1, 240)}


def test_it_counts_in_the_hour_of_its_beginning_and_moves_when_an_earlier_request_comes(store: Store) -> None:
    begin(store)
    append(store, used("11:01:00"))
    append(store, used("10:58:00"))
    found = store.series("hour", TODAY, "object")
    assert {local(start * 1000): one.requests for start, one in found.items()} == {"10:00:00": 1}


def test_requests_that_come_after_the_day_closed_join_its_sessions(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:04:00"))
    assert store.close_days(NOW + 4 * DAY_MS)
    store.settle()
    append(store, used("10:06:00"), received_ms=NOW + 4 * DAY_MS)
    assert shown(store) == [("10.0.0.1", "math", "10:00:00", "10:06:00")]
    assert seconds(store) == {"math": (1, 360)}


def test_totals_stay_exact_where_a_closed_day_has_lost_keys(store: Store) -> None:
    begin(store)
    append(
        store,
        *(used(f"{hour}:00:00", what) for hour, what in (("08", "a"), ("09", "a"), ("10", "b"), ("11", "c"))),
    )
    store.close_days(NOW + 4 * DAY_MS)
    store.settle()
    append(store, used("11:03:00", "c"), used("12:00:00", "d"), received_ms=NOW + 4 * DAY_MS)
    rows, other = store.ranking("object", TODAY, 10)
    assert {key: one.requests for key, one in rows} == {"a": 2, "b": 1}
    assert other == Measures(2, 0, 0, 1, 180_000_000, 2, 3)


# -- rules and views that come later ------------------------------------------------------------------------------


def test_a_rule_that_comes_later_makes_sessions_of_what_the_log_has(store: Store) -> None:
    store.sync_views(VIEWS)
    append(store, used("10:00:00"), used("10:04:00"))
    assert store.sync_rules({WSID: COURSES}) == [WSID]
    append(store, used("10:06:00"))
    assert shown(store) == [("10.0.0.1", "math", "10:00:00", "10:06:00")]
    assert store.sync_rules({WSID: COURSES}) == []


def test_a_rule_that_changes_makes_them_anew_and_without_one_no_more_are_made(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:04:00"), used("10:12:00"))
    assert seconds(store) == {"math": (2, 240)}
    store.sync_rules({WSID: replaced(COURSES, idle_ms=10 * 60_000)})
    store.settle()
    assert seconds(store) == {"math": (1, 720)}
    assert store.sync_rules({}) == [WSID]
    append(store, used("10:13:00"))
    assert seconds(store) == {"math": (1, 720)}
    assert seconds(store, asked=BY_HOUR) == seconds(store, asked=MONTH) == {"math": (1, 720)}


def test_days_that_the_log_has_lost_keep_the_sessions_of_the_rule_before(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:04:00"))
    later = NOW + 4 * DAY_MS
    store.close_days(later)
    store.settle()
    while store.expire(later, {WSID: 1}):
        pass
    append(store, event("2026-11-27T10:00:00+01:00", path="/modules/math/", ip="10.0.0.1"), received_ms=later)
    store.sync_rules({WSID: replaced(COURSES, by="ip")})
    store.settle()
    assert seconds(store) == {"math": (1, 240)}
    assert seconds(store, asked=MONTH) == {"math": (2, 240)}
    assert shown(store) == []


def test_a_view_that_comes_later_counts_the_sessions_that_are_known(store: Store) -> None:
    store.sync_rules({WSID: COURSES})
    append(store, used("10:00:00"), used("10:04:00", user="ada"))
    store.sync_views(VIEWS)
    assert seconds(store) == {"math": (2, 240)}
    append(store, used("10:05:00", user="ada"))
    assert seconds(store, "subject") == {"10.0.0.1": (1, 240), "ada": (1, 60)}


def test_a_rule_applies_to_its_web_service_alone(store: Store) -> None:
    begin(store)
    store.append([envelope(used("10:00:00"), wsid=WSID + 1)])
    store.settle()
    assert shown(store) == []


# -- what senders tell --------------------------------------------------------------------------------------------


def test_signs_of_one_id_and_source_are_one_session_in_any_order(store: Store) -> None:
    begin(store)
    append(store, sign("11:00:00", state="end"), source="lab")
    append(store, sign("10:00:00", what="seat", state="start"), source="lab")
    append(store, sign("10:30:00", state="alive"), source="lab")
    append(store, sign("10:40:00", state="start"), source="library")
    assert shown(store) == [
        ("ada", "seat", "10:00:00", "11:00:00"),
        ("ada", "desk", "10:40:00", "10:40:00"),
    ]
    assert seconds(store) == {"seat": (1, 3600), "desk": (1, 0)}


def test_a_told_session_goes_on_over_midnight_and_counts_where_it_began(store: Store) -> None:
    begin(store)
    append(store, sign("22:00:00", state="start"), sign(ms("2026-11-24T02:00+01:00"), state="end"))
    assert seconds(store) == {"desk": (1, 4 * 3600)}
    assert seconds(store, asked=MONTH) == {"desk": (1, 4 * 3600)}


def test_a_told_length_is_the_session(store: Store) -> None:
    begin(store)
    append(store, sign("10:00:00", duration_s=90.5))
    assert seconds(store) == {"desk": (1, 90.5)}
    assert store.live_sessions(WSID, 0) == []


def test_signs_that_come_days_late_are_one_session_too(store: Store) -> None:
    begin(store)
    append(store, used("09:00:00", "other"))
    later = NOW + 4 * DAY_MS
    store.close_days(later)
    store.settle()
    for one in (
        sign("10:00:00", state="start"),
        sign("11:00:00", state="end"),
        sign("09:30:00", state="alive"),
    ):
        append(store, one, received_ms=later)
    assert seconds(store) == {"desk": (1, 5400), "other": (1, 0)}


# -- which are going on, and which there are ----------------------------------------------------------------------


def test_live_are_those_that_nothing_ended_and_that_were_active_since(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("12:50:00", user="ada"), used("12:58:00", "physics", user="ada"))
    append(store, used("12:59:00", ip="10.0.0.9"), sign("12:57:00", state="alive"))
    append(store, sign("12:57:30", name="2", state="end"), source="lab")
    found = store.live_sessions(WSID, NOW - 300_000)
    assert [(one.session.subject, one.session.object) for one in found] == [
        ("ada", "desk"),
        ("ada", "physics"),
        ("10.0.0.9", "math"),
    ]
    assert store.live_sessions(WSID + 1, 0) == []
    with_ended = store.live_sessions(WSID, NOW - 300_000, ended=True)
    assert [(one.session.over, one.source) for one in with_ended] == [
        (False, ""),
        (True, "lab"),
        (False, ""),
        (False, ""),
    ]
    assert store.live_sessions(WSID, NOW, ended=True) == []


def test_a_session_that_goes_on_keeps_its_number(store: Store, reopen: Callable[[Store], Store]) -> None:
    begin(store)
    append(store, used("10:00:00"))
    (before,) = store.live_sessions(WSID, 0)
    store = reopen(store)
    append(store, used("10:01:00"))
    (after,) = store.live_sessions(WSID, 0)
    assert (after.number, after.session.points) == (before.number, 2)
    assert after.session.length_ms == 60_000


def test_sessions_are_listed_in_pages_from_the_latest_on(store: Store) -> None:
    begin(store)
    append(store, *(used(f"10:0{n}:00", ip=f"10.0.0.{n % 3}") for n in range(9)))
    append(store, *(used("10:30:00", ip=f"10.0.0.{n}") for n in range(5)))
    asked = (TODAY.start, TODAY.end)
    whole = store.sessions(WSID, 100, between=asked)
    pages, before = [], None
    while page := store.sessions(WSID, 3, between=asked, before=before):
        pages += page
        before = (page[-1].session.start_ms, page[-1].number)
    assert pages == whole
    assert len(whole) == 8
    assert all(one.day == TODAY.start for one in whole)


def test_filters_on_sessions_leave_those_that_pass(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), used("10:04:00"), used("11:00:00", "music", user="ada"))

    def passing(*filters: Filter) -> list[str]:
        asked = replace(TODAY, filters=filters)
        found = requests(store.ranking("object", asked, 5))
        assert sum(one.requests for one in store.series("day", asked, "object").values()) == sum(
            found.values()
        )
        return sorted(found)

    assert passing(Filter(OBJECT, "m*")) == ["math", "music"]
    assert passing(Filter(OBJECT, "m*"), Filter(SUBJECT, "ada")) == ["music"]
    assert passing(Filter(OBJECT, "math", negated=True)) == ["music"]
    timings = store.timings("object", "day", replace(TODAY, filters=(Filter(OBJECT, "math"),)))
    assert {key: one.duration_us for keys in timings.values() for key, one in keys.items()} == {
        "math": 240_000_000
    }


# -- erasing, deleting, expiring ----------------------------------------------------------------------------------


def test_an_erased_name_is_a_guests(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00", user="ada"), used("10:02:00", user="ada", ip=None, visitor=3))
    append(store, sign("10:00:00", state="start"), used("10:03:00", user="bob"))
    store.erase_username(WSID, "ada", NOW)
    store.settle()
    assert sorted(one[0] for one in shown(store)) == ["", "", "10.0.0.1", "bob"]
    assert seconds(store, "subject") == {"": (2, 0), "10.0.0.1": (1, 180), "bob": (1, 0)}
    append(store, used("10:04:00", user="bob"))
    assert seconds(store, "subject")["bob"] == (1, 60)


def test_names_of_sessions_that_are_forgotten_are_erased_from_the_counts(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00", user="ada"))
    later = NOW + 20 * DAY_MS
    store.close_days(later)
    store.settle()
    while store.expire(later, {}):
        pass
    assert shown(store) == []
    store.erase_username(WSID, "ada", later)
    store.settle()
    assert seconds(store, "subject") == {"": (1, 0)}


def test_a_deleted_web_service_has_no_sessions(store: Store) -> None:
    begin(store)
    append(store, used("10:00:00"), sign("10:00:00", state="start"))
    store.delete_webservice(WSID, NOW)
    store.settle()
    assert shown(store) == []
    assert store.live_sessions(WSID, 0) == []


# -- order and splitting of arrival -------------------------------------------------------------------------------

ZONES = ["Europe/Vienna", "Australia/Lord_Howe", "America/St_Johns"]
USERS = ["", "", "ada", "bob"]
visited = st.lists(
    st.tuples(
        st.integers(0, 3 * 86_400),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(USERS),
        st.integers(1, 2),
        st.booleans(),
    ),
    max_size=40,
)


def brute(rule: Rule, hits: list[tuple[int, str, str, int, bool]]) -> dict[str, tuple[int, float]]:
    """Sessions and seconds by object, of requests (ms, day, user, object, place, may begin), with open ones by slot."""
    of_place: dict[tuple[str, int], list[tuple[int, str, str, bool]]] = defaultdict(list)
    for at, day, user, what, place, entry in hits:  # type: ignore[misc]
        of_place[day, place].append((at, user, what, entry))
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for requests_ in of_place.values():
        requests_.sort()
        open_: dict[tuple[str, str], list[Any]] = {}

        def end(
            key: tuple[str, str], at: int | None, open_: dict[tuple[str, str], list[Any]] = open_
        ) -> None:
            what, start, last = open_.pop(key)
            found[what][0] += 1
            found[what][1] += (last if at is None or at - last > rule.idle_ms else at) - start

        for at, user, what, entry in requests_:
            for key in [one for one, (_, _, last) in open_.items() if at - last > rule.idle_ms]:
                end(key, None)
            if user:
                for key in [one for one in open_ if one[0] == ""]:
                    end(key, at)
            slot = (user, "" if rule.exclusive else what)
            if slot in open_ and open_[slot][0] != what:
                if not entry:
                    continue
                end(slot, at)
            if slot in open_:
                open_[slot][2] = at
            else:
                open_[slot] = [what, at, at]
        for key in list(open_):
            end(key, None)
    return {what: (int(n), length / 1000) for what, (n, length) in found.items()}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    visited,
    st.sampled_from(ZONES),
    st.sampled_from(["memory", "sqlite"]),
    st.booleans(),
    st.sampled_from(["", "index.html"]),
    st.randoms(use_true_random=False),
)
def test_any_order_and_splitting_gives_the_sessions_of_a_plain_model(
    visits: list[tuple[int, str, str, int, bool]],
    zone_name: str,
    scheme: str,
    exclusive: bool,
    entry: str,
    random: Random,
) -> None:
    rule = Rule(by="username", objects=("/{object}",), idle_ms=3_600_000, exclusive=exclusive, entry=entry)
    calendar = zone(zone_name)
    begin_ms = NOW - 3 * DAY_MS
    events, hits = [], []
    for at, what, user, place, first in visits:
        at_ms = begin_ms + at * 1000
        file = "index.html" if first else "page.html"
        one = event(
            at_ms, calendar=calendar, path=f"/{what}/{file}", username=user or None, ip=f"10.0.0.{place}"
        )
        events.append(one)
        hits.append((at_ms, one.hour.day.start, user, what, place, first or not entry))
    expected = brute(rule, hits)  # type: ignore[arg-type]
    random.shuffle(events)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{scheme}:", Path(folder))
        store.sync_views(VIEWS)
        late = random.random() < 0.3
        if not late:
            store.sync_rules({WSID: rule})
        while events:
            size = random.randint(1, 8)
            store.append([envelope(*events[:size])])
            del events[:size]
            if random.random() < 0.7:
                store.advance(random.randint(1, 20))
            if scheme == "sqlite" and random.random() < 0.1:
                store.close()
                store = open_store("sqlite:", Path(folder))
        if late:
            store.sync_rules({WSID: rule})
        store.settle()
        whole = Span("day", 0, 4_000_000_000)
        asked = Period(WSID, whole.start, whole.end, whole.start, whole.end, (whole,))
        assert seconds(store, asked=asked) == expected
        listed = store.sessions(WSID, 1000, between=(0, 4_000_000_000))
        assert len(listed) == sum(n for n, _ in expected.values())
        assert sum(one.session.points for one in listed) <= len(visits)
        store.close()


def replaced(rule: Rule, **changes: Any) -> Rule:
    fields = {name: getattr(rule, name) for name in rule.__struct_fields__}
    return Rule(**{**fields, **changes})


def test_a_store_of_the_release_before_counts_told_sessions_anew(tmp_path: Path) -> None:
    """Before format 6 a view of sessions counted events."""
    store = open_store("sqlite:", tmp_path)
    store.sync_views(by_name(OBJECT, PAGE))
    append(store, sign("10:00:00", state="start"), sign("10:30:00", state="end"), event(path="/a"))
    store.close()
    with Connection(tmp_path / "views.db") as views:
        for table in ("rules", "sessions", "points"):
            views.execute(f"DROP TABLE {table}")
        views.execute(
            "UPDATE counts SET requests = 2 WHERE view = (SELECT id FROM views WHERE name = 'object')"
        )
        views.execute("PRAGMA user_version = 5")
    views.close()
    store = open_store("sqlite:", tmp_path)
    store.sync_views(by_name(OBJECT, PAGE))
    store.settle()
    assert seconds(store) == {"desk": (1, 1800)}
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 1}
    store.close()
