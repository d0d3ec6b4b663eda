# SPDX-License-Identifier: GPL-3.0-or-later
"""An event that signals set, for commands that work until somebody ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def set_by(*numbers: signal.Signals) -> Iterator[threading.Event]:
    """Give an event that each of these signals sets, and afterwards have them mean what they meant before.

    A handler runs in the main thread between any two of its steps, so also while that thread waits for the event and
    has its lock: a handler that set the event itself would wait for that lock for ever, and so would every further
    one. This one writes to a pipe, which takes no lock, and a thread sets the event.

    To be called in the main thread.
    """
    event = threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def interrupt(*_: object) -> None:
        with contextlib.suppress(BlockingIOError):  # full of signals that nobody has come to read yet
            os.write(writing, b"!")

    def pass_on() -> None:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while pipe.read(1):
                event.set()

    listening = threading.Thread(target=pass_on, daemon=True)
    listening.start()
    earlier = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(writing)
        listening.join()
