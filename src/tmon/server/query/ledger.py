# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss ledger as the reading API shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from tmon.server.store.base import Run

from .answers import LedgerRow, LedgerTotals

SILENT_MS = 3_600_000
"""A run that was silent for so long and did not say that it ends may have lost what nobody knows of."""


def ledger(
    runs: Iterable[Run], now_ms: int, stamp: Callable[[int], str], newest_key: int | None
) -> tuple[list[LedgerRow], LedgerTotals]:
    """The runs in their order, and their sums.

    `stamp` writes Unix milliseconds as a time; `newest_key` is the number of the key that senders are to use.
    """
    rows = [_row(run, now_ms, stamp, newest_key) for run in runs]
    reasons: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for row in rows:
        reasons.update(row.reasons)
        lost.update(row.lost)
    return rows, LedgerTotals(
        sent=sum(row.sent for row in rows),
        stored=sum(row.stored for row in rows),
        repeated=sum(row.repeated for row in rows),
        rejected=sum(row.rejected for row in rows),
        reasons=dict(sorted(reasons.items())),
        missing=sum(row.missing for row in rows),
        lost=dict(sorted(lost.items())),
        refused=sum(row.refused for row in rows),
        unconfirmed=sum(row.unconfirmed for row in rows),
        old_key=sum(row.old_key and not row.closed for row in rows),
    )


def _row(run: Run, now_ms: int, stamp: Callable[[int], str], newest_key: int | None) -> LedgerRow:
    return LedgerRow(
        source=run.source,
        run=run.run,
        first_seen=stamp(run.first_seen_ms),
        last_seen=stamp(run.last_seen_ms),
        sent=run.sent,
        stored=run.stored,
        repeated=run.repeated,
        rejected=run.rejected,
        reasons=dict(sorted(run.reasons.items())),
        missing=run.missing,
        lost=dict(sorted(run.lost.items())),
        refused=run.refused,
        closed=run.closed,
        unconfirmed=not run.closed and now_ms - run.last_seen_ms >= SILENT_MS,
        key=run.key,
        old_key=run.key is not None and run.key != newest_key,
    )
