# SPDX-License-Identifier: GPL-3.0-or-later
"""What collectors and the writer say to each other over a Unix socket: frames of MessagePack, each after its length.

Both ends are of one release and one user, on one machine: whoever can write to the socket owns the data anyway. So a
frame is trusted to mean what it says, but one that cannot be read ends the connection.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tmon.server.calendar import Hour, hour_of_bounds
from tmon.server.store.base import Envelope, Outcome

from .errors import Busy, Deleted, NotStored, NotTaken, OverBudget, OverShare

SOCKET_NAME: Final = "collectors.sock"
MAX_FRAME: Final = 256 * 1024 * 1024
"""An envelope has at most 16 MiB of plaintext, and what waits at a collector 32; this is far above what they take."""
BUFFER: Final = 64 * 1024
HOURS: Final = 20_000

_length: Final = struct.Struct("<I")
_not_taken: Final = {kind.__name__: kind for kind in (Busy, Deleted, NotStored, OverBudget, OverShare)}


class Hello(msgspec.Struct, tag=0, array_like=True):
    """A collector's first frame: its name in figures, as `collector-1`."""

    name: str


class Append(msgspec.Struct, tag=1, array_like=True):
    """Envelopes from a collector, which has numbered them: the first of these has the number `first`."""

    first: int
    envelopes: list[Envelope]


class Refused(msgspec.Struct, array_like=True):
    """Why an envelope was not taken: the name of the error, and what it says."""

    error: str
    message: str
    retry_after_s: float


class Answers(msgspec.Struct, tag=2, array_like=True):
    """What became of envelopes, by their numbers."""

    outcomes: list[tuple[int, Outcome]]
    refused: list[tuple[int, Refused]]


class Wanted(msgspec.Struct, tag=3, array_like=True):
    """The writer asks a collector for its figures."""

    number: int


class Figures(msgspec.Struct, tag=4, array_like=True):
    """The figures it gets, in Prometheus' text format."""

    number: int
    text: str


Frame = Hello | Append | Answers | Wanted | Figures


def refused(error: NotTaken) -> Refused:
    """An error as it travels."""
    return Refused(type(error).__name__, str(error), error.retry_after_s)


def error_of(answer: Refused) -> NotTaken:
    """The error that travelled."""
    return _not_taken.get(answer.error, NotStored)(answer.message, answer.retry_after_s)


class Frames(asyncio.BufferedProtocol):
    """One end of a connection: `received` gets each frame, `ended` is told once when the connection is gone."""

    def __init__(self, received: Callable[[Frame], None], ended: Callable[[], None]) -> None:
        self._received = received
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(BUFFER)
        self._filled = 0
        self._encode_into = msgspec.msgpack.Encoder(enc_hook=_hour_out).encode_into
        self._decode = msgspec.msgpack.Decoder(Frame, dec_hook=_Hours().hour_in).decode

    @property
    def open(self) -> bool:
        """Whether the connection lasts."""
        return self._transport is not None

    def send(self, frame: Frame) -> None:
        """Send a frame; what cannot be sent any more is dropped."""
        if self._transport is None or self._transport.is_closing():
            return
        out = bytearray(_length.size)
        self._encode_into(frame, out, _length.size)
        _length.pack_into(out, 0, len(out) - _length.size)
        self._transport.write(out)

    def close(self) -> None:
        """Send what has been given, and end the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once, whatever has not been sent."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio calls these --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection lasts from now on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where bytes that arrive are to be put."""
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Some bytes have arrived: hand on the frames that are complete."""
        self._filled += nbytes
        at = 0
        try:
            while at + (needed := self._needed(at)) <= self._filled:
                frame = self._decode(memoryview(self._buffer)[at + _length.size : at + needed])
                at += needed
                self._received(frame)
        except msgspec.DecodeError:
            # A collector of another release, that is, or a program that is none.
            assert self._transport is not None
            self._transport.abort()
            return
        rest = self._buffer[at : self._filled]
        room = max(BUFFER, needed)
        if room != len(self._buffer):
            self._buffer = bytearray(room)
        self._buffer[: len(rest)] = rest
        self._filled = len(rest)

    def _needed(self, at: int) -> int:
        """How many bytes the frame that begins there has with its length, or that length where it is not there yet."""
        if self._filled - at < _length.size:
            return _length.size
        (length,) = _length.unpack_from(self._buffer, at)
        if length > MAX_FRAME:
            raise msgspec.DecodeError(f"a frame of {length} bytes")
        return _length.size + int(length)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self._transport = None
        self._ended()


def _hour_out(value: Any) -> tuple[int, ...]:
    """A local hour as its bounds, its day's and its month's: all that a store needs of it."""
    if not isinstance(value, Hour):
        raise NotImplementedError(f"{type(value)} does not travel")
    day = value.day
    return value.start, value.end, day.start, day.end, day.month.start, day.month.end


class _Hours:
    """Makes the hours that arrive: the same object for the same hour, as a calendar does."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], Hour] = {}

    def hour_in(self, kind: type, value: Any) -> Hour:
        """See msgspec's dec_hook."""
        bounds = tuple(value)
        hour = self._known.get(bounds)
        if hour is None:
            if len(self._known) >= HOURS:
                self._known.clear()
            hour = self._known[bounds] = hour_of_bounds(*bounds)
        return hour
