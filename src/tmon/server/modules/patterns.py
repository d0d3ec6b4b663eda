# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of a rule, as people write them and as rules take them. Pure: text in, text or Wrong out."""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import unquote

from tmon.server.sessions import ANY, OBJECT

MOST_PATTERNS: Final = 20
MOST_SOURCES: Final = 50
PATTERN_LENGTH: Final = 200
SOURCE_LENGTH: Final = 200
ENTRY_LENGTH: Final = 100
EXAMPLE: Final = f"/modules/{OBJECT}"


class Wrong(ValueError):
    """A text can't be what it was given as; the message says why and what to write."""


def patterns(text: str) -> tuple[str, ...]:
    """The patterns in a text, one in a line; empty lines and repetitions are left out. Raises Wrong."""
    found = tuple(dict.fromkeys(pattern(line) for line in lines(text)))
    if len(found) > MOST_PATTERNS:
        raise Wrong(f"there can be {MOST_PATTERNS} patterns, not {len(found):,}")
    return found


def pattern(line: str) -> str:
    """A pattern in its shortest form, each folder decoded as the folders of paths are. Raises Wrong."""
    if len(line) > PATTERN_LENGTH:
        raise Wrong(f"a pattern has at most {PATTERN_LENGTH} characters, not {len(line):,}")
    if not line.startswith("/"):
        raise Wrong(f"{shown(line)} does not begin with a stroke; write a path such as {EXAMPLE}")
    if "?" in line or "#" in line:
        raise Wrong(f"{shown(line)} has a ? or a #, but only folders are compared; end the pattern before it")
    folders = [unquote(part) for part in line.split("/") if part]
    for folder in folders:
        if "/" in folder or has_controls(folder) or folder != folder.strip() or unquote(folder) != folder:
            raise Wrong(f"{shown(line)} has a folder with characters that no name of a folder has")
        if folder != OBJECT and ("{" in folder or "}" in folder):
            raise Wrong(f"{shown(line)} has braces; {OBJECT} stands for a whole folder, as in {EXAMPLE}")
        if folder != ANY and ANY in folder:
            raise Wrong(f"{shown(line)} has a {ANY} within a name; it stands for a whole folder of any name")
    if folders.count(OBJECT) != 1:
        raise Wrong(f"{shown(line)} has to say {OBJECT} once, as in {EXAMPLE}")
    return "/" + "/".join(folders)


def sources(text: str) -> tuple[str, ...]:
    """The sources in a text, one in a line; empty lines and repetitions are left out. Raises Wrong."""
    found = tuple(dict.fromkeys(lines(text)))
    if len(found) > MOST_SOURCES:
        raise Wrong(f"there can be {MOST_SOURCES} sources, not {len(found):,}")
    for one in found:
        if len(one) > SOURCE_LENGTH:
            raise Wrong(f"a source's name has at most {SOURCE_LENGTH} characters, not {len(one):,}")
        if has_controls(one):
            raise Wrong(f"{shown(one)} has characters that can't be seen")
    return found


def entry(text: str) -> str:
    """The name of a file, or nothing. Raises Wrong."""
    name = text.strip()
    if len(name) > ENTRY_LENGTH:
        raise Wrong(f"the name of a file has at most {ENTRY_LENGTH} characters, not {len(name):,}")
    if "/" in name or "?" in name or "#" in name or has_controls(name):
        raise Wrong("this is the name of a file, without its folders, such as index.html")
    return name


def lines(text: str) -> list[str]:
    """The lines of a text that are not empty, without the blanks around them."""
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


def has_controls(text: str) -> bool:
    """Whether something in it is a control character, or half of a character."""
    return any(unicodedata.category(one) in ("Cc", "Cs") for one in text)


def shown(line: str) -> str:
    """A stranger's line in a message, cut where it is long."""
    line = "".join(" " if has_controls(one) else one for one in line)
    return f"“{line}”" if len(line) <= 60 else f"“{line[:59]}…”"
