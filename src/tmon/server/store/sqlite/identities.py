# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entry the id of an envelope belongs to.

Ids are random: in an index of all, each new one lands on a page of its own, and a commit would write a page for every
envelope. So the youngest are known in memory (the log has them, in order) and go into the index later, sorted, a few
with each commit: then many land on one page. With single events, short runs beside other work, the writer's thread
took 29 µs an envelope in place of 31 to 39, most of it saved in the kernel; bytes written were not counted.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Final

from .driver import Connection

YOUNG: Final = 16_384
"""As many are gathered before they go into the index: some 3 MB."""
LEAST: Final = 32
"""As many go at least with a commit, while some go."""
FASTER: Final = 2
"""They go so many times faster than new ones come, so that at most half as many come meanwhile."""


class Identities:
    """Used by the one thread that appends to the log, on its connection; nobody else writes the index."""

    def __init__(self, log: Connection) -> None:
        self._db = log
        self._young: dict[bytes, int] | None = None
        """Entries by the ids that the index may lack; None until they are read."""
        self._going: list[bytes] = []
        """Those of them that go into the index now, the next ones last."""
        self._upto = 0
        """The index has everything up to this entry when they have gone."""
        self._absent: frozenset[bytes] = frozenset()
        """What the last look-up did not find, if nothing was added since: before an append all are looked up twice."""

    def find(self, ids: Collection[bytes]) -> dict[bytes, int]:
        """The entries of those that are known. An entry may have been deleted since."""
        young = self._known()
        found = {one: young[one] for one in ids if one in young}
        wanted = [one for one in ids if one not in found and one not in self._absent]
        for at in range(0, len(wanted), 500):
            part = wanted[at : at + 500]
            marks = ", ".join("?" * len(part))
            found.update(
                self._db.execute(f"SELECT envelope, seq FROM identities WHERE envelope IN ({marks})", part)
            )
        self._absent = frozenset(one for one in ids if one not in found)
        return found

    def add(self, entries: Iterable[tuple[bytes, int]]) -> None:
        """New entries, within the transaction that appends them; some older ones go into the index with them."""
        young = self._known()
        self._absent = frozenset()
        before = len(young)
        young.update(entries)
        if not self._going and len(young) >= YOUNG:
            self._going = sorted(young, reverse=True)
            self._upto = max(young.values())
        if self._going:
            self._go(max(LEAST, FASTER * (len(young) - before)))

    def forget(self) -> None:
        """Forget what is known in memory: the transaction was rolled back."""
        self._young = None
        self._going = []
        self._absent = frozenset()

    def _known(self) -> dict[bytes, int]:
        if self._young is None:
            (upto,) = self._db.execute(
                "SELECT coalesce((SELECT value FROM meta WHERE name = 'identified'), 0)"
            ).fetchone()
            self._young = dict(
                self._db.execute(
                    "SELECT envelope, seq FROM entries WHERE seq > ? AND envelope IS NOT NULL", (upto,)
                )
            )
        return self._young

    def _go(self, count: int) -> None:
        young = self._known()
        part = self._going[-count:]
        del self._going[-count:]
        numbers = json.dumps([young.pop(one) for one in part])
        # read from the log, so that nothing stays of entries that were deleted meanwhile
        self._db.execute(
            "INSERT OR REPLACE INTO identities SELECT envelope, seq FROM entries "
            "WHERE seq IN (SELECT value FROM json_each(?)) AND envelope IS NOT NULL ORDER BY envelope",
            (numbers,),
        )
        if not self._going:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('identified', ?)", (self._upto,))
