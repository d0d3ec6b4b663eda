# SPDX-License-Identifier: LGPL-3.0-or-later
"""Carries senders through the two events of a process that nobody calls us for: a fork and its end.

Not every fork calls the hooks of `os.register_at_fork` (uWSGI's does only with `py-call-uwsgi-fork-hooks`), so
senders compare the process's number too and ask for `renew`. Not every end calls `atexit`: children of
multiprocessing and billiard run finalizers of their own and then leave by `os._exit`, Celery's pool not even
those. `attend` enters senders there.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from typing import Final, Protocol

EXIT_TIMEOUT_S: Final = 5.0


class Mortal(Protocol):
    """Something that must begin anew in a forked child and finish before the process ends."""

    @property
    def pid(self) -> int:
        """The process in which it began."""

    def after_fork_in_child(self) -> None:
        """Begin anew; the parent keeps what there was."""

    def begin_close(self, timeout: float) -> None:
        """Begin to finish, without waiting."""

    def close(self, timeout: float) -> bool:
        """Finish within `timeout` seconds."""


_alive: weakref.WeakSet[Mortal] = weakref.WeakSet()
# A lock that was held when the process forked stays held, so each process has one of its own.
_renewing: dict[int, threading.Lock] = {}
_attended = 0


def watch(mortal: Mortal) -> None:
    """Look after `mortal` until it is released or collected."""
    _alive.add(mortal)


def release(mortal: Mortal) -> None:
    """Stop looking after `mortal`."""
    _alive.discard(mortal)


def renew(mortal: Mortal) -> None:
    """Have `mortal` begin anew if it began in another process; threads that ask together wait for the first."""
    with _renewing.setdefault(os.getpid(), threading.Lock()):
        if mortal.pid != os.getpid():
            mortal.after_fork_in_child()


def attend() -> None:
    """See to it that this process does not end without `finish`; called when a sender starts its thread."""
    global _attended  # noqa: PLW0603 (there is one process)
    if _attended == os.getpid():
        return
    _attended = os.getpid()
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.current_process().name != "MainProcess":
        util.Finalize(None, finish, exitpriority=0)
        if celery := sys.modules.get("celery.signals"):
            celery.worker_process_shutdown.connect(finish, weak=False, dispatch_uid="tmon")


def _after_fork_in_child() -> None:
    _renewing.clear()
    for mortal in list(_alive):
        renew(mortal)


def finish(*_: object, **__: object) -> None:
    """Deliver what waits, of all senders together within EXIT_TIMEOUT_S, and close them."""
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    mortals = list(_alive)
    for mortal in mortals:
        mortal.begin_close(EXIT_TIMEOUT_S)
    for mortal in mortals:
        mortal.close(max(deadline - time.monotonic(), 0.0))


atexit.register(finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
