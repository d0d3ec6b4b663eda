# SPDX-License-Identifier: GPL-3.0-or-later
"""What collectors and the writer say to each other arrives as it was, in whatever pieces."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.writer.gated import submit

from tmon.server.calendar import hour_of_bounds
from tmon.server.events import Agent, Campaign, Event, Place, Referrer, Rejected
from tmon.server.store.base import Envelope, Outcome
from tmon.server.writer import (
    Bounds,
    Busy,
    Collectors,
    Deleted,
    NotStored,
    NotTaken,
    OverBudget,
    OverShare,
    RemoteWriter,
)
from tmon.server.writer.frames import Answers, Append, Frame, Frames, Hello, error_of, refused
from tmon.server.writer.group_commit import Answered

HOUR = hour_of_bounds(
    1_400_000_400, 1_400_004_000, 1_399_939_200, 1_400_025_600, 1_398_902_400, 1_401_580_800
)
FULL = Event(
    1_400_000_400_123,
    HOUR,
    Agent("Mozilla/5.0 (ü)", "Linux", "Firefox", "desktop", "", False),
    "request",
    "/a",
    "b=c",
    Place("AT", "Vienna", "Vienna", 48.2, 16.37),
    Referrer("https://example.net/", "example.net"),
    Campaign("letter", "mail", "spring", "", ""),
    "a.example",
    "GET",
    503,
    12_345,
    2**62,
    "ann",
    "192.0.2.0",
    -(2**63),
    {"text": "", "whole": 2**63 - 1, "part": 0.1, "yes": True},
    ("url",),
    2**53,
)


def envelope(number: int, *events: Event) -> Envelope:
    return Envelope(
        wsid=7,
        id=number.to_bytes(16, "big"),
        received_ms=1_400_000_400_000,
        events=list(events),
        rejected=[Rejected(3, "url: missing", "url missing")],
        payloads=[("url missing", "{}")],
        source="web-1",
        run="r",
        seq=2,
        sent=9,
        lost={"queue_full": 1},
        close=True,
        stream="s",
        key=5,
        size=100,
    )


def sent(*frames: Frame, pieces: Callable[[bytes], list[bytes]] = lambda data: [data]) -> list[Frame]:
    """The frames as they arrive at the other end."""

    class Pipe(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.data = b""

        def write(self, data: bytes | bytearray | memoryview) -> None:
            self.data += data

        def is_closing(self) -> bool:
            return False

    pipe = Pipe()
    here = Frames(lambda frame: None, lambda: None)
    here.connection_made(pipe)
    for frame in frames:
        here.send(frame)
    arrived: list[Frame] = []
    there = Frames(arrived.append, lambda: None)
    there.connection_made(Pipe())
    for piece in pieces(pipe.data):
        rest = piece
        while rest:
            into = there.get_buffer(-1)
            count = min(len(rest), len(into))
            into[:count] = rest[:count]
            there.buffer_updated(count)
            rest = rest[count:]
    return arrived


def test_an_envelope_arrives_with_everything_in_it() -> None:
    (arrived,) = sent(Append(4, [envelope(1, FULL, FULL), envelope(2)]))
    assert isinstance(arrived, Append)
    assert arrived.first == 4
    first, second = arrived.envelopes
    assert second == envelope(2)
    assert first.events[0].hour is first.events[1].hour
    hour = first.events[0].hour
    assert (hour.start, hour.end, hour.day.start, hour.day.end) == (
        1_400_000_400,
        1_400_004_000,
        1_399_939_200,
        1_400_025_600,
    )
    assert (hour.day.month.start, hour.day.month.end) == (1_398_902_400, 1_401_580_800)
    for event in first.events:
        event.hour = HOUR
    assert first == envelope(1, FULL, FULL)


@given(st.lists(st.integers(1, 9), max_size=60))
def test_frames_arrive_in_order_in_whatever_pieces(sizes: list[int]) -> None:
    def cut(data: bytes) -> list[bytes]:
        found = []
        for size in sizes:
            found.append(data[:size])
            data = data[size:]
        return [*found, data]

    large = Append(0, [envelope(number, *[FULL] * 100) for number in range(5)])
    frames = [
        Hello("collector-1"),
        large,
        Append(0, [envelope(1, FULL)]),
        Hello("collector-2"),
        Answers([], []),
    ]
    arrived = sent(*frames, pieces=cut)
    assert [type(one) for one in arrived] == [type(one) for one in frames]
    assert arrived[3] == Hello("collector-2")


@pytest.mark.parametrize(
    "error",
    [
        Busy("full"),
        Deleted("gone"),
        NotStored("away", 2.0),
        OverBudget("much", 0.5),
        OverShare("more", 300.0),
    ],
)
def test_an_error_arrives_as_what_it_is(error: NotTaken) -> None:
    (arrived,) = sent(Answers([], [(3, refused(error))]))
    assert isinstance(arrived, Answers)
    number, answer = arrived.refused[0]
    got = error_of(answer)
    assert (number, type(got), str(got), got.retry_after_s) == (
        3,
        type(error),
        str(error),
        error.retry_after_s,
    )


@pytest.mark.parametrize(
    "garbage", [b"\x01\0\0\0\xc1", b"\xff\xff\xff\xff", b"\x02\0\0\0\x92\x63", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_what_cannot_be_read_ends_the_connection(garbage: bytes, tmp_path: Path) -> None:
    async def talk() -> bytes:
        collectors = Collectors(tmp_path, lambda envelope, size: asyncio.get_running_loop().create_future())
        await collectors.start()
        reader, writer = await asyncio.open_unix_connection(collectors.path)
        writer.write(garbage)
        end = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await collectors.stop()
        return end

    assert asyncio.run(talk()) == b""


class Core:
    """A writer's end that answers when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.waiting: list[tuple[Envelope, Answered]] = []
        self.arrived = asyncio.Event()
        self.collectors = Collectors(folder, self.take)

    def take(self, envelope: Envelope, size: int, answered: Answered) -> None:
        assert size == envelope.size
        if envelope.source == "busy":
            raise Busy("full")
        self.waiting.append((envelope, answered))
        self.arrived.set()

    async def have(self, count: int) -> None:
        while len(self.waiting) < count:
            self.arrived.clear()
            await self.arrived.wait()


def test_outcomes_come_back_to_whom_they_belong_in_any_order(tmp_path: Path) -> None:
    async def talk() -> list[object]:
        core = Core(tmp_path)
        await core.collectors.start()
        remote = RemoteWriter(tmp_path, "collector-1", lambda: "figures")
        remote.start()
        assert await remote.reached(10)
        futures = [submit(remote, envelope(number), 10) for number in range(3)]
        await core.have(3)
        futures.append(submit(remote, msgspec.structs.replace(envelope(3), source="busy"), 10))
        core.waiting[2][1](Outcome(status=200, accepted=2))
        core.waiting[0][1](OverBudget("much", 3.0))
        core.waiting[1][1](Outcome(status=400, message="no event is valid", duplicate=True))
        found = await asyncio.gather(*futures, return_exceptions=True)
        assert await core.collectors.figures() == {"collector-1": "figures"}
        await remote.stop()
        assert await core.collectors.left(10)
        await core.collectors.stop()
        return list(found)

    over, refusal, stored, busy = asyncio.run(talk())
    assert isinstance(over, OverBudget)
    assert over.retry_after_s == 3.0
    assert refusal == Outcome(status=400, message="no event is valid", duplicate=True)
    assert stored == Outcome(status=200, accepted=2)
    assert isinstance(busy, Busy)


def test_without_a_writer_nothing_is_taken_and_what_was_on_its_way_gets_no_outcome(tmp_path: Path) -> None:
    async def talk() -> None:
        remote = RemoteWriter(tmp_path, "collector-1", str, bounds=Bounds(envelopes=2))
        remote.start()
        with pytest.raises(NotStored):
            submit(remote, envelope(0), 10)
        core = Core(tmp_path)
        await core.collectors.start()
        assert await remote.reached(10)
        lost = [submit(remote, envelope(number), 10) for number in range(2)]
        with pytest.raises(Busy):
            submit(remote, envelope(9), 10)
        await core.have(2)
        await core.collectors.stop()
        for future in lost:
            with pytest.raises(NotStored):
                await future
        again = Core(tmp_path)
        await again.collectors.start()
        assert await remote.reached(10)
        future = submit(remote, envelope(3), 10)
        await again.have(1)
        again.waiting[0][1](Outcome(status=200, accepted=1))
        assert await future == Outcome(status=200, accepted=1)
        await remote.stop()
        await again.collectors.stop()

    asyncio.run(talk())


def test_a_writer_that_answers_nothing_any_more_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def talk() -> None:
        core = Core(tmp_path)
        await core.collectors.start()
        remote = RemoteWriter(tmp_path, "collector-1", str, stuck_s=0.3)
        remote.start()
        assert await remote.reached(10)
        with pytest.raises(NotStored):
            await asyncio.wait_for(submit(remote, envelope(0), 10), 10)
        assert await remote.reached(10)  # on a new connection, in case it comes to itself
        future = submit(remote, envelope(1), 10)
        await core.have(2)
        core.waiting[0][1](Outcome(status=200, accepted=1))  # for the connection that has ended
        core.waiting[1][1](Outcome(status=200, accepted=2))
        assert await future == Outcome(status=200, accepted=2)
        await remote.stop()
        await core.collectors.stop()

    asyncio.run(talk())


def test_collectors_of_the_same_name_are_told_apart_in_figures(tmp_path: Path) -> None:
    """Two `tmon serve` on one core each have a collector-1."""

    async def talk() -> dict[str, str]:
        core = Core(tmp_path)
        await core.collectors.start()
        remotes = [
            RemoteWriter(tmp_path, "collector-1", lambda: "older"),
            RemoteWriter(tmp_path, "collector-1", lambda: "newer"),
        ]
        for remote in remotes:
            remote.start()
            assert await remote.reached(10)
            future = submit(remote, envelope(len(core.waiting)), 10)
            await core.have(len(core.waiting) + 1)
            core.waiting[-1][1](Outcome(status=200))
            await future
        figures = await core.collectors.figures()
        for remote in remotes:
            await remote.stop()
        await core.collectors.stop()
        return figures

    assert asyncio.run(talk()) == {"collector-1": "older", "collector-1-2": "newer"}


def test_a_socket_that_nobody_listens_on_is_no_writer(tmp_path: Path) -> None:
    async def talk() -> None:
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(tmp_path / "collectors.sock"))
        remote = RemoteWriter(tmp_path, "collector-1", str)
        remote.start()
        await asyncio.sleep(0)
        assert not remote.connected
        await remote.stop()

    asyncio.run(talk())


def test_a_writer_that_ends_every_connection_is_not_asked_without_a_pause(tmp_path: Path) -> None:
    async def talk() -> float:
        times: list[float] = []
        enough = asyncio.Event()

        async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            times.append(asyncio.get_running_loop().time())
            writer.close()
            if len(times) == 4:
                enough.set()

        server = await asyncio.start_unix_server(end, tmp_path / "collectors.sock")
        remote = RemoteWriter(tmp_path, "collector-1", str)
        remote.start()
        await asyncio.wait_for(enough.wait(), 30)
        await remote.stop()
        server.close()
        return times[-1] - times[0]

    assert asyncio.run(talk()) > 0.25
