# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole programs that seal and send one event, in several languages, to copy: templates/snippets.

They read the DSN from TMON_DSN and need only what comes with their language. The tests run them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tmon.settings.paths import shipped


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program: its language, the name of its file, and its text."""

    language: str
    file: str
    text: str

    @property
    def id(self) -> str:
        """A name for elements of a page."""
        return self.file.replace(".", "-").lower()


FILES = {
    "Python": "send.py",
    "Node": "send.mjs",
    "PHP": "send.php",
    "Go": "send.go",
    "Java": "Send.java",
    "C#": "Send.cs",
    "Shell": "send.sh",
}


@cache
def snippets() -> tuple[Snippet, ...]:
    """All of them, in the order in which they are offered."""
    folder = shipped("templates") / "snippets"
    return tuple(
        Snippet(language, file, _without_licence((folder / file).read_text("utf-8")))
        for language, file in FILES.items()
    )


def _without_licence(text: str) -> str:
    """The text without the line that is for those who read the file here."""
    first, _, rest = text.partition("\n")
    begins, mark, _ = first.partition("// SPDX")
    return f"{begins.strip()}\n{rest}" if mark and begins.strip() else rest
