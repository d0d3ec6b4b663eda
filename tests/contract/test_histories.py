# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories: whatever happens to them alike, the stores answer alike.

The embedded store counts in bulk SQL, the one in memory event by event; they share no code but the contract's own.
A history is a list of steps, each with a size and the seed of its particulars, so that a failing one shrinks to few
small steps. `HISTORIES=5000 pytest tests/contract/test_histories.py` looks much further than a usual run does.
"""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from tests.contract.build import DAY_MS, HOUR_MS, NOW, SMALL, event, identity

from tmon.server.calendar import Calendar
from tmon.server.catalogue import VISIT, Classes, View
from tmon.server.events import REQUEST, SESSION, Event, Rejected
from tmon.server.query.parameters import SORTS
from tmon.server.query.period import Bounds, plan
from tmon.server.sessions import Rule
from tmon.server.store import Box, Envelope, Filter, Grain, Page, Period, Span, Store, open_store
from tmon.server.store.sqlite import beside, ranking, schema

EXAMPLES = int(os.environ.get("HISTORIES", "40"))
ZONES = ["Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Europe/Vienna", "UTC"]
WSIDS = [1, 2, 3]

VIEWS = [
    View("url", "Pages", "url"),
    View("country", "Countries", "country", visitors="first"),
    View("username", "Users", "username"),
    View("status", "Status", "status"),
    View("team", "Teams", "team"),
    View("site", "Sites", "referrer_site"),
    View("size", "Sizes", "bytes"),
    View("source", "Sources", "source"),
    View("os", "Systems", "os", visitors="first"),
    View("campaign", "Campaigns", "utm_campaign", visitors="none"),
    View("latency", "Latency", "duration_ms", visitors="none", classes=Classes(1, 1000, 3)),
    View("used", "Used", "object", kind=SESSION),
    View("who", "Who", "subject", kind=SESSION, visitors="first"),
    View("teller", "Tellers", "source", kind=SESSION),
    View("use", "Use", "length_s", kind=SESSION, classes=Classes(1, 3600, 3)),
    View("entry", "Entries", "entry", kind=VISIT, visitors="none"),
    View("exit", "Exits", "exit", kind=VISIT, visitors="none"),
    View("length", "Lengths", "length_s", kind=VISIT, visitors="none", classes=Classes(1, 3600, 3)),
    View("pages", "Pages of visits", "pages", kind=VISIT, visitors="none"),
]
OF_REQUESTS = [view for view in VIEWS if view.kind == REQUEST]
OF_SESSIONS = [view for view in VIEWS if view.kind == SESSION]
"""Those that filters can be about, of requests and of sessions."""
RULES = {
    1: Rule(objects=("/{object}",), idle_ms=2 * HOUR_MS),
    2: Rule(objects=("/{object}",), idle_ms=HOUR_MS, exclusive=False, assets=True, failed=True),
}
"""Visitors, as late requests are nobody's: which of their keys a closed day keeps depends on how they are passed on."""
BY_NAME = {view.name: view for view in VIEWS}
FIRST_VIEWS = ["url", "country", "username", "used", "entry"]

BEGINNINGS = [
    NOW,
    1_792_886_400_000,  # 2026-10-25, Vienna back
    1_774_742_400_000,  # 2026-03-29, Vienna forward
    1_775_311_200_000,  # 2026-04-04T14:00Z, Lord Howe back by half an hour
    1_793_500_200_000,  # 2026-11-01T02:30Z, St John's back
]
"""Histories begin around changes of the clock in the zones above."""

THRESHOLDS = [(1, 10), (2, 1), (3, 2), (schema.LARGE, ranking.MORE)]
"""Requests from which the embedded store finds a row by their number, and how many more than it is asked for it looks
at in each bucket: such that its rankings of a history's few keys are decided by the largest of each bucket, or not."""
BROAD = [0, beside.BROAD]
"""Events from which it answers filtered questions on two connections."""

PLACES: list[dict[str, Any]] = [
    {"country": ""},
    {"country": "AT", "lat": 48.25, "lon": 16.5},
    {"country": "DE", "lat": 52.5, "lon": 13.5},
]
EAST = Box(north=60, east=-120, south=0, west=15)

STEPS = {
    "time_passes": 3,
    "append": 12,
    "advance": 3,
    "close_days": 3,
    "compare_a_period": 3,
    "expire": 1,
    "add_or_remove_a_view": 1,
    "raise_a_version": 1,
    "erase_a_username": 2,
    "change_a_zone": 1,
    "open_again": 1,
    "delete_a_webservice": 1,
}
"""What may happen, and how often. The first with size 0 is nothing, which failing histories shrink to."""

histories = st.lists(
    st.tuples(
        st.sampled_from([step for step, weight in STEPS.items() for _ in range(weight)]),
        st.integers(0, 9),
        st.integers(0, 2**32 - 1),
    ),
    min_size=40,
    max_size=60,
)


@pytest.mark.timeout(300 + EXAMPLES * 5)
@settings(
    max_examples=EXAMPLES,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    thresholds=st.sampled_from(THRESHOLDS),
    broad=st.sampled_from(BROAD),
    begin_ms=st.sampled_from(BEGINNINGS),
    zones=st.lists(st.sampled_from(ZONES), min_size=len(WSIDS), max_size=len(WSIDS)),
    steps=histories,
)
def test_stores_that_went_through_the_same_answer_alike(
    thresholds: tuple[int, int],
    broad: int,
    begin_ms: int,
    zones: list[str],
    steps: list[tuple[str, int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for module, name, value in zip((schema, ranking), ("LARGE", "MORE"), thresholds, strict=True):
            patch.setattr(module, name, value)
        patch.setattr(beside, "BROAD", broad)
        history = History(Path(folder), begin_ms, zones)
        try:
            for step, size, seed in steps:
                getattr(history, step)(size, Random(seed))
            history.compare_everything()
        finally:
            history.sqlite.close()


class History:
    """Does the same to both stores, and compares what they answer."""

    def __init__(self, folder: Path, begin_ms: int, zones: list[str]) -> None:
        self.folder = folder
        self.memory = open_store("memory:", folder, SMALL)
        self.sqlite = open_store("sqlite:", folder, SMALL)
        self.now_ms = begin_ms
        self.calendars = {
            wsid: Calendar([(-math.inf, zone)]) for wsid, zone in zip(WSIDS, zones, strict=True)
        }
        self.wsids = [1, 1, 1, 2, 3]
        self.days: set[tuple[int, int]] = set()
        self.ids: set[tuple[int, bytes]] = set()
        self.sent = 0
        self.alike(lambda store: sorted(store.sync_views({name: BY_NAME[name] for name in FIRST_VIEWS})))

        self.alike(lambda store: store.sync_rules(RULES))

    def alike(self, ask: Any) -> Any:
        """Asks both stores; returns the answer that they agree on."""
        expected, found = ask(self.memory), ask(self.sqlite)
        assert found == expected
        return expected

    def settle(self) -> None:
        self.memory.settle()
        self.sqlite.settle()

    # -- what happens ---------------------------------------------------------------------------------------------

    def time_passes(self, size: int, random: Random) -> None:
        longest_ms = random.choice(
            [HOUR_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS, 3 * DAY_MS, 15 * DAY_MS, 36 * DAY_MS]
        )
        self.now_ms += longest_ms * size // 9

    def append(self, size: int, random: Random) -> None:
        envelopes = [self.an_envelope(size, random) for _ in range(random.choice([1, 1, 2, 3]))]
        self.ids |= {(one.wsid, one.id) for one in envelopes}
        self.alike(lambda store: store.append(envelopes))

    def an_envelope(self, size: int, random: Random) -> Envelope:
        wsid = random.choice(self.wsids)
        self.sent += 1
        again = random.choice([None] * 8 + ["a", "b"])
        stream = random.choice([None, None, None, "f"])
        sequenced = random.random() < 0.5
        around_ms = self.now_ms - some_time_ago_ms(random)
        events = [self.an_event(wsid, around_ms, random, stream is not None) for _ in range(2 * size)]
        return Envelope(
            wsid=wsid,
            id=identity(wsid, again or self.sent),
            received_ms=self.now_ms,
            events=events,
            rejected=[Rejected(0, "wrong", random.choice(["missing", "future"]))]
            * random.choice([0, 0, 1, 2]),
            payloads=[("missing", '{"username": "anna"}')] * random.choice([0, 0, 1, 2]),
            refused=None if events else random.choice([None, "not_json"]),
            source=random.choice(["", "web-1", "web-2"]),
            key=random.choice([None, 1, 1, 2]),
            size=random.choice([0, 100, 250]),
            run=random.choice(["", "r"]),
            seq=self.sent if sequenced else None,
            sent=10 * self.sent if sequenced else None,
            lost=random.choice([{}, {"queue_full": self.sent}, {"too_large": 2 * self.sent}]),
            close=random.random() < 0.1,
            stream=stream,
        )

    def an_event(self, wsid: int, around_ms: int, random: Random, in_stream: bool) -> Event:
        """An event of few possible values, so that they meet."""
        ts_ms = around_ms if random.random() < 0.8 else self.now_ms - some_time_ago_ms(random)
        session = random.random() < 0.2
        fields: dict[str, Any] = {
            "kind": SESSION if session else "request",
            "path": random.choice("aaabbcdefg") + random.choice(["", "", "", ".css"]),
            "method": random.choice([None, None, "GET", "POST"]),
            "visitor": random.choice([None, 1, 1, 2, 3, 4, -(2**63)]),
            **random.choice(PLACES),
            "bot": random.random() < 0.1,
            "os": random.choice(["", "Linux"]),
            "username": random.choice([None, "", "anna", "bert", "carl", "dora"]),
            "status": random.choice([None, None, 200, 200, 304, 404, 500]),
            "duration_us": random.choice([None, 0, 999, 1_000, 3_000, 26_999, 27_000, 10**9]),
            "bytes": random.choice([None, 0, 1, 10**12]),
            "utm_campaign": random.choice(["", "x"]),
            "extra": a_sign(random)
            if session
            else {"team": random.choice(["", "red", True, 1, 1.5, 1e16, -(2**63)])},
            "offset": random.randrange(20) if in_stream else None,
        }
        if random.random() < 0.5:
            fields["referrer"], fields["referrer_site"] = random.choice([("https://x/", "x"), ("y", "")])
        made = event(ts_ms, calendar=self.calendars[wsid], **fields)
        self.days.add((wsid, made.hour.day.start))
        return made

    def advance(self, size: int, random: Random) -> None:
        for store in (self.memory, self.sqlite):
            for _ in range(size):
                store.advance(random.randrange(1, 9))

    def close_days(self, size: int, random: Random) -> None:
        """Some days close, and late events come to them."""
        self.now_ms += random.choice([0, DAY_MS, 2 * DAY_MS + HOUR_MS, 3 * DAY_MS])
        self.alike(lambda store: sorted(store.close_days(self.now_ms)))

    def expire(self, size: int, random: Random) -> None:
        retention = {wsid: random.choice([1, 2, 60]) for wsid in WSIDS if random.random() < 0.5}
        self.settle()
        for store in (self.memory, self.sqlite):
            while store.expire(self.now_ms, retention, 3 if size < 3 else 5_000):
                pass

    def add_or_remove_a_view(self, size: int, random: Random) -> None:
        views = self.memory.views()
        view = random.choice(VIEWS)
        if view.kind == SESSION:  # those count at once what is known when they come
            self.settle()
        if view.name in views:
            del views[view.name]
        else:
            views[view.name] = view
        self.alike(lambda store: sorted(store.sync_views(views)))

    def raise_a_version(self, size: int, random: Random) -> None:
        views = self.memory.views()
        if views:
            old = views[random.choice(sorted(views))]
            views[old.name] = replace(random.choice(VIEWS), name=old.name, version=old.version + 1)
            self.settle()
            self.alike(lambda store: sorted(store.sync_views(views)))

    def erase_a_username(self, size: int, random: Random) -> None:
        wsid, name = random.choice(WSIDS), random.choice(["anna", "anna", "bert", "", "nobody"])
        self.settle()
        self.alike(lambda store: store.erase_username(wsid, name, self.now_ms))

    def delete_a_webservice(self, size: int, random: Random) -> None:
        if size == 9 and len(self.wsids) > 3:
            wsid = self.wsids.pop()
            self.alike(lambda store: store.delete_webservice(wsid, self.now_ms))
            self.settle()
            for store in (self.memory, self.sqlite):
                while store.expire(self.now_ms, {}):
                    pass

    def change_a_zone(self, size: int, random: Random) -> None:
        wsid = random.choice(WSIDS)
        calendar = self.calendars[wsid]
        change = calendar.next_change(self.now_ms / 1000)
        zones = [one for one in calendar.zones if one[0] < change]
        self.calendars[wsid] = Calendar([*zones, (change, random.choice(ZONES))])

    def open_again(self, size: int, random: Random) -> None:
        self.sqlite.close()
        self.sqlite = open_store("sqlite:", self.folder, SMALL)

    # -- what is asked --------------------------------------------------------------------------------------------

    def compare_a_period(self, size: int, random: Random) -> None:
        """A period as the reading API asks for it: whole hours, from hours, days and months, or filtered."""
        self.settle()
        wsid = random.choice(WSIDS)
        calendar = self.calendars[wsid]
        edges = sorted(self.now_ms - some_time_ago_ms(random) for _ in range(2))
        covered = Bounds(calendar.hour(edges[0] / 1000).start, calendar.hour(edges[1] / 1000).end)
        about = random.choice([OF_REQUESTS, OF_REQUESTS, OF_SESSIONS])
        filters = tuple(
            Filter(
                random.choice(about),
                random.choice(["", "*", "a", "A*", "*t", "web-*", "1", "anna"]),
                random.random() < 0.5,
            )
            for _ in range(random.choice([0, 0, 1, 2]))
        )
        self.compare_answers(plan(wsid, covered, calendar, filters), size)
        self.compare_sessions(wsid, covered)
        if about is OF_SESSIONS:
            return
        self.alike(lambda store: store.events(wsid, 5, filters=filters))
        self.alike(lambda store: store.events(wsid, 5, after=7, filters=filters))
        self.alike(
            lambda store: store.locations(wsid, EAST, 5, 10 * size + 1, between=covered, filters=filters)
        )

    def compare_sessions(self, wsid: int, covered: Bounds) -> None:
        for ask in (
            lambda store: store.sessions(wsid, 10**6, between=covered),
            lambda store: store.live_sessions(wsid, self.now_ms - HOUR_MS),
            lambda store: store.live_sessions(wsid, self.now_ms - HOUR_MS, ended=True),
        ):
            self.alike(
                lambda store, ask=ask: sorted((one.session, one.source, one.day) for one in ask(store))
            )

    def compare_answers(self, asked: Period, limit: int) -> None:
        of_sessions = any(one.view.kind == SESSION for one in asked.filters)
        self.alike(lambda store: store.complete_from(asked))
        grains: tuple[Grain, ...] = ("second", "minute", "hour", "day")
        if not of_sessions:
            self.alike(lambda store: store.totals(asked))
            for grain in grains:
                self.alike(lambda store, grain=grain: store.series(grain, asked))
        for name, view in self.memory.views().items():
            if asked.filters and (view.kind == SESSION) != of_sessions:
                continue
            if view.kind != REQUEST:
                for grain in grains[2:]:
                    self.alike(lambda store, name=name, grain=grain: store.series(grain, asked, name))
                    self.alike(lambda store, name=name, grain=grain: store.timings(name, grain, asked))
            for most in (limit, 1, 2):
                self.alike(lambda store, name=name, most=most: store.ranking(name, asked, most))
            self.alike(lambda store, name=name: store.page(name, asked, Page(limit, limit // 2)))
            for sort in SORTS:
                one = Page(limit, limit // 3, "a" if limit % 2 else "", sort)
                self.alike(lambda store, name=name, one=one: store.page(name, asked, one))
            self.alike(lambda store, name=name: store.complete_from(asked, name))
            keys = ["AT", "", *(key for key, _ in self.memory.ranking(name, asked, 2).rows), "nobody's"]
            self.alike(lambda store, name=name, keys=keys: store.figures(name, asked, keys))

    def compare_everything(self) -> None:
        self.settle()
        self.alike(lambda store: store.views())
        self.alike(lambda store: store.outcomes(sorted(self.ids)))
        self.alike(lambda store: store.sizes())
        self.alike(lambda store: store.opened(self.days))
        self.alike(lambda store: store.closed(self.days))
        self.alike(self.positions)
        grains: tuple[Grain, ...] = ("hour", "day", "month")
        for wsid in WSIDS:
            self.alike(lambda store, wsid=wsid: store.events(wsid, 1000))
            self.alike(lambda store, wsid=wsid: store.runs(wsid))
            self.alike(lambda store, wsid=wsid: store.quarantine(wsid, 10))
            for grain in grains:
                whole = Span(grain, 0, 4_000_000_000)
                asked = Period(wsid, whole.start, whole.end, whole.start, whole.end, (whole,))
                self.compare_answers(asked, 100)
                self.alike(lambda store, asked=asked: store.series("month", asked))
                self.compare_sums(asked)

    def compare_sums(self, asked: Period) -> None:
        """Of a view that lacks nothing the keys and the remainder add up to the totals."""
        requests = self.memory.totals(asked).requests
        for name, view in self.memory.views().items():
            if view.kind == "request" and self.memory.complete_from(asked, name) is None:
                rows, other = self.memory.ranking(name, asked, 3)
                assert sum(one.requests for _, one in rows) + (other.requests if other else 0) == requests

    def positions(self, store: Store) -> Any:
        stats = store.stats(self.now_ms)
        return (
            stats.last_seq,
            stats.position,
            stats.behind_events,
            stats.behind_ms,
            stats.filling,
            store.as_of_ms(self.now_ms),
        )


def a_sign(random: Random) -> dict[str, Any]:
    """What an event of kind session says."""
    told = {"state": random.choice(["start", "alive", "alive", "end"])}
    return {
        "session": random.choice("abcd"),
        "subject": random.choice(["anna", "bert", "carl"]),
        "object": random.choice(["", "lab", "lab", "room", "hall", "yard", "shed"]),
        **random.choice([told, told, {"duration_s": random.choice([0, 1.5, 5000])}]),
    }


def some_time_ago_ms(random: Random) -> int:
    """How long before its receipt something happened: mostly little, not seldom days, sometimes years."""
    longest_ms = random.choice([HOUR_MS, HOUR_MS, 3 * HOUR_MS, DAY_MS, 3 * DAY_MS, 3 * DAY_MS])
    if random.random() < 0.1:
        longest_ms = random.choice([14, 20, 36, 40, 400, 4000]) * DAY_MS
    return random.randrange(-600_000, longest_ms) // 600_000 * 600_000 + random.randrange(0, 2_000)
