# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the lines that a systemd unit writes into the journal, by way of `journalctl`.

An entry of the journal has a number, which grows for as long as the journal is the same; its cursor tells both. They
are the line's offset and the stream it belongs to, so as with files only the server knows how far it is.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tmon.client_api import DeliveryError, Undelivered

from .batches import Batches
from .counts import Counts
from .delivery import Delivery
from .events import TOO_LONG
from .formats import LOOKED_AT, Format, Undetected, detect
from .lines import MAX_LINE_BYTES, Line, Lines
from .understanding import Understanding

CHUNK: Final = 1024 * 1024
LONGEST_WAIT_S: Final = 30.0
"""Between two attempts at what fails."""
UNIT: Final = re.compile(r"[A-Za-z0-9:_.\\@-]{1,128}")
"""Names of units (systemd.unit(5)); they are no longer here, so that a stream's name is none too long."""
_CURSOR: Final = re.compile(r"s=([0-9a-f]{32});i=([0-9a-f]{1,16});")


class Unusable(Exception):
    """`journalctl` can't be used, or says nothing useful. The message says why."""


class Entry(NamedTuple):
    """An entry of the journal: which journal's, its number there, and the line."""

    journal: str
    number: int
    content: bytes


def entry_of(written: bytes) -> Entry | None:
    """The entry in a line of `journalctl -o json --all`; None where it holds no text. Raises Unusable."""
    try:
        fields = json.loads(written)
        found = _CURSOR.match(fields["__CURSOR"] + ";")
        message = fields.get("MESSAGE")
        if isinstance(message, list) and message and isinstance(message[0], str):
            message = message[0]  # given more than once
        if found is None:
            raise ValueError
        if message is None:
            return None
        # What is no UTF-8 comes as the numbers of its bytes.
        content = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else bytes(message)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unusable(f"journalctl writes something else than entries: {written[:80]!r}") from None
    return Entry(found[1], int(found[2], 16), content)


class Journal:
    """The lines of one unit. `directory` is where the journal lies, if not at its usual place.

    Raises Unusable where there is no `journalctl`, or this is not the name of a unit.
    """

    def __init__(
        self,
        unit: str,
        understanding: Understanding,
        delivery: Delivery,
        *,
        directory: str | None,
        poll_s: float,
        tell: Callable[[str], None],
    ) -> None:
        journalctl = shutil.which("journalctl")
        if journalctl is None:
            raise Unusable("there is no journalctl, by which the journal is read")
        if not UNIT.fullmatch(unit):
            raise Unusable(f"{unit!r} is not the name of a unit")
        self.counts = Counts()
        self._journalctl = journalctl
        self._unit = unit if "." in unit else f"{unit}.service"
        self._understanding = understanding
        self._delivery = delivery
        self._directory = directory
        self._poll_s = poll_s
        self._tell = tell
        self._format = understanding.format

    def run(self, stop: threading.Event) -> None:
        """Follow it until `stop` is set."""
        failures, told = 0, ""
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._follow(self._cursor(), stop)
            except (DeliveryError, Unusable, Undetected) as error:
                reason = error.reason if isinstance(error, Undelivered) else error
                message = f"the journal of {self._unit}: {reason}; trying again"
                if message != told:
                    self._tell(message)
                told = message
            failures = 0 if time.monotonic() - began > LONGEST_WAIT_S else failures + 1
            stop.wait(min(2.0 ** (failures - 1), LONGEST_WAIT_S))

    def _stream(self, journal: str) -> str:
        return f"journal:{self._unit}:{journal}"

    def _cursor(self) -> str | None:
        """Where to begin: at the last entry that the server has; None for the first there is."""
        done = subprocess.run(  # noqa: S603 (our own arguments; a unit's name was looked at)
            self._command("--lines=1"), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode:
            raise Unusable(done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}")
        for written in done.stdout.splitlines():
            if (entry := entry_of(written)) is not None:
                known = self._delivery.known(self._stream(entry.journal))
                return f"s={entry.journal};i={known:x}" if known >= 0 else None
        return None

    def _command(self, *arguments: str) -> Sequence[str]:
        place = [f"--directory={self._directory}"] if self._directory else []
        fixed = [
            f"_SYSTEMD_UNIT={self._unit}",
            "--output=json",
            "--all",
            "--output-fields=MESSAGE",
            "--no-pager",
        ]
        return [self._journalctl, *place, *fixed, *arguments]

    def _follow(self, cursor: str | None, stop: threading.Event) -> None:
        # Not --after-cursor: where that entry is gone, it leaves out the next as well.
        begin = [f"--cursor={cursor}"] if cursor else []
        process = subprocess.Popen(  # noqa: S603 (as above)
            self._command("--follow", "--no-tail", *begin),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None, "it is a pipe"
        assert process.stderr is not None, "it is one too"
        try:
            self._read(process.stdout.fileno(), stop)
            if not stop.is_set():
                said = process.stderr.read(1_000).decode(errors="replace").strip()
                raise Unusable(f"journalctl has ended{f': {said}' if said else ''}")
        finally:
            process.kill()
            process.communicate()

    def _read(self, pipe: int, stop: threading.Event) -> None:
        """Take what comes out of a pipe until that ends."""
        cut = Lines()
        entries: list[Entry] = []
        batches: Batches | None = None
        with selectors.DefaultSelector() as readable:
            readable.register(pipe, selectors.EVENT_READ)
            while not stop.is_set():
                if not readable.select(self._poll_s):
                    continue
                content = os.read(pipe, CHUNK)
                if not content:
                    return
                entries += filter(None, map(self._entry, cut.of(content)))
                if batches is None and entries and (found := self._detected(entries)):
                    batches = Batches(self._understanding.events(found), self._delivery, self.counts)
                if batches is not None:
                    for entry in entries:
                        batches.add(self._stream(entry.journal), Line(entry.number, entry.content))
                    batches.send()
                    entries = []
                    # A moment for more to come together.
                    stop.wait(self._poll_s)

    def _entry(self, written: Line) -> Entry | None:
        if len(written.content) < MAX_LINE_BYTES:
            return entry_of(written.content)
        self.counts.lines += 1
        self.counts.unparsed[TOO_LONG] += 1
        return None

    def _detected(self, entries: Sequence[Entry]) -> Format | None:
        """What the lines are in, once that can be told. Raises Undetected where it can't."""
        if self._format is None:
            try:
                self._format = detect([entry.content for entry in entries], self._understanding.zone)
            except Undetected:
                if len(entries) >= LOOKED_AT:
                    raise
        return self._format
