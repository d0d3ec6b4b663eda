# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the stored events can be read by this release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

RESTORE: Final = "restore log.db and views.db from one backup"


def check(deployment: Deployment) -> Iterator[Finding]:
    """The log and the views, as files and as databases."""
    from tmon.server.store import Damaged, StoreError

    if deployment.settings.store.startswith("memory:"):
        yield warning(
            "TMON_STORE=memory: keeps events until the server ends", "unset TMON_STORE to keep them"
        )
        return
    missing = [name for name in ("log.db", "views.db") if not deployment.has(name)]
    if len(missing) == 1:
        other = "views.db" if missing == ["log.db"] else "log.db"
        yield problem(
            f"{missing[0]} is missing beside {other} in {deployment.data}",
            f"{RESTORE}; a start makes an empty one, which does not fit the other",
        )
        return
    reader = deployment.reader
    if reader is None:
        yield ok("none yet")
        return
    try:
        stats = reader.stats(int(deployment.now * 1000))
    except Damaged as error:
        yield problem(*_split(str(error)))
        return
    except StoreError as error:
        yield problem(
            str(error), "see to it that this user can read log.db and views.db, and that the disk is well"
        )
        return
    if stats.position > stats.last_seq:
        yield problem(
            f"the views are at entry {stats.position}, the log ends at {stats.last_seq}: they are not of one time",
            RESTORE,
        )
    elif stats.newest_ms is None:
        yield ok("the log has none")
    else:
        newest = dt.datetime.fromtimestamp(stats.newest_ms / 1000, dt.UTC)
        yield ok(
            f"the log ends at entry {stats.last_seq}; the newest was received {newest:%Y-%m-%d %H:%M:%S} UTC"
        )


def _split(error: str) -> tuple[str, str]:
    """What is wrong and what to do."""
    what, mark, advice = error.rpartition(": run ")
    return (what, f"run {advice}") if mark else (error.partition("; ")[0], RESTORE)
