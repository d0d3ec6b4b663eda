# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes in a database, as it changes: `_changes` with `feed=continuous`, from whichever node is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ..base import Unavailable
from .answers import NodeFailed
from .node import Lines
from .nodes import Nodes

HEARTBEAT_S: Final = 5.0
_SHORTEST_PAUSE_S: Final = 0.05


class Feed:
    """The changes of a database after `since`: iterate over it in one thread, close it from any.

    Each is what CouchDB writes of it: `seq`, `id`, `changes`, where it is so `deleted`, and `doc` with
    `include_docs` in `params`. After a node has failed (it also has if nothing came for three heartbeats) it goes on at
    another from the last `seq`, and where none is there it waits for one. A change may come twice, and not in the
    order of writing: whoever counts goes by ids and revisions.

    Iterating ends after `close`. It raises Missing where there is no such database, or no longer; Refused; TooLarge.
    """

    def __init__(
        self,
        nodes: Nodes,
        database: str,
        since: str | int = 0,
        *,
        params: Mapping[str, Any] | None = None,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.since = since
        """What was reported last: a feed from here on repeats and misses nothing."""
        self._nodes = nodes
        self._path = (database, "_changes")
        self._params = dict(params or {})
        self._heartbeat_s = heartbeat_s
        self._closed = threading.Event()
        self._lines: Lines | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while not self._closed.is_set():
            request = self._nodes.prepared(
                "GET",
                self._path,
                {
                    **self._params,
                    "feed": "continuous",
                    "since": str(self.since),
                    "heartbeat": max(1, round(self._heartbeat_s * 1000)),
                },
                timeout_s=3 * self._heartbeat_s,
            )
            begun = self._nodes.clock()
            try:
                number, lines = self._nodes.follow(request)
            except Unavailable:
                self._closed.wait(max(_SHORTEST_PAUSE_S, self._nodes.pause_s()))
                continue
            with lines:
                self._lines = lines
                try:
                    if not self._closed.is_set():
                        yield from self._changes(lines)
                except NodeFailed:
                    pass
                finally:
                    self._lines = None
            if not self._closed.is_set():
                # An answer that does not end has ended: also where the node did so in order, it may do so again.
                self._nodes.fail(number, begun)

    def close(self) -> None:
        """Have it end, also where it waits."""
        self._closed.set()
        lines = self._lines
        if lines is not None:
            lines.interrupt()

    def _changes(self, lines: Lines) -> Iterator[dict[str, Any]]:
        """The changes that these lines tell. Raises NodeFailed for one that isn't CouchDB's."""
        for line in lines:
            if self._closed.is_set():
                return
            if not line.strip():
                continue
            try:
                change = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise NodeFailed("reported a change that is no JSON") from None
            if not isinstance(change, dict) or "seq" not in change:
                return  # `last_seq`: the node has ended it
            self.since = change["seq"]
            yield change
