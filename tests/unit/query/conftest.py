# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of real files that a test fills with events at local times, and questions asked at a fixed moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tmon.server.calendar import Calendar
from tmon.server.catalogue import View, read_views
from tmon.server.events import Agent, Event, Place
from tmon.server.query import Questions, Subject
from tmon.server.store.base import Envelope
from tmon.server.store.sqlite import SqliteStore, open_store
from tmon.settings.paths import shipped

WSID = 7
ZONE = "Europe/Vienna"
AGENTS = {
    "firefox": Agent(useragent="firefox", browser="Firefox", os="Linux", device="desktop"),
    "safari": Agent(useragent="safari", browser="Safari", os="iOS", device="phone"),
    "crawler": Agent(useragent="crawler", browser="Crawler", device="bot", bot=True),
}


class World:
    """A web service in Vienna with a store of its own; it is 2024-05-15 12:20:30 there."""

    def __init__(self, folder: Path) -> None:
        self.calendar = Calendar([(float("-inf"), ZONE)])
        self.now = self.at("2024-05-15 12:20:30")
        self.store: SqliteStore = open_store(folder)
        self.store.sync_views(read_views([shipped("views")]))
        self.settled: list[float] = []
        self.questions = Questions(self.store, self.settle, lambda: self.now)
        self.subject = Subject(WSID, self.calendar)
        self._ids = 0

    def at(self, text: str) -> float:
        """A local time in Unix seconds."""
        zone = self.calendar.local(0).tzinfo
        return dt.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()

    def settle(self, timeout_s: float) -> None:
        self.settled.append(timeout_s)
        self.store.settle()

    def event(self, at: str, country: str = "AT", agent: str = "firefox", **fields: Any) -> Event:
        """A request at a local time."""
        ts = self.at(at)
        return Event(
            ts_ms=int(ts * 1000),
            hour=self.calendar.hour(ts),
            place=Place(country=country),
            agent=AGENTS[agent],
            **{"path": "/", **fields},
        )

    def add(self, *events: Event, **envelope: Any) -> None:
        """Append the events in one envelope, received now."""
        self._ids += 1
        given = {"wsid": WSID, "received_ms": int(self.now * 1000), **envelope}
        self.store.append([Envelope(id=self._ids.to_bytes(16, "big"), events=list(events), **given)])

    def views(self) -> dict[str, View]:
        return self.store.views()


def shown(answer: Any) -> Any:
    """An answer as whoever asked reads it."""
    return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    one = World(tmp_path)
    yield one
    one.store.close()
