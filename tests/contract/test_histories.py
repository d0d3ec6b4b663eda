# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories: whatever happens to them alike, the stores answer alike.

The embedded store counts in bulk SQL, the one in memory event by event; they share no code but the contract's own.
`HISTORIES=5000 pytest tests/contract/test_histories.py` looks much further than a usual run does.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.contract.build import DAY_MS, HOUR_MS, NOW, SMALL, event, identity

from tmon.server.calendar import Calendar
from tmon.server.catalogue import Classes, View
from tmon.server.events import SESSION, Event, Rejected
from tmon.server.query.period import Bounds, plan
from tmon.server.store import Envelope, Filter, Period, Span, Store, open_store

EXAMPLES = int(os.environ.get("HISTORIES", "25"))
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
    View("where", "Where", "country", kind=SESSION, visitors="first"),
]
BY_NAME = {view.name: view for view in VIEWS}

# When events happened, before the moment of their receipt: around it mostly, but also long ago.
ago_ms = st.one_of(
    st.integers(-600_000, 3 * HOUR_MS),
    st.integers(0, 4 * DAY_MS),
    st.sampled_from([1, 2, 3, 10, 13, 20, 36, 40, 400, 4000]).map(lambda days: days * DAY_MS),
)
# Starts of days on which a clock changes, in the zones above; histories begin around them.
BEGINNINGS = [
    NOW,
    1_792_886_400_000,  # 2026-10-25, Vienna back
    1_774_742_400_000,  # 2026-03-29, Vienna forward
    1_775_311_200_000,  # 2026-04-04T14:00Z, Lord Howe back by half an hour
    1_793_500_200_000,  # 2026-11-01T02:30Z, St John's back
]


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    """An event's fields but for time and offset, from few values so that they meet."""
    found: dict[str, Any] = {
        "path": draw(st.sampled_from(["", "a", "b", "c", "d", "e", "f"])),
        "visitor": draw(st.sampled_from([None, 1, 1, 2, 3, -(2**63)])),
        "country": draw(st.sampled_from(["", "AT", "DE"])),
        "bot": draw(st.sampled_from([False, False, False, True])),
        "os": draw(st.sampled_from(["", "Linux"])),
        "username": draw(st.sampled_from([None, "", "anna", "bert", "carl"])),
        "status": draw(st.sampled_from([None, 200, 500])),
        "duration_us": draw(st.sampled_from([None, 0, 999, 1_000, 3_000, 26_999, 27_000, 10**9])),
        "bytes": draw(st.sampled_from([None, 0, 10**12])),
        "utm_campaign": draw(st.sampled_from(["", "x"])),
    }
    if draw(st.booleans()):
        found["extra"] = {"team": draw(st.sampled_from(["", "red", True, 1, 1.5, 1e16, -(2**63)]))}
    if draw(st.booleans()):
        found["referrer"], found["referrer_site"] = draw(st.sampled_from([("https://x/", "x"), ("y", "")]))
    if draw(st.sampled_from([False, False, True])):
        found["kind"] = SESSION
        found["extra"] = {"object": draw(st.sampled_from(["", "lab", "room"]))}
    return found


class Histories(RuleBasedStateMachine):
    """Does the same to both stores, and compares what they answer."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = open_store("memory:", self.folder, SMALL)
        self.sqlite = open_store("sqlite:", self.folder, SMALL)
        self.now_ms = NOW
        self.calendars: dict[int, Calendar] = {}
        self.wsids: set[int] = set()
        self.days: set[tuple[int, int]] = set()
        self.ids: set[tuple[int, bytes]] = set()
        self.sent = 0

    def teardown(self) -> None:
        try:
            self.compare_everything()
        finally:
            self.sqlite.close()
            shutil.rmtree(self.folder)

    def alike(self, what: Any) -> Any:
        """Asks both stores; returns the answer that they agree on."""
        expected, found = what(self.memory), what(self.sqlite)
        assert found == expected
        return expected

    def settle(self) -> None:
        self.memory.settle()
        self.sqlite.settle()

    # -- what happens ---------------------------------------------------------------------------------------------

    @initialize(
        begin_ms=st.sampled_from(BEGINNINGS),
        zones=st.lists(st.sampled_from(ZONES), min_size=len(WSIDS), max_size=len(WSIDS)),
        names=st.sets(st.sampled_from(sorted(BY_NAME)), max_size=5),
    )
    def begin(self, begin_ms: int, zones: list[str], names: set[str]) -> None:
        self.now_ms = begin_ms
        self.wsids = set(WSIDS)
        self.calendars = {
            wsid: Calendar([(-math.inf, zone)]) for wsid, zone in zip(WSIDS, zones, strict=True)
        }
        self.alike(lambda store: sorted(store.sync_views({name: BY_NAME[name] for name in names})))

    @rule(
        step_ms=st.one_of(
            st.integers(0, 2 * HOUR_MS), st.sampled_from([DAY_MS, 3 * DAY_MS, 15 * DAY_MS, 36 * DAY_MS])
        )
    )
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms

    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        envelopes = [self.an_envelope(data) for _ in range(data.draw(st.integers(1, 3)))]
        self.ids |= {(one.wsid, one.id) for one in envelopes}
        self.alike(lambda store: store.append(envelopes))

    def an_envelope(self, data: st.DataObject) -> Envelope:
        draw = data.draw
        wsid = draw(st.sampled_from(sorted(self.wsids)))
        self.sent += 1
        again = draw(st.sampled_from([None, None, None, "a", "b"]))
        stream = draw(st.sampled_from([None, None, "f"]))
        sequenced = draw(st.booleans())
        return Envelope(
            wsid=wsid,
            id=identity(wsid, again or self.sent),
            received_ms=self.now_ms,
            events=[
                self.an_event(
                    draw(fields()), draw(ago_ms), wsid, None if stream is None else draw(st.integers(0, 9))
                )
                for _ in range(draw(st.integers(0, 6)))
            ],
            rejected=[Rejected(0, "wrong", draw(st.sampled_from(["missing", "future"])))]
            * draw(st.integers(0, 2)),
            payloads=[("missing", '{"username": "anna"}')] * draw(st.integers(0, 2)),
            source=draw(st.sampled_from(["", "web-1", "web-2"])),
            run=draw(st.sampled_from(["", "r"])),
            seq=self.sent if sequenced else None,
            sent=10 * self.sent if sequenced else None,
            lost=draw(st.sampled_from([{}, {"queue_full": self.sent}, {"too_large": 2 * self.sent}])),
            close=draw(st.booleans()),
            stream=stream,
        )

    def an_event(self, known: dict[str, Any], before_ms: int, wsid: int, offset: int | None) -> Event:
        made = event(self.now_ms - before_ms, calendar=self.calendars[wsid], offset=offset, **known)
        self.days.add((wsid, made.hour.day.start))
        return made

    @rule(most=st.integers(1, 9), times=st.integers(1, 4))
    def advance(self, most: int, times: int) -> None:
        for _ in range(times):
            self.memory.advance(most)
            self.sqlite.advance(most)

    @rule()
    def close_days(self) -> None:
        self.alike(lambda store: sorted(store.close_days(self.now_ms)))

    @rule(
        retention=st.dictionaries(st.sampled_from(WSIDS), st.sampled_from([1, 2, 60])),
        most=st.sampled_from([3, 5_000]),
    )
    def expire(self, retention: dict[int, int], most: int) -> None:
        self.settle()
        for store in (self.memory, self.sqlite):
            while store.expire(self.now_ms, retention, most):
                pass

    @rule(name=st.sampled_from(sorted(BY_NAME)))
    def add_or_remove_a_view(self, name: str) -> None:
        views = self.memory.views()
        if name in views:
            del views[name]
        else:
            views[name] = BY_NAME[name]
        self.alike(lambda store: sorted(store.sync_views(views)))

    @precondition(lambda self: self.memory.views())
    @rule(data=st.data(), like=st.sampled_from(VIEWS))
    def raise_a_version(self, data: st.DataObject, like: View) -> None:
        views = self.memory.views()
        old = views[data.draw(st.sampled_from(sorted(views)))]
        views[old.name] = replace(like, name=old.name, version=old.version + 1)
        self.settle()
        self.alike(lambda store: sorted(store.sync_views(views)))

    @rule(wsid=st.sampled_from(WSIDS), name=st.sampled_from(["anna", "bert", "", "nobody"]))
    def erase(self, wsid: int, name: str) -> None:
        self.settle()
        self.alike(lambda store: store.erase_username(wsid, name, self.now_ms))

    @precondition(lambda self: len(self.wsids) > 1)
    @rule()
    def delete_a_webservice(self) -> None:
        wsid = max(self.wsids)
        self.wsids.remove(wsid)
        self.alike(lambda store: store.delete_webservice(wsid, self.now_ms))
        self.settle()
        for store in (self.memory, self.sqlite):
            while store.expire(self.now_ms, {}):
                pass

    @rule(wsid=st.sampled_from(WSIDS), zone=st.sampled_from(ZONES))
    def change_zone(self, wsid: int, zone: str) -> None:
        calendar = self.calendars[wsid]
        change = calendar.next_change(self.now_ms / 1000)
        zones = [one for one in calendar.zones if one[0] < change]
        self.calendars[wsid] = Calendar([*zones, (change, zone)])

    @rule()
    def open_again(self) -> None:
        self.sqlite.close()
        self.sqlite = open_store("sqlite:", self.folder, SMALL)

    # -- what is asked --------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def compare_a_period(self, data: st.DataObject) -> None:
        """A period as the reading API asks for it: whole hours, from hours, days and months, or filtered."""
        self.settle()
        draw = data.draw
        wsid = draw(st.sampled_from(WSIDS))
        calendar = self.calendars[wsid]
        start = calendar.hour((self.now_ms - draw(ago_ms)) / 1000).start
        end = calendar.hour((self.now_ms - draw(ago_ms)) / 1000).end
        if start >= end:
            start, end = calendar.hour(end - 1).start, calendar.hour(start).end
        filters = tuple(
            Filter(
                draw(st.sampled_from(VIEWS)),
                draw(st.sampled_from(["", "*", "a", "A*", "*t", "web-*", "1"])),
                draw(st.booleans()),
            )
            for _ in range(draw(st.integers(0, 2)))
        )
        asked = plan(wsid, Bounds(start, end), calendar, filters)
        self.compare_answers(asked, draw(st.integers(0, 4)))
        self.alike(lambda store: store.events(wsid, 5, filters=filters))
        self.alike(lambda store: store.events(wsid, 5, after=7, filters=filters))

    def compare_answers(self, asked: Period, limit: int) -> None:
        self.alike(lambda store: store.totals(asked))
        self.alike(lambda store: store.complete_from(asked))
        for grain in ("second", "minute", "hour", "day"):
            self.alike(lambda store, grain=grain: store.series(grain, asked))
        for name in self.memory.views():
            self.alike(lambda store, name=name: store.ranking(name, asked, limit))
            self.alike(lambda store, name=name: store.complete_from(asked, name))

    @rule()
    def compare_everything(self) -> None:
        self.settle()
        self.alike(lambda store: store.views())
        self.alike(lambda store: store.outcomes(sorted(self.ids)))
        self.alike(lambda store: store.opened(self.days))
        self.alike(lambda store: store.closed(self.days))
        self.alike(self.positions)
        for wsid in WSIDS:
            self.alike(lambda store, wsid=wsid: store.events(wsid, 1000))
            self.alike(lambda store, wsid=wsid: store.runs(wsid))
            self.alike(lambda store, wsid=wsid: store.quarantine(wsid, 10))
            for grain in ("hour", "day", "month"):
                whole = Span(grain, 0, 4_000_000_000)
                asked = Period(wsid, whole.start, whole.end, whole.start, whole.end, (whole,))
                self.compare_answers(asked, 100)
                self.alike(lambda store, asked=asked: store.series("month", asked))
                sums = self.memory.totals(asked).requests
                for name, view in self.memory.views().items():
                    since = self.memory.complete_from(asked, name)
                    if view.kind == "request" and since is None:
                        rows, other = self.memory.ranking(name, asked, 3)
                        assert sum(one.requests for _, one in rows) + (other.requests if other else 0) == sums

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

    @invariant()
    def nothing_is_counted_that_is_not_there(self) -> None:
        for wsid in WSIDS:
            found = [one.seq for one in self.memory.events(wsid, 1000)]
            assert found == [one.seq for one in self.sqlite.events(wsid, 1000)]


TestHistories = pytest.mark.timeout(300 + EXAMPLES * 5)(Histories.TestCase)
TestHistories.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
