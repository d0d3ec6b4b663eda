# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that has lived for a year: the corpus spread over 365 days, received as it happened, days closed as they end.

Events go through the real pipeline into `Store.append`, without HTTP, while another thread has the views follow. The
web service keeps its raw events for longer than the year, so that they are all still there; all else expires as it
does in a server: hours after 35 days, minutes after 8.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from tmon.server.calendar import Calendar
from tmon.server.catalogue import read_views
from tmon.server.pipeline import Locator, Message, Pipeline, standard_steps
from tmon.server.store.base import DAY_MS, Envelope, Store
from tmon.server.store.sqlite import open_store
from tmon.server.tenants.keyring import Service
from tmon.settings.paths import geoip_files, shipped

from .corpus import Corpus, Request
from .serving import ZONE

DAYS: Final = 365
KEPT_DAYS: Final = 400
EXPIRING_EACH_DAYS: Final = 7
BATCH: Final = 500
GROUP: Final = 20
AHEAD_EVENTS: Final = 200_000
"""How far the log may be ahead of the views, so that neither thread waits long for the other."""


class Filled(NamedTuple):
    """What filling took: seconds of the pipeline, of appending, of counting, and from begin to end."""

    events: int
    pipeline_s: float
    append_s: float
    views_s: float
    seconds: float


def calendar() -> Calendar:
    """The calendar of the web service."""
    return Calendar([(-math.inf, ZONE)])


def fill(data: Path, wsid: int, corpus: Corpus, events: int) -> Filled:
    """Make the store in `data` one that got so many events within the last 365 days."""
    store = open_store(data)
    store.sync_views(read_views([shipped("views")]))
    following = _Following(store)
    begin, now = time.perf_counter(), time.time()
    pipeline_s = append_s = 0.0
    pipeline = Pipeline(standard_steps(Locator(geoip_files())))
    service = Service(wsid, "Harbour", (), calendar(), "none", KEPT_DAYS, 100_000)
    requests = corpus.requests(events, now - DAYS * 86_400, now)
    now_ms = expiring_ms = 0
    numbers = itertools.count(1)
    try:
        while group := list(itertools.islice(requests, BATCH * GROUP)):
            started = time.perf_counter()
            envelopes = [
                _envelope(pipeline, service, group[at : at + BATCH], next(numbers))
                for at in range(0, len(group), BATCH)
            ]
            judged = time.perf_counter()
            store.append(envelopes)
            appended = time.perf_counter()
            pipeline_s += judged - started
            append_s += appended - judged
            now_ms = envelopes[-1].received_ms
            store.close_days(now_ms)
            if now_ms >= expiring_ms:
                expiring_ms = now_ms + EXPIRING_EACH_DAYS * DAY_MS
                _expire(store, following, now_ms, wsid)
            following.wait(AHEAD_EVENTS)
        _expire(store, following, now_ms, wsid)
        return Filled(events, pipeline_s, append_s, following.seconds, time.perf_counter() - begin)
    finally:
        following.stop()
        store.close()


def _expire(store: Store, following: _Following, now_ms: int, wsid: int) -> None:
    """Delete all that is due, once the views have caught up: they are not waited for by what is deleted."""
    following.wait(0)
    while store.expire(now_ms, {wsid: KEPT_DAYS}):
        pass


def _envelope(pipeline: Pipeline, service: Service, requests: list[Request], number: int) -> Envelope:
    received_ms = int(requests[-1]["ts"] * 1000) + 500
    batch = pipeline.run(Message(events=requests), service, received_ms, _salt)
    if batch.rejected:
        raise RuntimeError(f"the pipeline rejects an event of the corpus: {batch.rejected[0]}")
    return Envelope(
        wsid=service.wsid,
        id=hashlib.sha256(b"%d" % number).digest()[:16],
        received_ms=received_ms,
        events=batch.events,
        source=f"web-{number % 4 + 1}",
        run=f"year-{number % 4 + 1}",
        seq=(number - 1) // 4 + 1,
        sent=((number - 1) // 4 + 1) * BATCH,
    )


def _salt(day: int) -> bytes:
    return hashlib.sha256(b"%d" % day).digest()


class _Following(threading.Thread):
    """Has the views follow the log as long as there is something to count."""

    def __init__(self, store: Store) -> None:
        super().__init__(name="follower", daemon=True)
        self._store = store
        self._stopping = False
        self._failure: BaseException | None = None
        self.seconds = 0.0
        self.start()

    def run(self) -> None:
        try:
            while not self._stopping:
                begin = time.perf_counter()
                more = self._store.advance()
                self.seconds += time.perf_counter() - begin
                if not more:
                    time.sleep(0.01)
        except BaseException as failure:
            self._failure = failure
            raise

    def wait(self, ahead: int) -> None:
        """Wait until the log is at most so many events ahead."""
        while self._store.stats(int(time.time() * 1000)).behind_events > ahead:
            if self._failure is not None:
                raise RuntimeError("the views do not follow") from self._failure
            time.sleep(0.02)

    def stop(self) -> None:
        self._stopping = True
        self.join()
