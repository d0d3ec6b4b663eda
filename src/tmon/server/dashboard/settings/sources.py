# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss ledger for people: one sentence, one equation, and for each source what is missing and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from tmon.server.calendar import Calendar
from tmon.server.query import LedgerRow, StoreError
from tmon.server.tenants.access import AskedRequest, webservice_page

from ..services import wired
from .frame import Moment, moment, page_number, paged, webservice_settings

SOURCES = 25
RUNS_SHOWN = 10
REASONS_SHOWN = 8


@dataclass(slots=True)
class Source:
    """The runs of a source, added up."""

    name: str
    last_seen: Moment
    sent: int = 0
    stored: int = 0
    repeated: int = 0
    rejected: int = 0
    missing: int = 0
    refused: int = 0
    unconfirmed: int = 0
    old_key: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    runs: list[tuple[LedgerRow, Moment]] = field(default_factory=list)
    more_runs: int = 0

    @property
    def why_rejected(self) -> list[tuple[str, int]]:
        """The commonest reasons."""
        return self.reasons.most_common(REASONS_SHOWN)

    @property
    def why_lost(self) -> list[tuple[str, int]]:
        """What the sender said it lost, by its reasons."""
        return self.lost.most_common(REASONS_SHOWN)

    @property
    def vanished(self) -> int:
        """Missing without the sender knowing: envelopes that never arrived."""
        return max(0, self.missing - self.lost.total())


@webservice_page()
@require_safe
def page(request: AskedRequest) -> HttpResponseBase:
    """`sources` of the API, by source."""
    services = wired()
    subject = services.subject(request.webservice.wsid)
    answer = None
    if subject is not None:
        try:
            answer = services.questions.sources(subject, {})
        except StoreError:
            answer = None
    found = [] if answer is None else by_source(answer.results, request.webservice.calendar())
    part = paged(found, page_number(request), SOURCES)
    totals = None if answer is None else answer.totals
    return webservice_settings(
        request,
        "settings-sources",
        trouble=answer is None,
        totals=totals,
        share=None if totals is None else stored_share(totals.sent, totals.stored + totals.repeated),
        part=part,
        as_of=None if answer is None else moment(answer.as_of, request.webservice.calendar()),
    )


def by_source(rows: Iterable[LedgerRow], calendar: Calendar) -> list[Source]:
    """The rows of the ledger, which come last seen first, added up by source in that order."""
    found: dict[str, Source] = {}
    for row in rows:
        seen = moment(row.last_seen, calendar)
        source = found.setdefault(row.source, Source(row.source, seen))
        source.sent += row.sent
        source.stored += row.stored
        source.repeated += row.repeated
        source.rejected += row.rejected
        source.missing += row.missing
        source.refused += row.refused
        source.unconfirmed += row.unconfirmed
        source.old_key += row.old_key and not row.closed
        source.reasons.update(row.reasons)
        source.lost.update(row.lost)
        if len(source.runs) < RUNS_SHOWN:
            source.runs.append((row, seen))
        else:
            source.more_runs += 1
    return list(found.values())


def stored_share(sent: int, kept: int) -> str | None:
    """Which part of what was sent is stored, in percent; never "100%" while something is not. None without any."""
    if sent <= 0:
        return None
    if kept >= sent:
        return "100%"
    thousandths = kept * 100_000 // sent
    if thousandths == 0 and kept:
        return "less than 0.001%"
    text = f"{thousandths / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{text}%"
