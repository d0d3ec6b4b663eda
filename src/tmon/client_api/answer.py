# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reads what the collector answers to an envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rejected:
    """One event that the server did not take: its position in the envelope and why."""

    index: int
    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The collector's answer; counts are events. `rejected` lists the first 100 of `rejected_count`.

    `highest_offset` is the highest one that the server has of the envelope's stream, where it says so.
    """

    status: int
    accepted: int = 0
    repeated: int = 0
    rejected_count: int = 0
    rejected: tuple[Rejected, ...] = ()
    duplicate: bool = False
    message: str = ""
    highest_offset: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the envelope is stored."""
        return self.status == 200


def read(status: int, body: bytes) -> Answer | None:
    """Return the answer in `body`, or None if no collector wrote it.

    A 200 has to be a JSON object that names the status and the number of accepted events, because whoever
    reads it forgets the events; for other statuses an unreadable body only means that there is nothing more
    to know.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        document = {}
    if status == 200 and (document.get("status_code") != 200 or not _is_count(document.get("accepted"))):
        return None
    rejected = document.get("rejected")
    message = document.get("message")
    highest_offset = document.get("highest_offset")
    return Answer(
        status=status,
        accepted=_count(document, "accepted"),
        repeated=_count(document, "repeated"),
        rejected_count=_count(document, "rejected_count"),
        rejected=tuple(
            Rejected(entry["index"], str(entry.get("error", "")))
            for entry in (rejected if isinstance(rejected, list) else ())
            if isinstance(entry, dict) and _is_count(entry.get("index"))
        ),
        duplicate=document.get("duplicate") is True,
        message=message[:500] if isinstance(message, str) else "",
        highest_offset=highest_offset if _is_count(highest_offset) else None,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _count(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    return int(value) if isinstance(value, int) and _is_count(value) else 0
