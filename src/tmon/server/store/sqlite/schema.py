# SPDX-License-Identifier: GPL-3.0-or-later
"""The two files of the embedded store: log.db and views.db, their tables, and how connections to them are opened.

Both are in WAL mode with synchronous=FULL, so that what is committed is on disk. The log is written by the writer's
thread, the views by the follower's; neither transaction ever touches both files, so no commit spans them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tmon.settings import read_only_address

from ...events import key_text
from ..assets import is_asset
from ..base import Damaged
from ..pages import contains
from .driver import DAMAGES, TROUBLES, Connection

FORMAT = 7
LARGE = 64
"""Requests from which a row of counts is found by their number, in a store that is made now; tests set it lower."""

LOG = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- Entries of the log. kind: 0 envelope, 1 closing of a day, 2 erasure of a user name, 3 deletion of a web service.
-- The events of an envelope are numbered seq + 1 to seq + accepted. `source` and `run` are texts; `bucket` is the
-- day that is closed, `erased` the name that is erased (blanked once every view has passed it).
CREATE TABLE IF NOT EXISTS entries(
    seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, wsid INTEGER NOT NULL, received INTEGER NOT NULL,
    envelope BLOB, status INTEGER, accepted INTEGER NOT NULL, repeated INTEGER, rejected INTEGER, errors TEXT,
    reasons TEXT, message TEXT, source INTEGER, run INTEGER, run_seq INTEGER, sent INTEGER, lost TEXT,
    closing INTEGER, bucket INTEGER, erased TEXT);
DROP INDEX IF EXISTS entries_by_envelope;
CREATE INDEX IF NOT EXISTS entries_of_the_writer ON entries(seq) WHERE kind <> 0;

-- Entries by their envelopes' ids, up to the entry `identified` in meta; identities.py knows the younger ones.
CREATE TABLE IF NOT EXISTS identities(envelope BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS entries_deleted AFTER DELETE ON entries WHEN OLD.envelope IS NOT NULL BEGIN
    DELETE FROM identities WHERE envelope = OLD.envelope AND seq = OLD.seq;
END;
CREATE TRIGGER IF NOT EXISTS entries_blanked AFTER UPDATE OF envelope ON entries WHEN OLD.envelope IS NOT NULL BEGIN
    DELETE FROM identities WHERE envelope = OLD.envelope AND seq = OLD.seq;
END;
INSERT OR IGNORE INTO identities SELECT envelope, seq FROM entries WHERE envelope IS NOT NULL ORDER BY envelope;
INSERT OR REPLACE INTO meta SELECT 'identified', coalesce(max(seq), 0) FROM entries;

-- `flags` adds up 1 for a session, 2 for a bot, 4 for an error.
CREATE TABLE IF NOT EXISTS events(
    wsid INTEGER NOT NULL, seq INTEGER NOT NULL, ts INTEGER NOT NULL, hour INTEGER NOT NULL, visitor INTEGER,
    place INTEGER NOT NULL, agent INTEGER NOT NULL, profile INTEGER NOT NULL, path INTEGER, query TEXT,
    referrer INTEGER, duration INTEGER, bytes INTEGER, flags INTEGER NOT NULL, ip TEXT, extra TEXT,
    PRIMARY KEY(wsid, seq)) WITHOUT ROWID;

-- Values that many events share. `digest` finds them, `used` is the day (receipt, since 1970) of their last use.
CREATE TABLE IF NOT EXISTS texts(
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, used INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS places(
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, used INTEGER NOT NULL,
    country TEXT, region TEXT, city TEXT, lat REAL, lon REAL);
CREATE TABLE IF NOT EXISTS agents(
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, used INTEGER NOT NULL,
    useragent TEXT, os TEXT, browser TEXT, device TEXT, model TEXT, bot INTEGER);
CREATE TABLE IF NOT EXISTS campaigns(
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, used INTEGER NOT NULL,
    source TEXT, medium TEXT, campaign TEXT, term TEXT, content TEXT);
-- What most requests of one visitor have in common; all but wsid, status and campaign are texts.
CREATE TABLE IF NOT EXISTS profiles(
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, used INTEGER NOT NULL, wsid INTEGER NOT NULL,
    source INTEGER, host INTEGER, method INTEGER, status INTEGER, username INTEGER, site INTEGER, campaign INTEGER);
CREATE INDEX IF NOT EXISTS profiles_of ON profiles(wsid, username) WHERE username IS NOT NULL;

-- Buckets of every web service. grain: 1 hour, 2 day, 3 month; an hour knows its day and month, a day its month.
CREATE TABLE IF NOT EXISTS buckets(
    id INTEGER PRIMARY KEY AUTOINCREMENT, wsid INTEGER NOT NULL, grain INTEGER NOT NULL, start INTEGER NOT NULL,
    length INTEGER NOT NULL, day INTEGER, month INTEGER, UNIQUE(wsid, grain, start));
-- Days that got an event. `closed` is the number of the entry that closed it.
CREATE TABLE IF NOT EXISTS days(
    bucket INTEGER PRIMARY KEY, wsid INTEGER NOT NULL, start INTEGER NOT NULL, ended INTEGER NOT NULL,
    first_received INTEGER NOT NULL, closed INTEGER);
CREATE INDEX IF NOT EXISTS days_open ON days(bucket) WHERE closed IS NULL;

CREATE TABLE IF NOT EXISTS streams(
    wsid INTEGER NOT NULL, stream TEXT NOT NULL, highest INTEGER NOT NULL, PRIMARY KEY(wsid, stream)) WITHOUT ROWID;
-- The key that opened the last envelope of a run; the higher the id, the later that was.
CREATE TABLE IF NOT EXISTS run_keys(
    id INTEGER PRIMARY KEY, wsid INTEGER NOT NULL, source TEXT NOT NULL, run TEXT NOT NULL, key INTEGER NOT NULL,
    UNIQUE(wsid, source, run));
-- Bytes of plaintext by the day of their receipt (since 1970).
CREATE TABLE IF NOT EXISTS sizes(
    day INTEGER NOT NULL, wsid INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(day, wsid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS run_keys_of ON run_keys(wsid);
CREATE TABLE IF NOT EXISTS quarantine(
    id INTEGER PRIMARY KEY AUTOINCREMENT, wsid INTEGER NOT NULL, received INTEGER NOT NULL, source TEXT NOT NULL,
    reason TEXT NOT NULL, payload TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS quarantine_of ON quarantine(wsid);
-- Local days of which events were deleted.
CREATE TABLE IF NOT EXISTS gone(
    wsid INTEGER NOT NULL, start INTEGER NOT NULL, ended INTEGER NOT NULL, PRIMARY KEY(wsid, start)) WITHOUT ROWID;
-- Deleted web services: their entries after `upto` go, those up to `purged` have gone.
CREATE TABLE IF NOT EXISTS dropped(wsid INTEGER PRIMARY KEY, purged INTEGER NOT NULL, upto INTEGER NOT NULL);
"""

VIEWS = """
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- A follower is a group of views with one position: 0 the views in step and the ledger, else a view that fills.
CREATE TABLE IF NOT EXISTS followers(owner INTEGER PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS views(
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, owner INTEGER NOT NULL, definition TEXT NOT NULL);
-- Local days (their start) before which a view has not counted everything.
CREATE TABLE IF NOT EXISTS view_from(
    view INTEGER NOT NULL, wsid INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY(view, wsid)) WITHOUT ROWID;
-- Views that were counted anew and have kept counts of older days: the entry up to which those were counted, and
-- whether they may have user names for keys.
CREATE TABLE IF NOT EXISTS kept(view INTEGER PRIMARY KEY, position INTEGER NOT NULL, names INTEGER NOT NULL);
-- Key 0 is the remainder (it has no row here), key 1 the empty text.
CREATE TABLE IF NOT EXISTS keys(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
INSERT OR IGNORE INTO keys VALUES (1, '');
-- View 0 is the totals, under key 1. Of views of visits `requests` are visits, `errors` those of one page, `duration`
-- their lengths, and `bytes` page requests.
CREATE TABLE IF NOT EXISTS counts(
    bucket INTEGER NOT NULL, view INTEGER NOT NULL, key INTEGER NOT NULL, requests INTEGER NOT NULL,
    visitors INTEGER NOT NULL, bots INTEGER NOT NULL, errors INTEGER NOT NULL, duration INTEGER NOT NULL,
    timed INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(bucket, view, key)) WITHOUT ROWID;
-- The largest keys of a bucket, without a look at the many small ones; few rows are ever in it.
CREATE INDEX IF NOT EXISTS counts_large ON counts(bucket, view, requests) WHERE requests >= {large} AND key <> 0;
-- Seconds (grain 1) and minutes (grain 60) of the totals.
CREATE TABLE IF NOT EXISTS series(
    wsid INTEGER NOT NULL, grain INTEGER NOT NULL, start INTEGER NOT NULL, requests INTEGER NOT NULL,
    visitors INTEGER NOT NULL, bots INTEGER NOT NULL, errors INTEGER NOT NULL, duration INTEGER NOT NULL,
    timed INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(wsid, grain, start)) WITHOUT ROWID;
-- Visitors of open days: the profiles under which each was seen, and for views of other fields their keys.
CREATE TABLE IF NOT EXISTS seen(
    owner INTEGER NOT NULL, session INTEGER NOT NULL, day INTEGER NOT NULL, visitor INTEGER NOT NULL,
    profile INTEGER NOT NULL, PRIMARY KEY(owner, session, day, visitor, profile)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members(
    day INTEGER NOT NULL, view INTEGER NOT NULL, visitor INTEGER NOT NULL, key INTEGER NOT NULL,
    PRIMARY KEY(day, view, visitor, key)) WITHOUT ROWID;
-- Visits of open days, of followers that have views of visits: times in milliseconds since the day began, the pages on
-- which they began and ended (keys), and the hour that counts them.
CREATE TABLE IF NOT EXISTS visits(
    owner INTEGER NOT NULL, day INTEGER NOT NULL, visitor INTEGER NOT NULL, start INTEGER NOT NULL,
    ended INTEGER NOT NULL, pages INTEGER NOT NULL, entry INTEGER NOT NULL, exit INTEGER NOT NULL,
    hour INTEGER NOT NULL, PRIMARY KEY(owner, day, visitor, start)) WITHOUT ROWID;
-- The rules by which sessions are made of requests, by web service, and (0) that of sessions that senders tell of.
-- Events up to `upto` are those that the log had when the rule came; of these, the ones up to `filled` are in sessions,
-- the later ones all are. `since` is the first local day (its start) that it applies to.
CREATE TABLE IF NOT EXISTS rules(
    wsid INTEGER PRIMARY KEY, definition TEXT NOT NULL, filled INTEGER NOT NULL, upto INTEGER NOT NULL,
    since INTEGER NOT NULL);
-- Before format 6 views of sessions counted events; they are counted anew.
DELETE FROM counts WHERE NOT EXISTS (SELECT 1 FROM rules WHERE wsid = 0)
    AND view IN (SELECT id FROM views WHERE json_extract(definition, '$.kind') = 'session');
INSERT OR IGNORE INTO rules SELECT 0, '', 0, coalesce((SELECT position FROM followers WHERE owner = 0), 0), 0;
-- Sessions; times are Unix milliseconds, `day` and `hour` the buckets in which one begins. `told` is, of one that a
-- sender tells of, its source and id.
CREATE TABLE IF NOT EXISTS sessions(
    number INTEGER PRIMARY KEY AUTOINCREMENT, wsid INTEGER NOT NULL, day INTEGER NOT NULL, hour INTEGER NOT NULL,
    told TEXT, source TEXT NOT NULL, place TEXT NOT NULL, user TEXT NOT NULL, object TEXT NOT NULL,
    start INTEGER NOT NULL, ended INTEGER NOT NULL, points INTEGER NOT NULL, over INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_of_place ON sessions(day, place) WHERE told IS NULL;
CREATE INDEX IF NOT EXISTS sessions_begun ON sessions(wsid, start, number);
DROP INDEX IF EXISTS sessions_live;
CREATE INDEX IF NOT EXISTS sessions_ended ON sessions(wsid, ended);
CREATE UNIQUE INDEX IF NOT EXISTS sessions_told ON sessions(wsid, told) WHERE told IS NOT NULL;
-- The requests that computed sessions are made of, and how many there are of each.
CREATE TABLE IF NOT EXISTS points(
    day INTEGER NOT NULL, place TEXT NOT NULL, at INTEGER NOT NULL, user TEXT NOT NULL, object TEXT NOT NULL,
    entry INTEGER NOT NULL, hour INTEGER NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY(day, place, at, user, object, entry)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS closed(
    owner INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY(owner, day)) WITHOUT ROWID;
-- When a bucket's counts go, Unix milliseconds; and the buckets whose counts are gone, with the end of their last day.
CREATE TABLE IF NOT EXISTS due(bucket INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS due_at ON due(at);
CREATE TABLE IF NOT EXISTS gone(
    wsid INTEGER NOT NULL, grain INTEGER NOT NULL, start INTEGER NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY(wsid, grain, start)) WITHOUT ROWID;
-- The loss ledger.
CREATE TABLE IF NOT EXISTS runs(
    wsid INTEGER NOT NULL, source TEXT NOT NULL, run TEXT NOT NULL, first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL, sent INTEGER, arrived INTEGER NOT NULL, stored INTEGER NOT NULL,
    repeated INTEGER NOT NULL, rejected INTEGER NOT NULL, refused INTEGER NOT NULL, closed INTEGER NOT NULL,
    lost TEXT NOT NULL, PRIMARY KEY(wsid, source, run)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run_reasons(
    wsid INTEGER NOT NULL, source TEXT NOT NULL, run TEXT NOT NULL, reason TEXT NOT NULL, events INTEGER NOT NULL,
    PRIMARY KEY(wsid, source, run, reason)) WITHOUT ROWID;
"""

HOUR, DAY, MONTH = 1, 2, 3
IN_STEP = 0
"""The follower of the views in step."""
REMAINDER, EMPTY = 0, 1
"""Keys that every store has: everything else, and the empty text."""
TOLD = 0
"""Where the rule of a web service has its number: the sessions that senders tell of, of all of them."""
LOG_NAME = "log.db"
VIEWS_NAME = "views.db"


def open_log(path: Path) -> Connection:
    """The writer's connection to log.db; makes the file and its tables where they are absent."""
    connection = _made(path)
    _prepare(connection, LOG, path)
    connection.execute("PRAGMA cache_size=-4096")  # digests are all over their indexes
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('next', 1)")
    return connection


def open_views(path: Path, log: Path) -> Connection:
    """The follower's connection to views.db, with the log attached as `log`."""
    connection = _made(path)
    _prepare(connection, VIEWS.format(large=LARGE), path)
    connection.execute("INSERT OR IGNORE INTO followers VALUES (0, 0)")
    connection.execute("ATTACH ? AS log", (str(log),))
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(
        "PRAGMA temp.secure_delete=OFF"
    )  # a batch lives in memory only, and is emptied at each pass
    connection.execute("PRAGMA cache_size=-4096")
    _add_functions(connection)
    return connection


def open_reader(views: Path, log: Path) -> Connection:
    """A connection for questions: reads both files, makes and writes neither."""
    connection = _connect(_existing(views))
    connection.execute("ATTACH ? AS log", (_existing(log),))
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA temp.secure_delete=OFF")  # what a question adds up lives in memory only
    connection.execute("PRAGMA cache_size=-8192")
    _add_functions(connection)
    return connection


def open_onlooker(views: Path, log: Path) -> Connection:
    """As open_reader, for who must not change anything: no file is made or brought up to date.

    Raises Damaged for what is no database and for one of a later release, apsw.CantOpenError where there is none.
    """
    connection = Connection(read_only_address(views))
    try:
        _check_format(connection, views, "main")
        with _as_damage(log):
            connection.execute("ATTACH ? AS log", (read_only_address(log),))
        _check_format(connection, log, "log")
    except BaseException:
        connection.close()
        raise
    _add_functions(connection)
    return connection


def overwritten(connection: Connection, database: str) -> bool:
    """Move the write-ahead log into its database and empty it; False where a reader still needs it.

    What was deleted or blanked is overwritten in the database (secure_delete), yet old pages stay in the write-ahead
    log until others take their place, which on a quiet server may be never. Waits for nobody.
    """
    (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, _, _) = connection.execute(f"PRAGMA {database}.wal_checkpoint(TRUNCATE)").fetchone()
    except TROUBLES:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
    return not busy


def _made(path: Path) -> Connection:
    """A connection to a file that nobody else may read, made if it is absent."""
    if not path.exists():
        path.touch(mode=0o600)  # SQLite gives the files beside it the same mode
    return _connect(path)


def _existing(path: Path) -> str:
    """An address (RFC 8089) under which SQLite opens the file only if there is one."""
    return f"{path.absolute().as_uri()}?mode=rw"


def _connect(path: Path | str) -> Connection:
    connection = Connection(path, timeout_s=30)
    with _as_damage(path):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
    return connection


def _add_functions(connection: Connection) -> None:
    functions: dict[str, tuple[Callable[..., Any], int]] = {
        "key_text": (key_text, 1),
        "is_asset": (is_asset, 1),
        "contains": (contains, 2),
    }
    for name, (function, arguments) in functions.items():
        connection.create_scalar_function(name, function, arguments, deterministic=True)


@contextmanager
def _as_damage(path: Path | str) -> Iterator[None]:
    """Raise Damaged where SQLite finds that the file is no database."""
    try:
        yield
    except DAMAGES as error:
        raise Damaged(f"{path}: {error}; restore it from a backup") from error


def _check_format(connection: Connection, path: Path, schema: str) -> int:
    """The format of a database. Raises Damaged where it has none that this release knows."""
    with _as_damage(path):
        (version,) = connection.execute(f"PRAGMA {schema}.user_version").fetchone()
    if version > FORMAT:
        raise Damaged(
            f"{path} has format {version}, this release knows {FORMAT}: run the release that wrote it"
        )
    return int(version)


def _prepare(connection: Connection, tables: str, path: Path) -> None:
    version = _check_format(connection, path, "main")
    if version < FORMAT:
        connection.execute(f"BEGIN IMMEDIATE; {tables} PRAGMA user_version={FORMAT}; COMMIT;")
