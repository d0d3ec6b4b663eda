# SPDX-License-Identifier: GPL-3.0-or-later
"""Visits: what one is, when it counts, and that the order of arrival decides nothing."""

from __future__ import annotations

import datetime as dt
import tempfile
import zoneinfo
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from tests.contract.build import (
    COUNTRY,
    DAY_MS,
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
    s,
    zone,
)

from tmon.server.catalogue import VISIT, Classes, View
from tmon.server.events import SESSION, Event
from tmon.server.store import Filter, Measures, Period, Span, Store, StoreError, open_store

ENTRY = View("entry", "Entry pages", "entry", kind=VISIT, visitors="none")
EXIT = View("exit", "Exit pages", "exit", kind=VISIT, visitors="none")
LENGTH = View("length", "Lengths", "length_s", kind=VISIT, visitors="none", classes=Classes(1, 86_400, 10))
PAGES = View("pages", "Pages", "pages", kind=VISIT, visitors="none")
VIEWS = by_name(ENTRY, EXIT, LENGTH, PAGES)
BY_HOUR = replace(TODAY, spans=(Span("hour", TODAY.start, TODAY.end),))
MONTH = period("2026-10-31T23:00", "2026-11-30T23:00", "month")

Found = dict[str, tuple[int, int, int, float]]
"""By key: visits, bounces, pages, seconds."""


@pytest.fixture
def counting(store: Store) -> Store:
    store.sync_views(VIEWS)
    return store


def page(at: str, path: str = "/", visitor: int | None = 1, **fields: Any) -> Event:
    """A page request of today, by its local time in Vienna."""
    return event(f"2026-11-23T{at}+01:00", path=path, visitor=visitor, **fields)


def append(store: Store, *events: Event, received_ms: int = NOW) -> None:
    store.append([envelope(*events, received_ms=received_ms)])
    store.settle()


def found(store: Store, view: str = "entry", asked: Period = TODAY) -> Found:
    rows, other = store.ranking(view, asked, 1_000)
    assert other is None
    return {key: figures(measures) for key, measures in rows}


def figures(measures: Measures) -> tuple[int, int, int, float]:
    assert (measures.visitors, measures.bots, measures.timed) == (0, 0, measures.requests)
    return measures.requests, measures.errors, measures.bytes, measures.duration_us / 1_000_000


def hours(store: Store, view: str = "entry") -> dict[str, int]:
    """The local hours of today that visits began in, and how many."""
    counted = store.series("hour", TODAY, view).items()
    return {VIENNA.local(start).strftime("%H:%M"): one.requests for start, one in sorted(counted)}


# -- what a visit is ----------------------------------------------------------------------------------------------


def test_pages_that_follow_each_other_within_30_minutes_are_a_visit(counting: Store) -> None:
    append(counting, page("12:00", "/a"), page("12:30", "/b"), page("12:59:59", "/c"))
    assert found(counting) == {"/a": (1, 0, 3, 3_599)}
    assert found(counting, "exit") == {"/c": (1, 0, 3, 3_599)}
    assert found(counting, "length") == {"1000": (1, 0, 3, 3_599)}
    assert found(counting, "pages") == {"3": (1, 0, 3, 3_599)}


def test_30_minutes_are_within_and_a_millisecond_more_is_not(counting: Store) -> None:
    first = ms("2026-11-23T12:00+01:00")
    append(counting, *(event(first + later, path="/a", visitor=1) for later in (0, 1_800_000, 3_600_001)))
    assert found(counting) == {"/a": (2, 1, 3, 1_800)}


def test_a_visit_of_one_page_is_a_bounce_of_no_length(counting: Store) -> None:
    append(counting, page("12:00", "/a"), page("14:00", "/b"))
    assert found(counting) == {"/a": (1, 1, 1, 0), "/b": (1, 1, 1, 0)}
    assert found(counting, "length") == {"0": (2, 2, 2, 0)}


def test_visitors_have_visits_of_their_own_and_bots_and_strangers_none(counting: Store) -> None:
    append(
        counting,
        *(page("12:00", "/a", visitor=number) for number in (1, 2, -(2**63))),
        page("12:00", "/a", visitor=3, bot=True),
        page("12:00", "/a", visitor=None),
    )
    assert found(counting) == {"/a": (3, 3, 3, 0)}


@pytest.mark.parametrize(
    "path",
    [
        "/app.js",
        "/a/b.CSS",
        "/logo.svg",
        "/site.webmanifest",
        "/robots.txt",
        "/favicon.ico",
        "/x.tar.gz",
        ".png",
    ],
)
def test_assets_are_no_visits(counting: Store, path: str) -> None:
    append(counting, page("12:00", path), page("12:10", "/a"), page("12:20", path))
    assert found(counting) == {"/a": (1, 1, 1, 0)}


@pytest.mark.parametrize(
    "path",
    ["", "/", "/index.html", "/a.php", "/js", "/css/", "/v1.2", "/png.", "/paper.pdf", "/a.b/c", "/.js/"],
)
def test_pages_are_told_by_no_or_another_extension(counting: Store, path: str) -> None:
    append(counting, page("12:00", path))
    assert found(counting) == {path: (1, 1, 1, 0)}


@pytest.mark.parametrize("status", [None, 200, 206, 299, 304])
@pytest.mark.parametrize("method", [None, "", "GET"])
def test_a_page_was_asked_for_and_given(counting: Store, status: int | None, method: str | None) -> None:
    append(counting, page("12:00", "/a", status=status, method=method))
    assert found(counting) == {"/a": (1, 1, 1, 0)}


@pytest.mark.parametrize(
    "fields",
    [
        *({"status": status} for status in (100, 301, 302, 303, 305, 404, 500)),
        *({"method": method} for method in ("POST", "HEAD", "OPTIONS", "get")),
        {"kind": SESSION},
    ],
)
def test_what_failed_or_changed_something_is_no_visit(counting: Store, fields: dict[str, Any]) -> None:
    append(counting, page("12:00", "/a", **fields))
    assert found(counting) == {}


def test_a_visit_ends_at_local_midnight(counting: Store) -> None:
    append(
        counting,
        event("2026-11-22T23:59:59.999+01:00", path="/a", visitor=1),
        event("2026-11-23T00:00+01:00", path="/b", visitor=1),
    )
    assert found(counting) == {"/b": (1, 1, 1, 0)}
    assert found(counting, asked=period("2026-11-21T23:00", "2026-11-22T23:00")) == {"/a": (1, 1, 1, 0)}


def test_of_pages_at_the_same_millisecond_the_first_path_is_the_entry_and_the_last_the_exit(
    counting: Store,
) -> None:
    append(counting, page("12:00", "/m"))
    append(counting, page("12:00", "/z"), page("12:00", "/a"), page("12:00", "/a"))
    append(counting, page("12:00", "/q"))
    assert found(counting) == {"/a": (1, 0, 5, 0)}
    assert found(counting, "exit") == {"/z": (1, 0, 5, 0)}


# -- when it counts -----------------------------------------------------------------------------------------------


def test_a_visit_counts_from_its_first_page_on_and_is_corrected(counting: Store) -> None:
    append(counting, page("12:50", "/a"))
    assert (found(counting), hours(counting)) == ({"/a": (1, 1, 1, 0)}, {"12:00": 1})
    append(counting, page("13:10", "/b"))
    assert (found(counting), hours(counting)) == ({"/a": (1, 0, 2, 1_200)}, {"12:00": 1})
    assert found(counting, "pages") == {"2": (1, 0, 2, 1_200)}


def test_what_comes_late_may_begin_a_visit_earlier(counting: Store) -> None:
    append(counting, page("13:10", "/b"))
    append(counting, page("12:50", "/a"))
    for asked in (TODAY, BY_HOUR, MONTH):
        assert found(counting, asked=asked) == {"/a": (1, 0, 2, 1_200)}
    assert hours(counting) == {"12:00": 1}


def test_what_comes_late_may_join_two_visits(counting: Store) -> None:
    append(counting, page("12:00", "/a"), page("12:50", "/c"), page("14:00", "/d"))
    assert found(counting) == {"/a": (1, 1, 1, 0), "/c": (1, 1, 1, 0), "/d": (1, 1, 1, 0)}
    append(counting, page("12:25", "/b"))
    assert found(counting) == {"/a": (1, 0, 3, 3_000), "/d": (1, 1, 1, 0)}
    assert found(counting, "exit") == {"/c": (1, 0, 3, 3_000), "/d": (1, 1, 1, 0)}
    assert hours(counting) == {"12:00": 1, "14:00": 1}


def test_visits_go_on_when_the_store_is_opened_again(
    counting: Store, reopen: Callable[[Store], Store]
) -> None:
    append(counting, page("12:00", "/a"))
    store = reopen(counting)
    append(store, page("12:20", "/b"))
    assert found(store) == {"/a": (1, 0, 2, 1_200)}


def test_an_hour_takes_more_pages_than_it_takes_keys_of_other_views(counting: Store) -> None:
    append(counting, *(page("12:00", f"/{number}", visitor=number) for number in range(9)))
    assert found(counting, asked=BY_HOUR) == {f"/{number}": (1, 1, 1, 0) for number in range(9)}


def test_a_day_that_closes_keeps_its_largest_keys_and_what_comes_later_is_no_visit(counting: Store) -> None:
    append(
        counting,
        *(page("12:00", "/a", visitor=number) for number in (1, 2)),
        *(page("12:00", "/b", visitor=number) for number in (3, 4)),
        *(page(at, "/c", visitor=5) for at in ("12:00", "12:10")),
    )
    closed_ms = ms("2026-11-25T23:00")
    assert counting.close_days(closed_ms)
    counting.settle()
    append(counting, page("12:20", "/d", visitor=5), received_ms=closed_ms)
    for asked in (TODAY, BY_HOUR, MONTH):
        rows, other = counting.ranking("entry", asked, 10)
        assert {key: figures(measures) for key, measures in rows} == {"/a": (2, 2, 2, 0), "/b": (2, 2, 2, 0)}
        assert other is not None
        assert figures(other) == (1, 0, 2, 600)
    assert figures(counting.series("day", TODAY, "entry")[TODAY.start]) == (5, 4, 6, 600)


def test_erasing_a_user_name_changes_no_visit(counting: Store) -> None:
    append(counting, page("12:00", "anna", username="anna"), page("12:10", "/b", username="anna"))
    counting.erase_username(WSID, "anna", NOW)
    append(counting, page("12:20", "/c"))
    assert found(counting) == {"anna": (1, 0, 3, 1_200)}


def test_a_web_service_takes_its_visits_along(counting: Store) -> None:
    append(counting, page("12:00", "/a"))
    counting.delete_webservice(WSID, NOW)
    counting.settle()
    assert found(counting) == {}
    counting.append([envelope(page("12:10", "/b"), wsid=8)])
    counting.settle()
    assert found(counting, asked=replace(TODAY, wsid=8)) == {"/b": (1, 1, 1, 0)}


def test_counts_of_an_hour_that_have_expired_are_not_corrected_and_those_of_the_day_are(
    counting: Store,
) -> None:
    append(counting, page("12:50", "/a"))
    later_ms = NOW + 36 * DAY_MS
    while counting.expire(later_ms, {WSID: 60}):
        pass
    append(counting, page("12:40", "/b"), page("13:05", "/c"), received_ms=later_ms)
    assert found(counting) == {"/b": (1, 0, 3, 1_500)}
    assert (found(counting, asked=BY_HOUR), hours(counting)) == ({}, {})


# -- views that come later ----------------------------------------------------------------------------------------


def test_visits_that_are_counted_later_are_those_that_were_counted_at_once(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, page("12:00", "/a"), page("12:20", "/b"))
    append(store, page("12:50", "/c", visitor=2))
    store.sync_views(by_name(PAGE, ENTRY))
    assert store.stats(NOW).filling == ["entry"]
    store.settle()
    append(store, page("12:45", "/d"), page("12:40", "/e", visitor=2))
    assert found(store) == {"/a": (1, 0, 3, 2_700), "/e": (1, 0, 2, 600)}
    store.sync_views(by_name(PAGE, *VIEWS.values()))
    store.settle()
    append(store, page("13:10", "/f"))
    assert found(store) == {"/a": (1, 0, 4, 4_200), "/e": (1, 0, 2, 600)}
    assert found(store, "exit") == {"/f": (1, 0, 4, 4_200), "/c": (1, 0, 2, 600)}


def test_visits_fill_in_small_steps_beside_new_events_and_when_the_first_view_has_gone(store: Store) -> None:
    store.sync_views(by_name(ENTRY))
    for minute in range(10, 20):
        append(store, page(f"12:{minute}", "/a"))
    store.sync_views(by_name(EXIT))
    for minute in range(20, 30):
        store.advance(2)
        store.append([envelope(page(f"12:{minute}", "/b"))])
    while store.advance(2):
        pass
    append(store, page("12:59", "/c"))
    assert found(store, "exit") == {"/c": (1, 0, 21, 49 * 60)}


def test_a_view_of_visits_with_a_raised_version_is_counted_anew(counting: Store) -> None:
    append(counting, page("12:00", "/a"), page("12:20", "/b"))
    counting.sync_views({**VIEWS, "entry": replace(EXIT, name="entry", version=2)})
    counting.settle()
    append(counting, page("12:30", "/c"))
    assert found(counting) == {"/c": (1, 0, 3, 1_800)}
    with pytest.raises(StoreError, match="field has changed"):
        counting.sync_views({**VIEWS, "entry": replace(ENTRY, version=2)})


def test_days_of_which_events_are_gone_have_no_visits_of_a_later_view(store: Store) -> None:
    old = ms("2026-11-05T12:00+01:00")
    store.sync_views(by_name(PAGE))
    append(store, event(old, path="/a", visitor=1), received_ms=old)
    append(store, page("12:00", "/b"))
    while store.expire(NOW, {WSID: 14}):
        pass
    store.sync_views(by_name(PAGE, ENTRY))
    store.settle()
    append(store, event(old + 1, path="/late", visitor=1))
    assert found(store, asked=MONTH) == {"/b": (1, 1, 1, 0)}
    assert store.complete_from(MONTH, "entry") == s("2026-11-05T23:00")


# -- filters ------------------------------------------------------------------------------------------------------


def filtered(*filters: Filter, asked: Period = TODAY) -> Period:
    return replace(asked, filters=filters)


def test_a_visit_passes_with_one_page_that_passes_all_filters_and_counts_whole(counting: Store) -> None:
    append(
        counting,
        page("12:00", "/a", country="AT"),
        page("12:10", "/b", country="DE"),
        page("12:20", "/c", country="AT"),
        page("14:00", "/b", country="AT"),
        page("12:00", "/x", visitor=2, country="DE"),
    )
    at, on_b = Filter(COUNTRY, "AT"), Filter(PAGE, "/b")
    assert found(counting, asked=filtered(at)) == {"/a": (1, 0, 3, 1_200), "/b": (1, 1, 1, 0)}
    assert found(counting, asked=filtered(on_b)) == {"/a": (1, 0, 3, 1_200), "/b": (1, 1, 1, 0)}
    assert found(counting, asked=filtered(at, on_b)) == {"/b": (1, 1, 1, 0)}
    assert found(counting, asked=filtered(at._replace(negated=True))) == {
        "/a": (1, 0, 3, 1_200),
        "/x": (1, 1, 1, 0),
    }
    assert found(counting, "exit", filtered(at)) == {"/c": (1, 0, 3, 1_200), "/b": (1, 1, 1, 0)}
    assert found(counting, "length", filtered(at)) == {"1000": (1, 0, 3, 1_200), "0": (1, 1, 1, 0)}
    assert found(counting, "pages", filtered(at)) == {"3": (1, 0, 3, 1_200), "1": (1, 1, 1, 0)}


def test_a_filtered_visit_counts_where_it_began(counting: Store) -> None:
    append(counting, page("12:50", "/a"), page("13:10", "/b"), page("13:50", "/c"))
    hour_13 = period("2026-11-23T12:00", "2026-11-23T13:00", "hour", Filter(PAGE, "/*"))
    assert found(counting, asked=hour_13) == {"/c": (1, 1, 1, 0)}
    on_b = filtered(Filter(PAGE, "/b"))
    by_hour = counting.series("hour", on_b, "entry")
    assert {start: one.requests for start, one in by_hour.items()} == {s("2026-11-23T11:00"): 1}
    assert figures(counting.series("day", on_b, "entry")[TODAY.start]) == (1, 0, 2, 1_200)


# -- any order ----------------------------------------------------------------------------------------------------


class Hit(NamedTuple):
    """A request as the model below knows it."""

    at_ms: int
    visitor: int
    path: str
    counts: bool
    """Whether it is a page request."""
    country: str


class Model:
    """Visits by brute force: every pair of page requests of a visitor and date that is near belongs together."""

    def __init__(self, hits: list[Hit], zone_name: str) -> None:
        self.zone = zoneinfo.ZoneInfo(zone_name)
        apart: dict[tuple[dt.date, int], list[Hit]] = defaultdict(list)
        for hit in hits:
            if hit.counts:
                apart[self.local(hit.at_ms).date(), hit.visitor].append(hit)
        self.visits = [visit for of_visitor in apart.values() for visit in self.components(of_visitor)]

    def local(self, at_ms: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(at_ms / 1000, self.zone)

    @staticmethod
    def components(hits: list[Hit]) -> Iterator[list[Hit]]:
        left = list(hits)
        while left:
            visit, near = [], [left.pop()]
            while near:
                visit.append(near.pop())
                near += [one for one in left if abs(one.at_ms - visit[-1].at_ms) <= 30 * 60 * 1000]
                left = [one for one in left if abs(one.at_ms - visit[-1].at_ms) > 30 * 60 * 1000]
            yield visit

    def by(self, key: Callable[[list[Hit]], Any], country: str | None = None) -> dict[Any, Any]:
        sums: dict[Any, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
        for visit in self.visits:
            if country is None or any(one.country == country for one in visit):
                times = [one.at_ms for one in visit]
                of_key = sums[key(visit)]
                of_key[0] += 1
                of_key[1] += len(visit) == 1
                of_key[2] += len(visit)
                of_key[3] += max(times) - min(times)
        return {one: (*values[:3], values[3] / 1000) for one, values in sums.items()}

    def keys(self) -> dict[str, Callable[[list[Hit]], str]]:
        def length(visit: list[Hit]) -> str:
            seconds = (max(one.at_ms for one in visit) - min(one.at_ms for one in visit)) / 1000
            return str(max(bound for bound in (0, 1, 10, 100, 1_000, 10_000) if bound <= seconds))

        return {
            "entry": lambda visit: min((one.at_ms, one.path) for one in visit)[1],
            "exit": lambda visit: max((one.at_ms, one.path) for one in visit)[1],
            "pages": lambda visit: str(len(visit)),
            "length": length,
        }

    def hour(self, visit: list[Hit]) -> int:
        """When the local hour began that the visit began in."""
        first_ms = min(one.at_ms for one in visit)
        local = self.local(first_ms)
        start = first_ms // 1000 - local.minute * 60 - local.second
        # an hour that a change of clocks cuts begins with it
        for quarter in range(4):
            begin = start + quarter * 900
            if begin * 1000 <= first_ms and self.local(begin * 1000).hour == local.hour:
                return begin
        raise AssertionError(visit)


BEGINNINGS = {
    "Europe/Berlin": ["2026-03-28T20:00Z", "2026-10-24T20:00Z", "2026-11-23T08:00Z"],
    "America/St_Johns": ["2026-03-08T00:00Z", "2026-11-01T00:00Z", "2026-11-23T00:00Z"],
}
"""Before the clocks change, and any day."""
EVER = Span("day", 0, 4_000_000_000)

hits = st.builds(
    Hit,
    # few visitors and minutes, so that visits join, meet at the same millisecond, and go over midnight
    at_ms=st.one_of(
        st.integers(0, 180).map(lambda minutes: minutes * 10 * 60_000),
        st.integers(0, 1_800).map(lambda minutes: minutes * 60_000 + 1),
        st.integers(0, 30 * 3_600_000),
    ),
    visitor=st.sampled_from([1, 1, 1, 2, -3]),
    path=st.sampled_from(["/", "/a", "/b", "/B", "", "/ü"]),
    counts=st.sampled_from([True, True, True, True, False]),
    country=st.sampled_from(["AT", "DE", ""]),
)


@pytest.mark.timeout(600)
@settings(
    max_examples=1500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    hits=st.lists(hits, min_size=1, max_size=60),
    zone_name=st.sampled_from(sorted(BEGINNINGS)),
    beginning=st.integers(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_order_in_any_pieces_makes_the_visits_of_the_model(
    scheme: str, hits: list[Hit], zone_name: str, beginning: int, seed: int
) -> None:
    begin_ms = ms(BEGINNINGS[zone_name][beginning].replace("Z", "+00:00"))
    hits = [hit._replace(at_ms=begin_ms + hit.at_ms) for hit in hits]
    model, random, calendar = Model(hits, zone_name), Random(seed), zone(zone_name)
    events = [made(hit, calendar, random) for hit in hits]
    random.shuffle(events)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{scheme}:", Path(folder))
        store.sync_views(VIEWS if random.random() < 0.7 else by_name(ENTRY))
        while events:
            size = random.choice([1, 2, 3, 10, 60])
            store.append([envelope(*events[:size], received_ms=begin_ms + 2 * DAY_MS)])
            del events[:size]
            for _ in range(random.choice([0, 1, 5])):
                store.advance(random.choice([1, 2, 5, 100]))
            if scheme == "sqlite" and random.random() < 0.2:
                store.close()
                store = open_store(f"{scheme}:", Path(folder))
        store.sync_views(VIEWS)
        store.settle()
        if random.random() < 0.5:
            assert store.close_days(begin_ms + 6 * DAY_MS)
            store.settle()
        ever = Period(WSID, EVER.start, EVER.end, EVER.start, EVER.end, (EVER,))
        in_at = replace(ever, filters=(Filter(COUNTRY, "AT"),))
        for view, key in model.keys().items():
            for grain in ("hour", "day", "month"):
                spans = (Span(grain, EVER.start, EVER.end),)  # type: ignore[arg-type]
                assert found(store, view, replace(ever, spans=spans)) == model.by(key), (view, grain)
            assert found(store, view, in_at) == model.by(key, "AT"), view
        for asked, country in ((ever, None), (in_at, "AT")):
            by_hour = store.series("hour", asked, "exit")
            assert {start: figures(one) for start, one in by_hour.items()} == model.by(model.hour, country)
        store.close()


def made(hit: Hit, calendar: Any, random: Random) -> Event:
    """The event of a request; one that does not count is so in some way."""
    fields: dict[str, Any] = {"path": hit.path, "visitor": hit.visitor, "country": hit.country}
    if hit.counts:
        fields |= {
            "status": random.choice([None, 200, 304]),
            "method": random.choice([None, "GET"]),
            "username": random.choice([None, "anna"]),
        }
    else:
        fields |= random.choice(
            [
                {"path": f"{hit.path}.css"},
                {"status": 404},
                {"status": 302},
                {"method": "POST"},
                {"bot": True},
                {"visitor": None},
                {"kind": SESSION},
            ]
        )
    return event(hit.at_ms, calendar=calendar, **fields)
