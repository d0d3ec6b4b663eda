# SPDX-License-Identifier: LGPL-3.0-or-later
"""The client: what a program calls to report what happened in it."""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self

from .dsn import Dsn, chosen
from .encoding import encode
from .errors import DsnError, NotEncodable
from .queue import Limits

if TYPE_CHECKING:
    from .answer import Answer
    from .books import Stats
    from .memory import MemoryTransport
    from .parcel import Parcel
    from .sender import Sender
    from .trouble import OnError

log = logging.getLogger("tmon")

MAX_BATCH_EVENTS: Final = 10_000
# Sealed, and whether it compresses or not, this stays below the 8 MiB that the server takes.
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024 - 64 * 1024
MAX_SPOOL_AGE_S: Final = 29 * 86_400
BeforeSend = Callable[[dict[str, object]], dict[str, object] | None]
MAX_NAME: Final = 200
"""Characters of a source or a stream; the server refuses envelopes with longer ones."""


class Client:
    """Reports events to one web service of a T-Mon server.

        with Client() as client:                       # the DSN is in TMON_DSN
            client.request("/cart", ip="203.0.113.9", useragent="curl/8.5.0", status=200)

    `dsn` is the whole configuration; without it `TMON_DSN` is read. `source` names the sender, by default
    the machine. `batch_events`, `batch_bytes` and `batch_age_s` bound a batch (events, bytes, seconds that its
    first event waits), `queue_events` and `queue_bytes` what waits in memory, and `timeout_s` one attempt to
    reach the server. `spool` is a folder where sealed batches are kept until the server has them, also if this
    process is killed; all files there together have at most `spool_bytes`, and what is older than
    `spool_age_s` seconds is given up.

    `before_send` gets each event that is tracked, as a dictionary, in the thread that tracks it; it returns
    the event to report, or None for none. `on_error` is told of each `Trouble`, in whichever thread has it.
    Without `compress` batches are sent as they are, which is faster where the server is on this machine.
    With `disabled` nothing is done, and no DSN is needed. `transport` takes the place of the network
    (`MemoryTransport`, for tests).

    After construction nothing here raises into the program that is being tracked, except `send_batch`, whose
    caller wants to know. What cannot be delivered is counted, reported to the server, and visible in
    `stats`. A client may be used from any thread, and in a forked child, where it begins a run of its own.
    At the end of the process it gets five seconds to deliver what waits.

    Raises DsnError without a usable DSN, ValueError for limits outside their range.
    """

    # Reports of an error in the constructor show the client as far as it got.
    _dsn: Dsn | None = None
    _sender: Sender | None = None

    def __init__(
        self,
        dsn: str | Dsn | None = None,
        *,
        source: str | None = None,
        batch_events: int = 500,
        batch_bytes: int = 1024 * 1024,
        batch_age_s: float = 1.0,
        queue_events: int = 10_000,
        queue_bytes: int = 32 * 1024 * 1024,
        timeout_s: float = 30.0,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = 64 * 1024 * 1024,
        spool_age_s: float = 7 * 86_400.0,
        before_send: BeforeSend | None = None,
        on_error: OnError | None = None,
        compress: bool = True,
        disabled: bool = False,
        transport: MemoryTransport | None = None,
    ) -> None:
        found = chosen(dsn, needed=not disabled and transport is None)
        del dsn  # so that no report of an error shows it among the local variables
        if isinstance(found, DsnError):
            raise found
        if not 0 < timeout_s <= 600:
            raise ValueError("timeout_s is a number of seconds up to 600")
        limits = Limits(
            batch_events=batch_events,
            batch_bytes=batch_bytes,
            batch_age_s=batch_age_s,
            queue_events=queue_events,
            queue_bytes=queue_bytes,
        )
        if spool_bytes < 64 * 1024:
            raise ValueError("spool_bytes is at least 64 KiB")
        if not 0 < spool_age_s <= MAX_SPOOL_AGE_S:
            raise ValueError("spool_age_s is a number of seconds up to 29 days: the server takes 30")
        source = _checked(source or _hostname(), "source")
        self._before_send = before_send
        self._dsn = found if transport is None else transport.dsn
        if disabled or self._dsn is None:
            return
        # cryptography comes with the sender: importing this module stays cheap for programs that do not
        # track.
        from .sender import Sender
        from .transport import Transport

        known: Dsn = self._dsn
        make_spool = None
        if spool is not None:
            from .spool import Spool

            make_spool = partial(Spool, os.fspath(spool), known, spool_bytes, spool_age_s)
        self._sender = Sender(
            known,
            source,
            limits,
            connect=partial(Transport, known, timeout_s=timeout_s)
            if transport is None
            else lambda: transport,
            on_error=on_error,
            spool=make_spool,
            compress=compress,
        )
        # A client that is dropped without close() still delivers what it holds, and its threads end.
        weakref.finalize(self, self._sender.forgotten, 5.0).atexit = False

    def track(self, /, **fields: object) -> None:
        """Report one event with these fields (docs: events). `ts` is now unless given.

        Never blocks on the network and never raises: an event with a value that JSON or the server has no
        place for, one over which `before_send` fails, or one for which the queue has no room, is dropped and
        counted as lost.
        """
        if self._sender is None:
            return
        try:
            self._track(self._sender, fields)
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the program's)
            log.warning("an event is lost by a mistake of tmon: %s", type(error).__name__)

    def _track(self, sender: Sender, fields: dict[str, object]) -> None:
        try:
            if fields.get("ts") is None:
                fields["ts"] = round(time.time(), 3)
            if self._before_send is not None:
                changed = self._asked(sender, fields)
                if changed is None:
                    return
                fields = changed
            event = encode(fields)
        except NotEncodable as error:
            sender.drop(error.reason, str(error))
        except Exception as error:  # noqa: BLE001 (a value's own methods may raise anything)
            sender.drop("not_encodable", type(error).__name__)
        else:
            sender.put(event)

    def request(self, url: str, ip: str | None, useragent: str | None, **optional: object) -> None:
        """Report one request: what was asked for, from which address, with which program.

        `optional` are further fields such as `username, method, status, duration_ms, bytes, referrer, host,
        ts`, and any of your own. Like `track`, it never raises.
        """
        self.track(**{**optional, "url": url, "ip": ip, "useragent": useragent})

    def lose(self, reason: str, message: str, count: int = 1) -> None:
        """Count events as lost under `reason` that could not even be made, and say so. Never raises.

        For what tracks on behalf of a program, such as the middleware and the agents.
        """
        if self._sender is not None:
            self._sender.drop(reason, message, count)

    def tell(self, reason: str, message: str) -> None:
        """Say that something goes wrong by which no event is lost. Never raises."""
        if self._sender is not None:
            self._sender.tell(reason, message)

    def send_batch(
        self,
        events: Iterable[Mapping[str, object]],
        stream: str | None = None,
        timeout: float | None = None,
        *,
        on_failure: Callable[[str], None] | None = None,
    ) -> Answer:
        """Seal `events` into one envelope, deliver it now from this thread and return the server's answer.

        For importers, which want an answer per batch and wait for it: nothing is queued, and `before_send` is
        not asked. A client that is `disabled` answers that it accepted nothing. `stream` is the
        fingerprint of something with positions, whose events carry `offset`. Attempts are repeated until
        `timeout` seconds are over (None: without end); `on_failure` hears why one failed.

        Raises NotEncodable (with the event's `index`) or ValueError (over 10,000 events or 7.9 MiB, or the
        client is closed) before anything is sealed, Refused if the server's answer is final but not 200,
        Undelivered if the time is over.
        """
        return self.deliver_batch(self.seal_batch(events, stream), timeout, on_failure=on_failure)

    def seal_batch(self, events: Iterable[Mapping[str, object]], stream: str | None = None) -> Parcel:
        """The first half of `send_batch`, for importers that make a batch while another is on its way.

        `deliver_batch` or `give_up_batch` has to be called with what it returns, in the order of sealing.
        """
        encoded: list[bytes] = []
        for index, event in enumerate(events):
            try:
                encoded.append(encode(event))
            except NotEncodable as error:
                error.index = index
                raise
        if len(encoded) > MAX_BATCH_EVENTS:
            raise ValueError(f"a batch holds at most {MAX_BATCH_EVENTS} events, this one {len(encoded)}")
        if sum(map(len, encoded)) + len(encoded) > MAX_BATCH_BYTES:
            raise ValueError(f"a batch holds at most {MAX_BATCH_BYTES} bytes, this one is larger")
        if stream is not None:
            _checked(stream, "stream")
        if self._sender is None:
            from .parcel import Parcel

            return Parcel(b"", 0, 0.0)
        return self._sender.seal_now(encoded, stream=stream)

    def deliver_batch(
        self, parcel: Parcel, timeout: float | None = None, *, on_failure: Callable[[str], None] | None = None
    ) -> Answer:
        """The second half of `send_batch`."""
        if self._sender is None:
            from .answer import Answer

            return Answer(status=200)
        return self._sender.deliver_now(parcel, timeout=timeout, on_failure=on_failure)

    def give_up_batch(self, parcel: Parcel) -> None:
        """Count a sealed batch as lost, since it will not be delivered."""
        if self._sender is not None:
            self._sender.give_up(parcel)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send now what waits; True if within `timeout` seconds the server had decided about all of it."""
        return self._sender is None or self._sender.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Deliver what waits, tell the server that this run ended on purpose, and stop.

        True if that was done within `timeout` seconds; what a spool keeps beyond them is not lost. Events
        tracked afterwards are. May be called again.
        """
        return self._sender is None or self._sender.close(timeout)

    def stats(self) -> Stats:
        """What became of the events so far."""
        if self._sender is None:
            from .books import Stats

            return Stats(tracked=0, waiting=0, accepted=0, repeated=0, rejected=0, lost={})
        return self._sender.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tmon.Client {'disabled' if self._sender is None else self._dsn}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client belongs to its process: pass the DSN on, not the client")

    def _asked(self, sender: Sender, fields: dict[str, object]) -> dict[str, object] | None:
        assert self._before_send is not None, "only asked where there is one"
        try:
            changed = self._before_send(fields)
        except Exception as error:  # noqa: BLE001 (the hook is the program's, and may raise anything)
            sender.drop("before_send", f"before_send failed: {type(error).__name__}")
            return None
        if changed is None or isinstance(changed, dict):
            return changed
        sender.drop("before_send", f"before_send returned a {type(changed).__name__}, not a dict or None")
        return None


def _hostname() -> str:
    import socket

    return socket.gethostname().encode("utf-8", "replace").decode("utf-8") or "unnamed"


def _checked(name: str, what: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        usable = False
    else:
        usable = 0 < len(name) <= MAX_NAME
    if not usable:
        raise ValueError(f"{what} is text of 1 to {MAX_NAME} characters")
    return name
