# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules found in folders: `<root>/<build>/<slug>/index.html`, the newest build first, and `<root>/<slug>/…`.

Nothing outside the root is read, whatever links say, and of each page only its beginning.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from tmon.server.sessions import BUILD

from .entries import LENGTHS, MOST_ENTRIES, Entry, WrongEntry, entry_of
from .patterns import has_controls

PAGE: Final = "index.html"
READ_BYTES: Final = 64 * 1024
MOST_FOLDERS: Final = 100_000
"""Folders that are looked into; of more the rest is left out."""
MOST_PROBLEMS: Final = 100
PREFIX: Final = "/uploads/modules"


class Found(NamedTuple):
    """What was found, and what could not be read."""

    entries: list[Entry]
    problems: list[str]


class _Problems:
    """What could not be read, as lines that do nothing to a terminal; of very many only how many there are."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._more = 0

    def add(self, where: Path, why: str) -> None:
        if len(self._told) >= MOST_PROBLEMS:
            self._more += 1
        else:
            line = f"{where}: {why}"
            self._told.append(
                "".join("\N{REPLACEMENT CHARACTER}" if has_controls(one) else one for one in line)
            )

    def told(self) -> list[str]:
        return [*self._told, f"and {self._more:,} more"] if self._more else self._told


def scan(root: Path) -> Found:
    """The modules below `root`. Raises OSError where that can't be read."""
    whole = root.resolve(strict=True)
    os.scandir(whole).close()
    entries: dict[str, Entry] = {}
    problems = _Problems()
    inside = list(_folders(whole, whole, problems))
    builds = sorted((path for path in inside if BUILD.match(path.name)), reverse=True)
    builds.sort(key=lambda path: int(path.name.partition("_")[0]), reverse=True)
    for looked, (folder, url) in enumerate(_candidates(whole, inside, builds, problems)):
        if looked == MOST_FOLDERS or len(entries) == MOST_ENTRIES:
            problems.add(
                whole, f"no more than {MOST_ENTRIES:,} modules in {MOST_FOLDERS:,} folders are looked for"
            )
            break
        if folder.name not in entries:
            _add(entries, problems, whole, folder, url)
    return Found(sorted(entries.values(), key=lambda entry: entry.slug), problems.told())


def _candidates(
    root: Path, inside: list[Path], builds: list[Path], problems: _Problems
) -> Iterator[tuple[Path, str]]:
    """Folders that may be modules, each with the address of its page; the first of a name is the one to take."""
    for build in builds:
        for folder in _folders(root, build, problems):
            yield folder, f"{PREFIX}/{quote(build.name)}/{_quoted(folder)}/{PAGE}"
    for folder in inside:
        if not BUILD.match(folder.name):
            yield folder, f"/modules/{_quoted(folder)}/{PAGE}"


def _quoted(folder: Path) -> str:
    return quote(os.fsencode(folder.name))


def _folders(root: Path, of: Path, problems: _Problems) -> Iterator[Path]:
    """The folders in one that is inside the root, by name; hidden ones are left out."""
    try:
        if not of.resolve(strict=True).is_relative_to(root):
            problems.add(of, f"leads out of {root}")
            return
        with os.scandir(of) as found:
            names = sorted(entry.name for entry in found if _is_folder(entry))
    except (OSError, RuntimeError) as error:
        problems.add(of, _why(error))
        return
    for name in names:
        if not name.startswith("."):
            yield of / name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link that leads nowhere is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _why(error: OSError | RuntimeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _add(entries: dict[str, Entry], problems: _Problems, root: Path, folder: Path, url: str) -> None:
    page = folder / PAGE
    try:
        where = page.resolve(strict=True)
        if not where.is_relative_to(root):
            problems.add(page, f"leads out of {root}")
            return
        content = _beginning(where)
    except FileNotFoundError:
        return
    except (OSError, RuntimeError) as error:
        problems.add(page, _why(error))
        return
    if content is None:
        return
    head = _Head(content.decode("utf-8", errors="replace"))
    given = {
        "slug": folder.name,
        "name": _plain("".join(head.title), LENGTHS["name"]),
        "language": _plain(head.language, LENGTHS["language"]),
        "url": url,
    }
    try:
        entries[folder.name] = entry_of(given)
    except WrongEntry as error:
        problems.add(page, str(error))


def _beginning(page: Path) -> bytes | None:
    """The first bytes of a file, None if it is none: nothing waits for whoever writes into a pipe."""
    opened = os.open(page, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(opened, READ_BYTES) if stat.S_ISREG(os.fstat(opened).st_mode) else None
    finally:
        os.close(opened)


def _plain(text: str, most: int) -> str:
    """A page's text on one line, cut, without what can't be seen."""
    return " ".join("".join(" " if has_controls(one) else one for one in text).split())[:most].strip()


class _Head(HTMLParser):
    """Title and language of a page, as far as its beginning tells them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.language = ""
        self._inside = False
        self._done = False
        with contextlib.suppress(AssertionError):  # declarations that Python's parser does not know, as <![x[
            self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html" and not self.language:
            self.language = (dict(attrs).get("lang") or "").strip()
        if tag == "title":
            self._inside = not self._done

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._inside, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.title.append(data)
