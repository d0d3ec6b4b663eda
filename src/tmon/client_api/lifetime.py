# SPDX-License-Identifier: LGPL-3.0-or-later
"""Carries senders through the two events of a process that nobody calls us for: a fork and its end."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import Final, Protocol

EXIT_TIMEOUT_S: Final = 5.0


class Mortal(Protocol):
    """Something that must begin anew in a forked child and finish before the process ends."""

    def after_fork_in_child(self) -> None:
        """Begin anew; the parent keeps what there was."""

    def begin_close(self, timeout: float) -> None:
        """Begin to finish, without waiting."""

    def close(self, timeout: float) -> bool:
        """Finish within `timeout` seconds."""


_alive: weakref.WeakSet[Mortal] = weakref.WeakSet()


def watch(mortal: Mortal) -> None:
    """Look after `mortal` until it is released or collected."""
    _alive.add(mortal)


def release(mortal: Mortal) -> None:
    """Stop looking after `mortal`."""
    _alive.discard(mortal)


def _after_fork_in_child() -> None:
    for mortal in list(_alive):
        mortal.after_fork_in_child()


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    mortals = list(_alive)
    for mortal in mortals:
        mortal.begin_close(EXIT_TIMEOUT_S)
    for mortal in mortals:
        mortal.close(max(deadline - time.monotonic(), 0.0))


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
