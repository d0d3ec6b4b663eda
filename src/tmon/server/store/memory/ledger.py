# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss ledger of a MemoryStore: per source and run, what was sent and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from tmon.server.store.base import LEDGER_RUNS, LOST_REASONS, Run

from .items import Deletion, Item, Received


@dataclass(slots=True)
class Account:
    """A run, and what the sender itself said that it had sent, None if nothing."""

    run: Run
    said: int | None = None


class Ledger:
    """The accounts of every run, over the log up to `position`."""

    def __init__(self) -> None:
        self.position = 0
        self._accounts: dict[tuple[int, str, str], Account] = {}

    def apply(self, item: Item) -> None:
        """Take the next item of the log into account."""
        if isinstance(item, Received):
            self._enter(item)
        elif isinstance(item, Deletion):
            self._forget(item.wsid)
        self.position = item.seq

    def runs(self, wsid: int) -> list[Run]:
        """The runs of a web service, last seen first, ties by source and run."""
        runs = [account.run for (owner, _, _), account in self._accounts.items() if owner == wsid]
        return sorted(runs, key=lambda run: (-run.last_seen_ms, run.source, run.run))

    def bound(self) -> None:
        """Keep of each web service the LEDGER_RUNS runs that were seen last."""
        for wsid in {owner for owner, _, _ in self._accounts}:
            for run in self.runs(wsid)[LEDGER_RUNS:]:
                del self._accounts[wsid, run.source, run.run]

    def _forget(self, wsid: int) -> None:
        self._accounts = {name: account for name, account in self._accounts.items() if name[0] != wsid}

    def _enter(self, received: Received) -> None:
        envelope, outcome = received.envelope, received.outcome
        account = self._accounts.setdefault(
            (received.wsid, envelope.source, envelope.run),
            Account(Run(envelope.source, envelope.run, received.received_ms, received.received_ms)),
        )
        run = account.run
        run.first_seen_ms = min(run.first_seen_ms, received.received_ms)
        run.last_seen_ms = max(run.last_seen_ms, received.received_ms)
        run.stored += outcome.accepted
        run.repeated += outcome.repeated
        run.rejected += outcome.rejected_count
        if envelope.refused is not None and not envelope.rejected:
            run.reasons.setdefault(envelope.refused, 0)
        for rejected in envelope.rejected:
            run.reasons[rejected.reason] = run.reasons.get(rejected.reason, 0) + 1
        for reason, count in envelope.lost.items():
            run.lost[reason] = max(run.lost.get(reason, 0), count)
        if len(run.lost) > LOST_REASONS:
            largest = sorted(run.lost.items(), key=lambda item: (-item[1], item[0]))
            run.lost = dict(largest[:LOST_REASONS])
        run.refused += outcome.status != 200
        run.closed = run.closed or envelope.close
        run.key = run.key if envelope.key is None else envelope.key
        if envelope.sent is not None:
            account.said = max(account.said or 0, envelope.sent)
        run.sent = run.stored + run.repeated + run.rejected if account.said is None else account.said
