# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain files of the sessions that have ended: one per web service and local day, and one archive per day that is over.

A line is what Module Gaze wrote: the end (ISO 8601, UTC), user and address, what was used and the whole seconds, with
tabs between them. A file always says what the store says: it is made of it anew where they differ, in one step, and
only appended to where it goes on. So no line is lost or written twice, whatever is killed when, and what comes late
corrects it. Once a day is closed its archive is final; its lines stay for as long as the web service keeps events.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tmon.server.calendar import Calendar, Day
from tmon.server.sessions import Rule, user_of
from tmon.server.store.base import Store, StoredSession

PAGE: Final = 1_000
DAYS_OPEN: Final = 3
"""Local days that are looked at: today and those that may not be closed."""
NAME: Final = re.compile(r"sessions-([0-9]{4}-[0-9]{2}-[0-9]{2})\.log(\.zip)?\Z")
BREAKS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
GUEST: Final = "Guest"

Calendars = Mapping[int, tuple[Calendar, int]]
"""By web service: its calendar, and for how many days it keeps events."""


class Records:
    """Keeps the files below `folder`, each web service's in a folder of its number."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._lock = threading.Lock()

    def keep(self, services: Calendars, now: float) -> None:
        """Bring the files up to date, and delete those of days that are past their time. Raises StoreError, OSError."""
        rules = self._store.rules()
        with self._lock:
            for wsid, (calendar, days) in services.items():
                idle_ms = rules.get(wsid, Rule()).idle_ms
                for day in self._days(wsid, calendar, now):
                    self._keep_day(wsid, day, idle_ms, now)
                self._expire(wsid, calendar.day(now).date - dt.timedelta(days=days))
            self._drop_others(services)

    def erase(self, wsid: int, username: str) -> None:
        """Take a user name out of the archives. Raises OSError."""
        with self._lock:
            for path in self._files(wsid):
                text = erased = _read(path)
                for name in {username, user_of(username)} - {""}:
                    erased = erased.replace(f"\tuserId={_word(name)}|", f"\tuserId={GUEST}|")
                if erased != text:
                    _write(path, erased)

    def _days(self, wsid: int, calendar: Calendar, now: float) -> list[Day]:
        """The local days that may not be closed, and older ones that have no archive yet."""
        days = [calendar.day(now)]
        while len(days) < DAYS_OPEN:
            days.append(calendar.day(days[-1].start - 1))
        for path in self._files(wsid):
            if path.suffix != ".zip":
                noon = dt.datetime.fromisoformat(f"{path.name[9:19]}T12:00:00+00:00").timestamp()
                days.append(calendar.day(noon))
        return list(dict.fromkeys(days))

    def _keep_day(self, wsid: int, day: Day, idle_ms: int, now: float) -> None:
        now_ms = int(now * 1000)
        final = (wsid, day.start) in self._store.closed([(wsid, day.start)])
        ended = [one for one in self._sessions(wsid, day) if _has_ended(one, now_ms - idle_ms)]
        text = "".join(sorted(map(line, ended)))
        plain = self._folder / str(wsid) / f"sessions-{day.date.isoformat()}.log"
        archive = plain.with_name(f"{plain.name}.zip")
        over = now_ms >= day.end * 1000 + idle_ms
        if final and not plain.exists():
            return
        if final and not text:  # the store no longer has them
            text = _read(plain)
        path, other = (archive, plain) if over else (plain, archive)
        known = _read(path) if path.exists() else ""
        if text != known:
            if known and path is plain and text.startswith(known):
                with plain.open("a", encoding="utf-8", newline="") as file:
                    file.write(text[len(known) :])
            else:
                _write(path, text)
        if path.exists() or not text:
            other.unlink(missing_ok=True)

    def _sessions(self, wsid: int, day: Day) -> Iterator[StoredSession]:
        before = None
        while page := self._store.sessions(wsid, PAGE, between=(day.start, day.end), before=before):
            yield from page
            before = (page[-1].session.start_ms, page[-1].number)

    def _files(self, wsid: int) -> list[Path]:
        folder = self._folder / str(wsid)
        return sorted(path for path in folder.glob("sessions-*") if NAME.match(path.name))

    def _expire(self, wsid: int, before: dt.date) -> None:
        for path in self._files(wsid):
            found = NAME.match(path.name)
            assert found is not None
            if found[1] < before.isoformat():
                path.unlink(missing_ok=True)

    def _drop_others(self, services: Calendars) -> None:
        """Folders of web services that are no more."""
        with contextlib.suppress(FileNotFoundError):
            for path in list(self._folder.iterdir()):
                if path.name.isdigit() and int(path.name) not in services:
                    shutil.rmtree(path, ignore_errors=True)


def line(one: StoredSession) -> str:
    """The line of a session that has ended."""
    session = one.session
    ended = dt.datetime.fromtimestamp(session.ended_ms // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    address = "" if one.source else session.address
    return (
        f"{ended}.{session.ended_ms % 1000:03}Z\tuserId={_word(session.user) or GUEST}|{_word(address)}"
        f"\tmoduleId={_word(session.object)}\tdurationSeconds={session.length_ms // 1000}\tschemaVersion=1\n"
    )


def _has_ended(one: StoredSession, active_since_ms: int) -> bool:
    """Whether it has ended, and took a second at least."""
    over = one.session.over or one.session.ended_ms < active_since_ms
    return over and one.session.length_ms >= 1000


def _word(text: str) -> str:
    """The text without what would end a field or a line."""
    return BREAKS.sub(" ", text)


def _read(path: Path) -> str:
    """What a file or an archive says; nothing where it can't be read as one, so that it is made anew."""
    try:
        if path.suffix != ".zip":
            return path.read_text("utf-8")
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0]).decode()
    except (zipfile.BadZipFile, UnicodeDecodeError, IndexError, KeyError):
        return ""


def _write(path: Path, text: str) -> None:
    """Put the text in the place of a file or an archive, in one step; nothing in the place of nothing."""
    if not text:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if path.suffix == ".zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(path.name.removesuffix(".zip"), text.encode())
        else:
            file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
