# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the lines of one log, or of several: sums that add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """lines = accepted + before + rejected + unparsed + directives + skipped + unended."""

    lines: int = 0
    accepted: int = 0
    before: int = 0
    """The server had got that far before: they were not looked at again, or it said so."""
    rejected: int = 0
    unparsed: Counter[str] = field(default_factory=Counter)
    """By reason."""
    directives: int = 0
    """Comments and empty lines, which are no events."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Left out by rules, by reason."""
    unended: int = 0
    """A last line without its end, which may still be written."""
    why_rejected: Counter[str] = field(default_factory=Counter)
    """As far as the server said."""

    def add(self, other: Counts) -> None:
        """Add another log's."""
        self.lines += other.lines
        self.accepted += other.accepted
        self.before += other.before
        self.rejected += other.rejected
        self.unparsed += other.unparsed
        self.directives += other.directives
        self.skipped += other.skipped
        self.unended += other.unended
        self.why_rejected += other.why_rejected

    def told(self) -> str:
        """In one line."""
        parts = [f"{_lines(self.lines)}: {self.accepted:,} counted now"]
        if self.before:
            parts.append(f"{self.before:,} counted before")
        if self.rejected:
            parts.append(f"{self.rejected:,} rejected by the server{_reasons(self.why_rejected)}")
        if self.unparsed:
            parts.append(f"{self.unparsed.total():,} not understood{_reasons(self.unparsed)}")
        if self.directives:
            parts.append(f"{self.directives:,} that are no requests")
        if self.skipped:
            parts.append(f"{self.skipped.total():,} left out{_reasons(self.skipped)}")
        if self.unended:
            parts.append(f"{self.unended:,} without its end, which may still be written")
        return ", ".join(parts)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "lines": self.lines,
            "accepted": self.accepted,
            "before": self.before,
            "rejected": self.rejected,
            "why_rejected": dict(self.why_rejected),
            "unparsed": dict(self.unparsed),
            "directives": self.directives,
            "skipped": dict(self.skipped),
            "unended": self.unended,
        }


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def _reasons(reasons: Counter[str]) -> str:
    told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    return f" ({told})" if told else ""
