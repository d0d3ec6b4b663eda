# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that sends the demo's traffic: `python -m tmon.demo`, started and ended by `tmon serve --demo`.

The first line of standard input says in JSON what to send; where the input ends, however that comes about, so does the
process. The DSNs come that way because a command line or an environment is seen by others.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from . import progress
from .feed import Feed
from .sites import SITES
from .traffic import Plan, Traffic

LOOK_S: Final = 0.25
GRACE_S: Final = 3.0
"""How long feeds have for their farewell once the server wants to end."""


def main() -> int:
    """Send until standard input ends."""
    began = time.monotonic()
    with open(0, "rb", buffering=0, closefd=False) as orders:
        line = orders.readline()
    if not line:
        return 0
    order = json.loads(line)
    plan = Plan(**order["plan"])
    file = Path(order["progress"]) if order["progress"] else None
    stopping = threading.Event()
    threading.Thread(target=_end_with_input, args=(stopping,), daemon=True).start()
    known = progress.load(file)
    feeds = [
        Feed(Traffic(site, plan), order["dsns"][site.name], known.get(site.name, plan.first_hour), stopping)
        for site in SITES
        if site.name in order["dsns"]
    ]
    for feed in feeds:
        feed.start()
    _watch(feeds, known, file, stopping, began)
    deadline = time.monotonic() + GRACE_S
    for feed in feeds:
        feed.join(max(deadline - time.monotonic(), 0.0))
    _note(feeds, known, file)
    return 0


def _watch(
    feeds: Sequence[Feed], known: dict[str, int], file: Path | None, stopping: threading.Event, began: float
) -> None:
    """Say how far the past is sent and that it is, keep the progress, and return when there is nothing more to do."""
    ready = False
    reported: set[str] = set()
    while not stopping.wait(LOOK_S):
        _note(feeds, known, file)
        for feed in feeds:
            if feed.ended and feed.name not in reported:
                reported.add(feed.name)
                _say(f"demo: {feed.name} gets no more traffic: {feed.ended}")
        if all(feed.ended for feed in feeds):
            return
        if not ready and all(feed.live or feed.ended for feed in feeds):
            ready = True
            events, seconds = sum(feed.accepted for feed in feeds), time.monotonic() - began
            _say(f"demo ready: {events:,} requests were made up in {seconds:.0f} s; it goes on live")
        elif not ready and sys.stdout.isatty():
            share = sum(feed.done() for feed in feeds) / len(feeds)
            sys.stdout.write(f"\r\x1b[Kdemo: {share:.0%} of the past is made up")
            sys.stdout.flush()


def _note(feeds: Sequence[Feed], known: dict[str, int], file: Path | None) -> None:
    hours = {feed.name: feed.hour for feed in feeds}
    if hours.items() - known.items():
        known.update(hours)
        progress.save(file, known)


def _say(text: str) -> None:
    clear = "\r\x1b[K" if sys.stdout.isatty() else ""
    sys.stdout.write(f"{clear}{text}\n")
    sys.stdout.flush()


def _end_with_input(stopping: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stopping.set()
    time.sleep(GRACE_S + LOOK_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
