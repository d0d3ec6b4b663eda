# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a site's traffic with the real client: what is past as fast as it goes, then everything at its time.

The traffic is a stream whose events have offsets, so the server counts each event once, wherever a feed begins anew.
"""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import Final

from tmon.client_api import Client, DeliveryError

from .rhythm import HOUR_S
from .traffic import Event, Traffic

BATCH_EVENTS: Final = 2_000
TICK_S: Final = 1.0
"""How long events wait for others when they are sent live."""
FAREWELL_S: Final = 1.0


class _Stopped(Exception):
    """The server ends, or has ended."""


class Feed:
    """The thread that sends one site's traffic, from the hour with number `hour` on (counted from 1970).

    After a stop of more than the plan's days it goes on where these begin.
    """

    def __init__(self, traffic: Traffic, dsn: str, hour: int, stopping: threading.Event) -> None:
        oldest = int(time.time()) // HOUR_S - traffic.plan.days * 24
        self.name = traffic.site.name
        self.hour = max(hour, oldest)
        """Everything before this hour is stored."""
        self.first_hour = self.hour
        self.accepted = 0
        """Events that this feed was the first to bring."""
        self.live = False
        """Whether the past is sent."""
        self.ended = ""
        """Why it sends no more, if that is so."""
        self._traffic = traffic
        self._client = Client(dsn, source=f"{self.name}-1")
        self._stopping = stopping
        self._waiting: list[Event] = []
        self._thread = threading.Thread(target=self._run, name=f"feed-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for its end, after `stopping` was set."""
        self._thread.join(timeout_s)

    def done(self) -> float:
        """Which share of the past is sent, 0 to 1."""
        hours = time.time() / HOUR_S - self.first_hour
        return 1.0 if self.live or self.ended else min(max((self.hour - self.first_hour) / hours, 0.0), 1.0)

    def _run(self) -> None:
        try:
            self._send_all()
        except DeliveryError as error:
            self.ended = str(error)
        except _Stopped:
            pass
        finally:
            self._client.close(FAREWELL_S)
            self.ended = self.ended or "it was stopped"

    def _send_all(self) -> None:
        now = time.time()
        for number in count(self.hour):
            for event in self._traffic.hour(number):
                ts = event["ts"]
                assert isinstance(ts, float)
                if ts > now:
                    self._send(number)
                    now = time.time()
                    if ts > now:
                        self.live = True
                        if self._stopping.wait(max(ts - now, TICK_S)):
                            return
                        now = time.time()
                self._waiting.append(event)
                if len(self._waiting) >= BATCH_EVENTS:
                    self._send(number)
                    if self._stopping.is_set():
                        return

    def _send(self, number: int) -> None:
        """Send what waits, which goes up to somewhere in the hour with this number. Raises DeliveryError."""
        if self._waiting:
            stream = self._traffic.plan.stream
            answer = self._client.send_batch(self._waiting, stream=stream, on_failure=self._failed)
            self.accepted += answer.accepted
            self._waiting = []
        self.hour = number

    def _failed(self, _: str) -> None:
        """Try again as long as there is a server to try."""
        if self._stopping.is_set():
            raise _Stopped
