# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules found in folders: `<root>/<build>/<slug>/index.html`, the newest build first, and `<root>/<slug>/…`.

Nothing outside the root is read, whatever links say, and of each page only its beginning.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple

from tmon.server.sessions import BUILD

from .entries import LENGTHS, MOST_ENTRIES, Entry, WrongEntry, entry_of

PAGE: Final = "index.html"
READ_BYTES: Final = 64 * 1024
PREFIX: Final = "/uploads/modules"


class Found(NamedTuple):
    """What was found, and what could not be read."""

    entries: list[Entry]
    problems: list[str]


def scan(root: Path) -> Found:
    """The modules below `root`. Raises OSError where that can't be read."""
    whole = root.resolve(strict=True)
    entries: dict[str, Entry] = {}
    problems: list[str] = []
    builds = sorted((path for path in _folders(whole, problems) if BUILD.match(path.name)), reverse=True)
    builds.sort(key=lambda path: int(path.name.partition("_")[0]), reverse=True)
    for build in builds:
        for folder in _folders(build, problems):
            _add(entries, problems, whole, folder, f"{PREFIX}/{build.name}/{folder.name}/{PAGE}")
    for folder in _folders(whole, problems):
        if not BUILD.match(folder.name):
            _add(entries, problems, whole, folder, f"/modules/{folder.name}/{PAGE}")
    return Found(sorted(entries.values(), key=lambda entry: entry.slug), problems)


def _folders(of: Path, problems: list[str]) -> Iterator[Path]:
    try:
        with os.scandir(of) as found:
            names = sorted(entry.name for entry in found if _is_folder(entry))
    except OSError as error:
        problems.append(f"{of}: {error.strerror or error}")
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


def _add(entries: dict[str, Entry], problems: list[str], root: Path, folder: Path, url: str) -> None:
    if folder.name in entries:
        return
    page = folder / PAGE
    try:
        if not page.is_file():
            return
        if not page.resolve(strict=True).is_relative_to(root):
            problems.append(f"{page}: leads out of {root}")
            return
        with page.open("rb") as file:
            head = _Head(file.read(READ_BYTES).decode("utf-8", errors="replace"))
    except OSError as error:
        problems.append(f"{page}: {error.strerror or error}")
        return
    if len(entries) >= MOST_ENTRIES:
        if len(entries) == MOST_ENTRIES and not any("at most" in one for one in problems):
            problems.append(f"{root}: has more than {MOST_ENTRIES:,} modules; at most so many are taken")
        return
    name = " ".join("".join(head.title).split())[: LENGTHS["name"]]
    try:
        given = {
            "slug": folder.name,
            "name": name,
            "language": head.language[: LENGTHS["language"]],
            "url": url,
        }
        entries[folder.name] = entry_of(given)
    except WrongEntry as error:
        problems.append(f"{page}: {error}")


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
