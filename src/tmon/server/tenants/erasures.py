# SPDX-License-Identifier: GPL-3.0-or-later
"""Erasing what was reported: a user name from all of a web service's events, and what a deleted web service has left.

The events are in the store, which this room does not know: `ask` hands a command to whoever owns it and returns what
became of it (`writer.control.carry_out` lists the commands). Any error of it is the caller's to understand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import accounts, audit, deletions
from .audit import Act, Actor

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Gone:
    """How many events lost their user name, or were dropped, and how many payloads of the quarantine did."""

    events: int
    quarantined: int


def erase_username(wsid: int, username: str, ask: Ask, by: Actor | None = None) -> Gone:
    """Blank a user name in all that is stored of a web service.

    The audit log says that it was asked for, and then what became of it; the name is in neither entry. Raises NotFound,
    and what `ask` raises.
    """
    row = accounts.webservice(wsid)
    audit.record(by, Act.ERASURE_ASKED, row)
    try:
        gone = _gone(ask({"do": "erase", "wsid": wsid, "username": username}))
    except Exception as error:
        audit.record(by, Act.ERASURE_FAILED, row, why=str(error))
        raise
    audit.record(by, Act.ERASED, row, events=gone.events, rejected_payloads=gone.quarantined)
    return gone


def drop_events(wsid: int, ask: Ask) -> Gone:
    """Have the store drop all that a deleted web service has left. May be repeated. Raises what `ask` raises."""
    gone = _gone(ask({"do": "delete", "wsid": wsid}))
    deletions.done(wsid)
    return gone


def _gone(answer: Mapping[str, Any]) -> Gone:
    return Gone(events=int(answer["events"]), quarantined=int(answer["quarantined"]))
