# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of events: one per web service and month, so that a month goes by dropping a database.

They are called `<prefix>-w<wsid>-<yyyy>-<mm>`, say `tmon-w7-2026-11`, with the month as UTC has it.
"""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

from .errors import Conflict, Exists, Missing
from .nodes import Nodes

_TRIES: Final = 10


class Month(NamedTuple):
    """A month of UTC. The earlier is the smaller."""

    year: int
    month: int

    @classmethod
    def of(cls, time_ms: int) -> Self:
        """The month of a time in Unix milliseconds, of the years 1 to 9999. Raises ValueError for others."""
        try:
            moment = datetime.fromtimestamp(time_ms // 1000, UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(f"{time_ms} is of no year that has four digits") from error
        return cls(moment.year, moment.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


class Databases:
    """The databases of events whose names begin with the prefix of TMON_STORE. From any thread.

    `shards` and `copies` are CouchDB's q and n: into how many parts a database is cut when it is made, and how many
    nodes keep each; None leaves that to the cluster. Methods raise what `Nodes.request` does.
    """

    def __init__(self, nodes: Nodes, *, shards: int | None = None, copies: int | None = None) -> None:
        self._nodes = nodes
        self._prefix = nodes.address.prefix
        self._made_with = {name: value for name, value in (("q", shards), ("n", copies)) if value is not None}
        self._named = re.compile(
            rf"{re.escape(self._prefix)}-w([1-9]\d{{0,19}})-(\d{{4}})-(0[1-9]|1[0-2])", re.ASCII
        )
        only = {"names": [nodes.address.user], "roles": ["_admin"]}
        self._security = {"admins": only, "members": only}

    def name(self, wsid: int, month: Month) -> str:
        """The name of the database that has the web service's events of the month."""
        return f"{self._prefix}-w{wsid}-{month}"

    def make(self, name: str) -> None:
        """Make the database, for nobody but T-Mon's own user, unless it is there.

        Several may do so at once, and any may be killed in the midst of it: so everyone looks at who may read it.
        Raises Conflict if somebody else keeps changing that.
        """
        with contextlib.suppress(Exists):
            self._nodes.request("PUT", name, params=self._made_with)
        for tries_left in reversed(range(_TRIES)):
            if self._nodes.request("GET", name, "_security") == self._security:
                return
            try:
                self._nodes.request("PUT", name, "_security", body=self._security)
            except Conflict:  # another one is setting it, most likely to the same
                if not tries_left:
                    raise
            else:
                return

    def of(self, wsid: int) -> dict[Month, str]:
        """The names of the web service's databases, by month, the earliest first."""
        return self._listed(f"{self._prefix}-w{wsid}-").get(wsid, {})

    def all(self) -> dict[int, dict[Month, str]]:
        """The names of the databases of every web service that has one, by month, the earliest first."""
        return self._listed(f"{self._prefix}-w")

    def drop(self, name: str) -> None:
        """Drop the database with all that is in it, if it is there."""
        with contextlib.suppress(Missing):
            self._nodes.request("DELETE", name)

    def _listed(self, begin: str) -> dict[int, dict[Month, str]]:
        """Those whose names begin so; without what merely looks alike, and what was listed but not asked for."""
        asked = {"start_key": begin, "end_key": f"{begin}\ufff0"}
        names: list[str] = self._nodes.request("GET", "_all_dbs", params=asked)
        found: dict[int, dict[Month, str]] = {}
        for name in sorted(names):
            parts = self._named.fullmatch(name)
            if parts is not None:
                found.setdefault(int(parts[1]), {})[Month(int(parts[2]), int(parts[3]))] = name
        return found
