# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table that a run ends with, and the lines that say how far it is."""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

_began = time.monotonic()


class Line(NamedTuple):
    """One measurement: what, its figure, what it is held against, and the verdict."""

    what: str
    figure: str
    against: str = ""
    verdict: str = ""


class Table:
    """Sections of lines, printed once all are there."""

    def __init__(self) -> None:
        self._sections: list[tuple[str, list[Line]]] = []

    def section(self, title: str) -> None:
        """Begin a section; lines go to the last one."""
        self._sections.append((title, []))

    def add(self, what: str, figure: str, against: str = "") -> None:
        """A figure without a target."""
        self._sections[-1][1].append(Line(what, figure, against))

    def at_least(self, what: str, value: float, target: float, figure: str, against: str) -> None:
        """A figure that should reach its target."""
        self._judged(what, figure, against, value >= target, value / target)

    def at_most(self, what: str, value: float, target: float, figure: str, against: str) -> None:
        """A figure that should not exceed its target."""
        self._judged(what, figure, against, value <= target, value / target)

    def _judged(self, what: str, figure: str, against: str, met: bool, ratio: float) -> None:
        verdict = f"{ratio:.2f} of it, {'met' if met else 'MISSED'}"
        self._sections[-1][1].append(Line(what, figure, against, verdict))

    def print(self) -> None:
        """Print everything, columns aligned."""
        lines = [line for _, section in self._sections for line in section]
        widths = [max(len(line[column]) for line in lines) for column in range(3)]
        for title, section in self._sections:
            print(f"\n{title}")
            for line in section:
                cells = (cell.ljust(width) for cell, width in zip(line[:3], widths, strict=True))
                print(f"  {'  '.join(cells)}  {line.verdict}".rstrip())


def progress(text: str) -> None:
    """Say on stderr what is being done."""
    print(f"[{time.monotonic() - _began:4.0f} s] {text}", file=sys.stderr, flush=True)


def median(values: list[float]) -> float:
    """The middle one of the values, the upper of two."""
    return sorted(values)[len(values) // 2]
