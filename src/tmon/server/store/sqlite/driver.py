# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite as the store uses it: apsw's, which brings its own, newer than most systems have.

SQLite before 3.51.3 can damage a database in WAL mode whose write-ahead log is reset by one connection while another
moves it into the database, which is what the writer, the follower and readers do.

Whatever opens the store's files within one process opens them with this: two copies of SQLite that have the same file
open in one process take each other's locks away (https://sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, Protocol

import apsw

FLAGS: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
STATEMENTS: Final = 512
"""So many are kept prepared for a connection."""
VERSION: Final = apsw.sqlite_lib_version()

TROUBLES: Final = (
    apsw.SQLError,
    apsw.PermissionsError,
    apsw.AbortError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.InterruptError,
    apsw.IOError,
    apsw.FullError,
    apsw.CantOpenError,
    apsw.ProtocolError,
    apsw.SchemaChangeError,
)
"""What the disk, other connections or a deadline cause: it may pass."""
DAMAGES: Final = (apsw.CorruptError, apsw.NotADBError)
"""What is no database, or one no longer."""


class Rows(Protocol):
    """What a statement has found; which types its columns have, it knows alone."""

    def fetchone(self) -> Any:
        """The next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """Those that are left."""

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...


class Connection(apsw.Connection):
    """A connection to the file at a path or URI, made if it is absent. Raises one of TROUBLES where that fails.

    A transaction begins and ends where a statement says so. A locked database is waited for, `timeout_s` at most.
    """

    def __init__(self, address: str | PathLike[str], timeout_s: float = 5.0) -> None:
        super().__init__(fspath(address), flags=FLAGS, statementcachesize=STATEMENTS)
        self.set_busy_timeout(int(timeout_s * 1000))

    if TYPE_CHECKING:

        def execute(self, statements: str, bindings: Sequence[Any] = ()) -> Rows: ...  # type: ignore[override]

        def executemany(self, statements: str, sequenceofbindings: Iterable[Sequence[Any]]) -> Rows: ...  # type: ignore[override]

    def changed(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Do it, and say how many rows it has inserted, changed or deleted."""
        self.execute(statement, values)
        return self.changes()

    def added(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Do it, and say the rowid of the last row that it has inserted."""
        self.execute(statement, values)
        return self.last_insert_rowid()
