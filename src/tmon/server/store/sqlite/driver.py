# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQLite that the store runs on: pysqlite3's, which is newer and faster, where it has a wheel; else Python's own.

Whatever opens the store's files in one process takes `sqlite3` from here: two copies of SQLite that have the same file
open in one process take each other's locks away (https://sqlite.org/howtocorrupt.html, section 2.2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["sqlite3"]
