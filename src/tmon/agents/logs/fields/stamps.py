# SPDX-License-Identifier: GPL-3.0-or-later
"""Times by a format of strftime, as in Apache's `%{%d/%b/%Y %T}t`: a pattern, and what they say as ISO 8601."""

from __future__ import annotations

import re
from typing import Final

from .times import MONTHS
from .unparsed import BAD_TIME, Unparsed

_WHOLE: Final = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}
_FULL: Final = dict(
    zip(
        (
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        MONTHS.values(),
        strict=True,
    )
)
_PARTS: Final = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    "m": r"\d\d",
    "b": "|".join(MONTHS),
    "h": "|".join(MONTHS),
    "B": "|".join(_FULL),
    "d": r"\d\d",
    "e": r"[ \d]\d",
    "H": r"\d\d",
    "M": r"\d\d",
    "S": r"\d\d",
    "z": r"[+-]\d\d:?\d\d|Z",
    "s": r"\d{9,11}",
}
_SKIPPED: Final = {"a": "[A-Za-z]{3}", "A": "[A-Za-z]{6,9}", "j": r"\d{3}", "Z": "[A-Za-z]{1,6}"}


class BadStamp(ValueError):
    """A format that holds a directive which is not known."""


class Stamp:
    """A format: `pattern` for text of it, without groups; `meaning` says whether it has day, time of day or both."""

    def __init__(self, format_: str) -> None:
        """Raises BadStamp."""
        for letter, parts in _WHOLE.items():
            format_ = format_.replace("%" + letter, parts)
        self._names: list[str] = []
        pattern = ""
        for index, piece in enumerate(re.split(r"%(.)", format_, flags=re.DOTALL)):
            pattern += self._directive(piece) if index % 2 else re.escape(piece)
        self._groups = re.compile(pattern)
        self.pattern = pattern.replace("(", "(?:")
        names = set(self._names)
        has_day = {"d", "Y", "m"} <= names
        has_time = {"H", "M"} <= names
        if "s" in names or (has_day and has_time):
            self.meaning = "time"
        elif has_day or has_time:
            self.meaning = "date" if has_day else "time_of_day"
        else:
            self.meaning = "nothing"

    def iso(self, text: str) -> str:
        """What the text says, as ISO 8601 or Unix seconds. Raises Unparsed."""
        match = self._groups.fullmatch(text)
        if match is None:
            raise Unparsed(BAD_TIME)
        said = dict(zip(self._names, match.groups(), strict=True))
        if "s" in said:
            return said["s"]
        date = time = ""
        if self.meaning != "time_of_day":
            year, month, day = said["Y"], said["m"], int(said["d"])
            number = MONTHS.get(month) or _FULL.get(month) or int(month)
            date = f"{year if len(year) == 4 else '20' + year}-{number:02}-{day:02}"
        if self.meaning != "date":
            time = f"{said['H']}:{said['M']}:{said.get('S', '00')}{said.get('z', '')}"
        return f"{date} {time}".strip()

    def _directive(self, letter: str) -> str:
        if letter == "%":
            return "%"
        if letter in _SKIPPED:
            return _SKIPPED[letter]
        if letter not in _PARTS:
            known = " ".join(f"%{known}" for known in (*_PARTS, *_WHOLE, *_SKIPPED))
            raise BadStamp(f"%{letter} is not read in a time; known are {known}")
        self._names.append({"e": "d", "b": "m", "B": "m", "h": "m", "y": "Y"}.get(letter, letter))
        return f"({_PARTS[letter]})"
