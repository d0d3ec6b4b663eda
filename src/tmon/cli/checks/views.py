# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the views' files are right, the store counts what they say, and counting keeps up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..readiness import LAG_S
from .deployment import Deployment
from .findings import Finding, ok, problem, warning

if TYPE_CHECKING:
    from tmon.server.catalogue import View
    from tmon.server.store import Stats


def check(deployment: Deployment) -> Iterator[Finding]:
    """The files, what differs from them, and how far the views are."""
    from tmon.server.catalogue import ViewError, read_views

    from ..owner import view_folders

    folder = deployment.settings.views
    if folder is not None and not folder.is_dir():
        yield problem(f"TMON_VIEWS: {folder} is no folder", "make it, or unset TMON_VIEWS")
        return
    try:
        wanted = read_views(view_folders(deployment.settings))
    except ViewError as error:
        yield problem(
            str(error), "correct that file; docs/views.md says what one may hold; a start refuses it"
        )
        return
    except OSError as error:
        yield problem(f"{error.filename}: {error.strerror}", "see to it that the server's user can read it")
        return
    if deployment.stats is None or deployment.reader is None:
        yield ok(f"{len(wanted)} view files, all right")
        return
    different = list(_differences(deployment.reader.views(), wanted, running=deployment.owner is not None))
    yield from different
    behind = list(_behind(deployment.stats, running=deployment.owner is not None))
    yield from behind
    if not different and not behind:
        yield ok(f"{len(wanted)} views, all counted up to the end of the log")


def _differences(stored: dict[str, View], wanted: dict[str, View], *, running: bool) -> Iterator[Finding]:
    from tmon.server.store import StoreError, check_change

    new, changed = sorted(set(wanted) - set(stored)), []
    for name in sorted(set(wanted) & set(stored)):
        try:
            check_change(stored[name], wanted[name])
        except StoreError as error:
            what, _, advice = str(error).partition("; ")
            yield problem(what, f"{advice or 'restore the newer file'}; until then a start refuses it")
            continue
        if stored[name] != wanted[name]:
            changed.append(name)
    gone = sorted(set(stored) - set(wanted))
    advice = "tmon views sync, or a restart, takes the files" if running else "the next start takes the files"
    for names, what in (
        (new, "not counted yet"),
        (changed, "changed in its file"),
        (gone, "counted without a file"),
    ):
        if names:
            lost = "; its counts go then" if names is gone else ""
            yield warning(f"{', '.join(names)}: {what}", advice + lost)


def _behind(stats: Stats, *, running: bool) -> Iterator[Finding]:
    for name in stats.filling:
        yield ok(f"{name} is being filled from the log")
    if not stats.behind_events:
        return
    behind = f"{stats.behind_events} entries and events behind the log, {stats.behind_ms / 1000:.0f} s"
    if not running:
        yield ok(f"{behind}; the next start catches up")
    elif stats.behind_ms > LAG_S * 1000 and not stats.filling:
        yield problem(
            behind,
            "look at the server's log and the processor's load; does another program hold views.db? (lsof)",
        )
    else:
        yield ok(behind)
