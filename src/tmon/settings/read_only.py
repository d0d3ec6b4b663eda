# SPDX-License-Identifier: GPL-3.0-or-later
"""How SQLite files are opened by who must not change anything."""

from __future__ import annotations

from pathlib import Path


def read_only_address(file: Path) -> str:
    """An address (https://www.sqlite.org/uri.html) under which SQLite reads a database and makes no file beside it.

    Where there is no write-ahead log nobody has the database open, and its file is all there is; else SQLite has to
    read that log too.
    """
    log = file.with_name(f"{file.name}-wal")
    return f"{file.absolute().as_uri()}?mode=ro" + ("" if log.exists() else "&immutable=1")
