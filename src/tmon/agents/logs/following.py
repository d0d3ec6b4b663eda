# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows logs: finds them, reads what is added to them, and goes with them through rotation.

It looks at the files again and again, since not every file system says when one has changed. A file is known by its
identity, so one that is renamed is read to its end under its new name, while its successor is followed already.
"""

from __future__ import annotations

import glob
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tmon.client_api import Client, DeliveryError, Undelivered

from .backlog import Backlog, Earlier, Rescue, Whole
from .copies import is_archive
from .counts import Counts
from .course import Course
from .delivery import ATTEMPT_S, Delivery
from .formats import Undetected
from .tail import Cut, Identity, Tail
from .understanding import Understanding

LOOK_S: Final = 1.0
"""Between two looks for files."""
QUIET_S: Final = 600.0
"""How long a file that has no place among the followed ones any more is kept open after its last line: who writes it
may be told late to open its successor."""
SETTLED_S: Final = 2.0
"""How long a compressed file is left alone after it was changed."""
LONGEST_WAIT_S: Final = 30.0
"""Between two attempts while the server is away."""
ALIVE_S: Final = 300.0
"""Between two signs of life while no line comes."""
WRITTEN_S: Final = 10.0
"""A log that got a line so short a time ago is taken to be just written."""

Tell = Callable[[str], None]


class Following:
    """Follows the files that `patterns` name: paths, in which * ? and [] stand for what they do in a shell.

    `poll_s` is how often files are read. `tell` hears what people should know, from more than one thread.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        client: Client,
        understanding: Understanding,
        *,
        poll_s: float,
        tell: Tell,
    ) -> None:
        self.counts = Counts()
        """Of the files that are not followed any more."""
        self._patterns = patterns
        self._client = client
        self._understanding = understanding
        self._poll_s = poll_s
        self._tell = tell
        self._delivery = Delivery(client, ATTEMPT_S)
        self._backlog = Backlog(client, understanding, Delivery(client, ATTEMPT_S), tell)
        self._courses: dict[Identity, _Followed] = {}
        self._archives: dict[Identity, tuple[int, int]] = {}
        self._told: dict[str, str] = {}
        self._look_at = self._sent_at = self._retry_at = 0.0
        self._failures = 0

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set. What has not been sent by then is sent when it is run again."""
        self._backlog.start()
        self._look(time.monotonic())
        self._tell(f"following {_counted(len(self._courses))}")
        try:
            while not stop.is_set():
                if not self._turn():
                    stop.wait(self._poll_s)
        finally:
            self._backlog.stop()
            for followed in self._courses.values():
                followed.course.tail.close()

    @property
    def total(self) -> Counts:
        """What became of the lines so far."""
        total = Counts()
        for counts in (
            self.counts,
            self._backlog.counts,
            *(one.course.counts for one in self._courses.values()),
        ):
            total.add(counts)
        return total

    # -- files ----------------------------------------------------------------------------------------------------

    def _turn(self) -> bool:
        """Look for files, and read each; whether there may be more at once."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._look(now)
        more = False
        for followed in list(self._courses.values()):
            more |= self._read(followed, now)
        if now >= max(self._sent_at + ALIVE_S, self._retry_at):
            self._deliver(lambda: self._client.send_batch([], timeout=ATTEMPT_S))
        return more

    def _look(self, now: float) -> None:
        here: set[Identity] = set()
        for pattern in self._patterns:
            for path in _paths(pattern):
                try:
                    status = Path(path).stat()
                    identity = Identity(status.st_dev, status.st_ino)
                    here.add(identity)
                    if identity in self._courses:
                        self._courses[identity].course.tail.path = path
                    else:
                        self._meet(path, identity, status)
                    self._told.pop(path, None)
                except OSError as error:
                    self._complain(path, f"{path} can't be read: {error.strerror or error}")
        for identity, followed in list(self._courses.items()):
            if identity in here:
                followed.left_at = None
            elif followed.left_at is None:
                followed.left_at = now
            elif now - max(followed.left_at, followed.grew_at) > QUIET_S:
                self._leave(identity, followed)

    def _meet(self, path: str, identity: Identity, status: os.stat_result) -> None:
        """A file is there that is not followed yet."""
        if stat.S_ISDIR(status.st_mode):
            raise OSError(0, "it is a folder; name the files in it, as in /var/log/nginx/*.log")
        version = (status.st_size, status.st_mtime_ns)
        if self._archives.get(identity) == version:
            return
        if stat.S_ISREG(status.st_mode) and is_archive(path):
            if time.time() - status.st_mtime > SETTLED_S:
                self._archives[identity] = version
                self._backlog.add(Whole(path))
            return
        tail = Tail(path)
        self._courses[tail.identity] = _Followed(Course(tail, self._understanding, self._delivery))
        self._backlog.add(Earlier(path, self._is_followed))

    def _is_followed(self, path: str) -> bool:
        try:
            status = Path(path).stat()
        except OSError:
            return False
        return Identity(status.st_dev, status.st_ino) in self._courses

    def _leave(self, identity: Identity, followed: _Followed) -> None:
        """Nobody writes this file any more."""
        course = followed.course
        try:
            if (followed.understood and not course.settled) or not self._deliver(course.finish):
                return
        except Undetected:
            pass  # it was told
        self.counts.add(course.counts)
        course.tail.close()
        del self._courses[identity]

    # -- lines ----------------------------------------------------------------------------------------------------

    def _read(self, followed: _Followed, now: float) -> bool:
        course = followed.course
        try:
            if now < max(self._retry_at, followed.retry_at):
                course.tail.check()
                return False
            before = course.tail.reached
            self._deliver(course.advance)
            if course.tail.reached > before:
                followed.grew_at = time.monotonic()
            followed.understood = True
            return course.tail.size > course.tail.reached and now >= self._retry_at
        except Undetected as error:
            followed.retry_at = now + LONGEST_WAIT_S
            followed.understood = False
            self._complain(f"{course.tail.path} is in no format", f"{course.tail.path}: {error}")
        except Cut:
            self._cut(followed)
            return True
        except OSError as error:
            # Perhaps the file system was taken away; where the file comes back, the server knows how far it was read.
            self._complain(course.tail.path, f"{course.tail.path} can't be read: {error.strerror or error}")
            self.counts.add(course.counts)
            course.tail.close()
            del self._courses[course.tail.identity]
        return False

    def _cut(self, followed: _Followed) -> None:
        """A file was cut to nothing: read it from its new beginning, and what was lost to that from a copy."""
        course = followed.course
        tail = course.tail
        if course.streams:
            rescue = Rescue(
                tail.path,
                course.streams,
                seen=tail.size,
                delivered=course.delivered,
                lines=course.counts.lines,
                written=tail.size > course.delivered or time.monotonic() - followed.grew_at < WRITTEN_S,
                lose=self._lose,
            )
            self._backlog.add(rescue)
        self._backlog.add(Earlier(tail.path, self._is_followed))
        self.counts.add(course.counts)
        tail.rewind()
        followed.course = Course(tail, self._understanding, self._delivery)

    def _lose(self, count: int, message: str) -> None:
        self._client.lose("truncated", message, count)

    # -- the server -----------------------------------------------------------------------------------------------

    def _deliver(self, act: Callable[[], object]) -> bool:
        """Do something that takes the server, unless it returns False; whether it could be done."""
        try:
            if act() is False:
                return True
        except DeliveryError as error:
            self._failures += 1
            wait_s = min(2.0 ** (self._failures - 1), LONGEST_WAIT_S)
            self._retry_at = time.monotonic() + wait_s
            reason = error.reason if isinstance(error, Undelivered) else error
            self._complain("", f"nothing can be sent: {reason}; trying again")
            return False
        if self._failures:
            self._failures = 0
            self._told.pop("", None)
            self._tell("the server is there again")
        self._sent_at = time.monotonic()
        return True

    def _complain(self, about: str, message: str) -> None:
        """Tell of a problem once, until it is another one."""
        if self._told.get(about) != message:
            self._told[about] = message
            self._tell(message)


class _Followed:
    """A course, and when what happened to it; times are monotonic."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.grew_at = time.monotonic()
        self.left_at: float | None = None
        self.understood = True
        self.retry_at = 0.0


def _counted(logs: int) -> str:
    return (
        "1 log"
        if logs == 1
        else f"{logs:,} logs"
        if logs
        else "no log yet: what it was told to follow is not there"
    )


def _paths(pattern: str) -> list[str]:
    """What a pattern names; also a file whose name looks like a pattern."""
    if os.path.lexists(pattern) or not glob.has_magic(pattern):
        return [pattern]
    return sorted(glob.glob(pattern))  # noqa: PTH207 (a pattern, which may begin anywhere, is no path)
