# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what rotation made of a log: the same content, or what was written before it, under other names."""

from __future__ import annotations

import contextlib
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from .reading import MAGIC_BYTES, Log, Unreadable, compression_of
from .segments import LAST, Segments

LOOKED_AT: Final = 50
"""Files beside a log that are looked into, at most; the latest."""
_MARK: Final = r"[.\-_](?:\d[\dT:.\-_]*|old|prev)"
"""A number, a date, or a word for what was before."""
_DATE: Final = r"\d{4}[.\-_]?\d\d[.\-_]?\d\d(?:[T.\-_]?\d\d)*"
_COMPRESSED: Final = r"(?:\.(?:gz|bz2|xz|zst))"


def rotated(path: str) -> list[str]:
    """The files that may have been called `path` once, or whose successor it is; the one written last comes first.

    Names go by the habits of logrotate (`access.log.1`, `access.log-20261126.gz`, `access-20261126.log`) and of
    programs that date their logs themselves (`2026-11-26.log`).
    """
    folder, name = os.path.split(os.path.realpath(path))
    like = _like(name)
    found: list[tuple[float, str]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name != name and like(entry.name):
                with contextlib.suppress(OSError):
                    if entry.is_file():
                        found.append((entry.stat().st_mtime, entry.path))
    return [other for _, other in sorted(found, reverse=True)[:LOOKED_AT]]


class Version(NamedTuple):
    """A file as it is at one time."""

    device: int
    inode: int
    size: int
    changed_ns: int


def version_of(path: str) -> Version | None:
    """What is there now; None where nothing can be seen."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return Version(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def age_s(path: str) -> float:
    """Seconds since a file was last written; endless where there is none."""
    version = version_of(path)
    return time.time() - version.changed_ns / 1e9 if version else math.inf


def is_archive(path: str) -> bool:
    """Whether this is compressed, or about to become so. Raises OSError."""
    with Path(path).open("rb", buffering=0) as file:
        beginning = file.read(MAGIC_BYTES)
    return bool(compression_of(beginning) if beginning else re.search(f"{_COMPRESSED}$", path))


def streams_of(path: str) -> list[str]:
    """The streams of a log's first lines, enough to know it by; none where it can't be read."""
    segments = Segments()
    streams: list[str] = []
    try:
        with Log(path) as log:
            for number, line in enumerate(log.lines(), 1):
                if not line.ended and log.may_grow:
                    break
                stream = segments.stream_of(line.content)
                if stream not in streams:
                    streams.append(stream)
                if number == LAST:
                    break
    except Unreadable:
        return []
    return streams


def copy_of(path: str, streams: Sequence[str]) -> str | None:
    """The file beside `path` that begins as a log with these streams does, and so holds the same; None if none does."""
    if streams:
        for other in rotated(path):
            if streams_of(other)[: len(streams)] == list(streams):
                return other
    return None


def _like(name: str) -> Callable[[str], bool]:
    """Whether another name is this one with the marks of rotation; `access-api.log` is none of `access.log`."""
    stem, dot, suffix = name.rpartition(".")
    patterns = [f"{re.escape(name)}{_MARK}"]
    if dot and stem:
        patterns.append(f"{re.escape(stem)}{_MARK}\\.{re.escape(suffix)}")
    if len(parts := re.split(_DATE, name)) > 1:
        patterns.append(_DATE.join(map(re.escape, parts)))
    whole = re.compile(f"(?:{'|'.join(patterns)})(?:{_MARK})?{_COMPRESSED}?")
    return lambda other: bool(whole.fullmatch(other))
