# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a MemoryStore's latest requests came from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from tmon.server.events import REQUEST, Event
from tmon.server.store.base import Box, Filter, Located, Locations

from .filtered import matches
from .items import Logged


def locations(
    log: Sequence[Logged],
    box: Box,
    limit: int,
    most: int,
    between: tuple[int, int] | None,
    filters: Sequence[Filter],
) -> Locations:
    """See Store.locations; `log` are the web service's events, oldest first."""
    hits = [
        one.event
        for one in islice(reversed(log), most)
        if one.event.kind == REQUEST
        and _inside(one.event, box)
        and (between is None or between[0] * 1000 <= one.event.ts_ms < between[1] * 1000)
        and matches(one, filters)
    ]
    found: dict[tuple[float, float, str, str], list[Event]] = {}
    for event in hits[:limit]:
        place = event.place
        assert place.lat is not None
        assert place.lon is not None
        found.setdefault((place.lat, place.lon, place.city, place.country), []).append(event)
    places = [
        Located(*place, len(events), sum(one.error for one in events), max(one.ts_ms for one in events))
        for place, events in found.items()
    ]
    places.sort(key=lambda one: (-one.requests, -one.latest_ms, one[:4]))
    return Locations(places, to_the_end=len(hits) < limit and len(log) < most)


def _inside(event: Event, box: Box) -> bool:
    lat, lon = event.place.lat, event.place.lon
    if lat is None or lon is None:
        return False
    return box.south <= lat <= box.north and any(least <= lon <= most for least, most in box.longitudes)
