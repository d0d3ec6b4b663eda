# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the disk is free, and how much the events take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..readiness import FREE_BYTES
from .deployment import Deployment
from .findings import Finding, ok, problem, warning

LOW_BYTES: Final = 1024**3
LOW_SHARE: Final = 0.05
FEW_FILES: Final = 1000
MORE: Final = "make room, or keep events for a shorter time: tmon webservice set WSID --retention-days N"


def check(deployment: Deployment) -> Iterator[Finding]:
    """The disk of the data folder, or of where it will be made."""
    data = deployment.data
    folder = next(one for one in (data, *data.parents) if one.exists())
    disk = os.statvfs(folder)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    share = free / size if size else 1.0
    said = f"{in_words(free)} of {in_words(size)} free ({share:.0%})"
    log, counts = _size(data, "log.db"), _size(data, "views.db")
    if log or counts:
        said += f"; the log takes {in_words(log)}, the views {in_words(counts)}"
    if free < FREE_BYTES:
        yield problem(f"{said}; under {in_words(FREE_BYTES)} no events are taken", MORE)
    elif free < LOW_BYTES or share < LOW_SHARE:
        yield warning(f"{said}; under {in_words(FREE_BYTES)} no events are taken", MORE)
    else:
        yield ok(said)
    if disk.f_files and disk.f_favail < FEW_FILES:
        yield warning(f"the disk takes only {disk.f_favail} more files", "remove files that nobody needs")


def in_words(count: int) -> str:
    """Bytes for people: three digits at most, in steps of 1024."""
    value, units = float(count), iter(("bytes", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while value >= 999.5 and (larger := next(units, None)):
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if value >= 9.95 or unit == "bytes" else f"{value:.1f} {unit}"


def _size(data: Path, name: str) -> int:
    total = 0
    for end in ("", "-wal"):
        try:
            total += (data / f"{name}{end}").stat().st_size
        except OSError:
            continue
    return total
