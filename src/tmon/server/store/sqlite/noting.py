# SPDX-License-Identifier: GPL-3.0-or-later
"""What the log notes besides entries and events, in the same transaction: keys of runs, and how much was received.

A run uses the same key for a long time, so it is written when it changes and once an hour, and not with each envelope.
Sizes are added up per web service and day, in one row per commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ..base import DAY_MS, LEDGER_RUNS, Envelope, Limits, Outcome
from .driver import Connection
from .log import Log

HOUR_MS: Final = 3_600_000
REMEMBERED: Final = 20_000
TRIM_EVERY: Final = 1_000
"""Rows written of a web service between two looks at how many it has."""

Run = tuple[int, str, str]
"""wsid, source, run."""


class RunKeys:
    """The table `run_keys`, as the one thread that appends uses it, within its transactions."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._written: dict[Run, tuple[int, int]] = {}
        """Key and hour of the row."""
        self._since_trimmed: Counter[int] = Counter()

    def note(self, envelopes: Iterable[Envelope]) -> None:
        """Note the keys of these envelopes, the latest last."""
        changed: dict[Run, tuple[int, int]] = {}
        for envelope in envelopes:
            if envelope.key is not None:
                run = (envelope.wsid, envelope.source, envelope.run)
                state = (envelope.key, envelope.received_ms // HOUR_MS)
                if changed.get(run, self._written.get(run)) != state:
                    changed[run] = state
        if not changed:
            return
        # REPLACE gives the row a new number, so that those of the runs that were seen longest ago are the lowest
        self._db.executemany(
            "INSERT OR REPLACE INTO run_keys(wsid, source, run, key) VALUES (?, ?, ?, ?)",
            [(*run, key) for run, (key, _) in changed.items()],
        )
        if len(self._written) > REMEMBERED:
            self._written.clear()
        self._written.update(changed)
        self._since_trimmed.update(wsid for wsid, _, _ in changed)
        for wsid in {wsid for wsid, _, _ in changed}:
            if self._since_trimmed[wsid] >= TRIM_EVERY:
                self._trim(wsid)

    def forget(self) -> None:
        """Forget what was written: the transaction failed, or rows were deleted."""
        self._written.clear()

    def _trim(self, wsid: int) -> None:
        """Keep as many rows as the ledger keeps runs."""
        self._db.execute(
            "DELETE FROM run_keys WHERE wsid = ?1 AND id <= "
            "(SELECT id FROM run_keys WHERE wsid = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (wsid, LEDGER_RUNS),
        )
        del self._since_trimmed[wsid]


class NotingLog(Log):
    """The log, which also notes by which key each run's last envelope was opened, and sizes."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        super().__init__(connection, limits)
        self._connection = connection
        self._run_keys = RunKeys(connection)

    def _append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        outcomes = super()._append(envelopes)
        fresh = [
            envelope for envelope, outcome in zip(envelopes, outcomes, strict=True) if not outcome.duplicate
        ]
        self._run_keys.note(fresh)
        self._note_sizes(fresh)
        return outcomes

    def _note_sizes(self, envelopes: Iterable[Envelope]) -> None:
        sizes: Counter[tuple[int, int]] = Counter()
        for envelope in envelopes:
            sizes[envelope.received_ms // DAY_MS, envelope.wsid] += envelope.size
        self._connection.executemany(
            "INSERT INTO sizes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
            [(*of, size) for of, size in sizes.items() if size],
        )

    def forget(self) -> None:
        """See Log.forget."""
        super().forget()
        self._run_keys.forget()
