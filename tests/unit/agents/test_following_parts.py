# SPDX-License-Identifier: GPL-3.0-or-later
"""What following a log is made of: lines, tails, courses, copies, and entries of the journal."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.agents.logs.backlog import Backlog, Earlier, Rescue
from tmon.agents.logs.copies import copy_of, is_archive, rotated, streams_of
from tmon.agents.logs.course import Course
from tmon.agents.logs.delivery import Delivery
from tmon.agents.logs.formats import Undetected, named
from tmon.agents.logs.journal import Entry, Journal, Unusable, entry_of
from tmon.agents.logs.lines import Line, Lines
from tmon.agents.logs.tail import Cut, Tail
from tmon.agents.logs.understanding import Understanding
from tmon.client_api import Answer, Client, Undelivered

UNDERSTANDING = Understanding(named("common"), UTC, ())


def line(path: str) -> bytes:
    return f'203.0.113.7 - - [17/May/2015:10:00:00 +0000] "GET {path} HTTP/1.1" 200 5\n'.encode()


Batch = tuple[str, list[Mapping[str, Any]]]


class FakeServer:
    """Takes streams as the server does; fails by plan: before it has stored a batch, or afterwards."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.failures: list[str] = []
        self._highest: dict[str, int] = {}

    def send_batch(
        self, events: Sequence[Mapping[str, Any]], stream: str, timeout: float, *, on_failure: object
    ) -> Answer:
        return self.deliver_batch(self.seal_batch(events, stream), timeout, on_failure=on_failure)

    def seal_batch(self, events: Sequence[Mapping[str, Any]], stream: str) -> Batch:
        return stream, list(events)

    def deliver_batch(self, sealed: Batch, timeout: float, *, on_failure: object) -> Answer:
        stream, events = sealed
        failure = self.failures.pop() if self.failures else ""
        if failure == "before":
            raise Undelivered("by plan")
        new = [event for event in events if event["offset"] > self._highest.get(stream, -1)]
        self.paths += [str(event["url"]) for event in new]
        if new:
            self._highest[stream] = new[-1]["offset"]
        if failure == "after":
            raise Undelivered("by plan")
        return Answer(200, len(new), len(events) - len(new), highest_offset=self._highest.get(stream))

    @property
    def delivery(self) -> Delivery:
        return Delivery(cast(Client, self), 5.0)


# -- lines ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=20) | st.just(b"\n"), max_size=20), st.integers(0, 100))
def test_lines_are_the_same_however_the_content_comes(pieces: list[bytes], begin: int) -> None:
    lines = Lines(begin)
    found = [one for piece in pieces for one in lines.of(piece)]
    content = b"".join(pieces)
    assert [one.content for one in found] == content.split(b"\n")[:-1]
    assert all(content[one.offset - begin :].startswith(one.content + b"\n") and one.ended for one in found)
    assert lines.reached == begin + len(content)
    last = content.split(b"\n")[-1]
    assert lines.last() == (Line(lines.whole, last, ended=False) if last else None)


# -- tails ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(b"one\ntwo\nthr")
    return path


def append(log: Path, content: bytes) -> None:
    with log.open("ab") as file:
        file.write(content)


def test_a_tail_gives_lines_once_they_have_ends(log: Path) -> None:
    tail = Tail(str(log))
    assert tail.read() == [Line(0, b"one"), Line(4, b"two")]
    assert tail.read() == []
    append(log, b"ee\nfour")
    assert tail.read() == [Line(8, b"three")]
    assert tail.last() == Line(14, b"four", ended=False)
    assert (tail.whole, tail.reached, tail.size) == (14, 18, 18)
    tail.close()


@pytest.mark.parametrize("anew", [b"", b"x\n", b"one\ntwo\nTHR", b"something longer than it was before\n"])
def test_a_cut_is_seen_however_long_the_file_is_then(log: Path, anew: bytes) -> None:
    tail = Tail(str(log))
    tail.read()
    os.truncate(log, 0)
    append(log, anew)
    append(log, b"" if len(anew) < 11 else b"more\n")
    with pytest.raises(Cut):
        tail.read()
    with pytest.raises(Cut):
        tail.check()
    assert tail.size == 11  # as it was before
    tail.rewind()
    assert [one.content for one in tail.read()] == log.read_bytes().split(b"\n")[:-1]
    tail.close()


def test_a_tail_goes_on_behind_a_line_that_it_never_read(log: Path) -> None:
    append(log, b"ee\nfour\n")
    tail = Tail(str(log))
    assert tail.skip(4)
    assert tail.read() == [Line(8, b"three"), Line(14, b"four")]
    assert not tail.skip(19)
    assert not tail.skip(1_000)
    assert tail.reached == 19
    os.truncate(log, 0)
    append(log, b"x" * 40)
    with pytest.raises(Cut):
        tail.read()
    tail.close()


def test_what_is_no_plain_file_is_no_tail(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "none"):
        with pytest.raises(OSError, match=r"it is no plain file|No such file"):
            Tail(str(path))


# -- courses ----------------------------------------------------------------------------------------------------------


def advance(course: Course) -> None:
    while True:
        try:
            if not course.advance():
                return
        except Undelivered:
            continue


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 60), st.booleans()), max_size=12),
    st.lists(st.sampled_from(["before", "after", ""]), max_size=30),
)
def test_each_line_counts_once_whatever_fails_and_however_often_it_begins_anew(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]], failures: list[str]
) -> None:
    log = tmp_path_factory.mktemp("course") / "log"
    log.touch()
    server = FakeServer()
    server.failures = failures
    tail = Tail(str(log))
    course = Course(tail, UNDERSTANDING, server.delivery)
    written, rest = 0, b""
    for count, kept, restarted in steps:
        content = rest + b"".join(line(f"/{written + number}") for number in range(count))
        written += count
        content, rest = (content[:-kept], content[-kept:]) if kept else (content, b"")
        append(log, content)
        advance(course)
        if restarted:
            tail.close()
            tail = Tail(str(log))
            course = Course(tail, UNDERSTANDING, server.delivery)
    append(log, rest)
    advance(course)
    advance(course)
    assert Counter(server.paths) == Counter(f"/{number}" for number in range(written))
    assert server.paths == sorted(server.paths, key=lambda path: int(path[1:]))
    assert course.settled
    tail.close()


def test_a_course_waits_for_the_lines_by_which_it_knows_the_format(log: Path) -> None:
    server = FakeServer()
    course = Course(Tail(str(log)), UNDERSTANDING._replace(format=None), server.delivery)
    course.advance()
    assert (course.format, server.paths) == (None, [])
    append(log, b"\n" + b"".join(line(f"/{number}") for number in range(10)))
    course.advance()
    assert course.format == named("common")
    assert len(server.paths) == 10
    assert course.counts.unparsed.total() == 3
    course.tail.close()


def test_a_format_that_cannot_be_told_is_an_error_once_there_are_lines_enough(log: Path) -> None:
    course = Course(Tail(str(log)), UNDERSTANDING._replace(format=None), FakeServer().delivery)
    append(log, b"no line of a log\n" * 500)
    for _ in range(2):
        with pytest.raises(Undetected):
            course.advance()
    course.tail.close()


def test_a_last_line_without_an_end_is_taken_when_nobody_will_end_it(log: Path) -> None:
    server = FakeServer()
    log.write_bytes(line("/1") + line("/2").strip())
    course = Course(Tail(str(log)), UNDERSTANDING, server.delivery)
    course.advance()
    assert server.paths == ["/1"]
    course.finish()
    assert server.paths == ["/1", "/2"]
    course.tail.close()


# -- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "others"),
    [
        (
            "access.log",
            [
                "access.log.1",
                "access.log.2.gz",
                "access.log-20261126",
                "access.log-20261126.xz",
                "access.log.old",
                "access-20261126.log",
                "access-2026-11-26.log.1.zst",
                "access.2026-11-26T03.log",
            ],
        ),
        ("2026-11-26.log", ["2026-11-25.log", "2026-11-25.log.gz", "2026-11-26.log.1"]),
        ("app", ["app.1", "app-20261126.bz2"]),
    ],
)
def test_rotated_logs_are_known_by_their_names(tmp_path: Path, name: str, others: list[str]) -> None:
    strangers = [
        "access_api.log",
        "access.log.api",
        "error.log.1",
        "server1.log",
        "access.log.tmp",
        "x.gz",
        ".swp",
    ]
    for number, other in enumerate([name, *others, *strangers]):
        (tmp_path / other).touch()
        os.utime(tmp_path / other, (number, number))
    (tmp_path / f"{name}.9").mkdir()
    assert [Path(path).name for path in rotated(str(tmp_path / name))] == others[::-1]


def test_a_copy_is_known_by_how_it_begins(tmp_path: Path) -> None:
    content = b"".join(line(f"/{number}") for number in range(30))
    log, packed = tmp_path / "log", tmp_path / "log.2.gz"
    log.write_bytes(content[:-10])
    (tmp_path / "log.1").write_bytes(b"another\n" + content)
    packed.write_bytes(gzip.compress(content + line("/more")))
    streams = streams_of(str(log))
    assert len(streams) == 6
    assert copy_of(str(log), streams) == str(packed)
    assert copy_of(str(log), []) is None
    assert is_archive(str(packed))
    assert not is_archive(str(log))
    (tmp_path / "new.gz").touch()
    assert is_archive(str(tmp_path / "new.gz"))


# -- the backlog ------------------------------------------------------------------------------------------------------


@pytest.fixture
def backlog() -> Callable[[FakeServer], Backlog]:
    return lambda server: Backlog(cast(Client, server), UNDERSTANDING, server.delivery, lambda _: None)


def rescue(log: Path, streams: Sequence[str], seen: int, *, written: bool) -> tuple[Rescue, list[int]]:
    lost: list[int] = []
    task = Rescue(
        str(log),
        streams,
        seen=seen,
        delivered=len(line("/1")) * 2,
        lines=2,
        written=written,
        lose=lambda count, _: lost.append(count),
    )
    return task, lost


def test_what_a_cut_destroyed_is_told_once_there_is_no_hope_for_it(
    tmp_path: Path, backlog: Callable[[FakeServer], Backlog]
) -> None:
    log, size = tmp_path / "log", len(line("/1"))
    log.write_bytes(line("/1") + line("/2"))
    streams = streams_of(str(log))
    shutil.copy(log, tmp_path / "log.1")
    append(tmp_path / "log.1", line("/3"))
    server = FakeServer()
    for seen, written, expected in ((2, True, [1]), (2, False, []), (3, False, []), (7, True, [4])):
        task, lost = rescue(log, streams, seen * size, written=written)
        assert task.attempt(backlog(server), last=False)
        assert lost == expected
    assert server.paths == ["/1", "/2", "/3"]
    (tmp_path / "log.1").unlink()
    task, lost = rescue(log, streams, 5 * size, written=False)
    assert not task.attempt(backlog(server), last=False)
    assert lost == []
    assert task.attempt(backlog(server), last=True)
    assert lost == [3]


def test_earlier_logs_are_those_since_the_one_that_the_server_knows(
    tmp_path: Path, backlog: Callable[[FakeServer], Backlog]
) -> None:
    server = FakeServer()
    for number in range(1, 6):
        rotated_log = tmp_path / f"log.{number}"
        rotated_log.write_bytes(line(f"/{number}"))
        os.utime(rotated_log, (1_000 - number, 1_000 - number))
    work = backlog(server)
    assert Earlier(str(tmp_path / "log"), lambda _: False).attempt(work, last=False)
    assert work.idle
    Course(Tail(str(tmp_path / "log.4")), UNDERSTANDING, server.delivery).advance()
    assert Earlier(str(tmp_path / "log"), lambda _: False).attempt(work, last=False)
    while not work.idle:
        work.turn()
    assert server.paths == ["/4", "/3", "/2", "/1"]


# -- the journal ------------------------------------------------------------------------------------------------------


def test_entries_of_the_journal_are_read() -> None:
    cursor = f"s={'a' * 32};i=1f;b={'b' * 32};m=1;t=2;x=3"

    def entry(**fields: object) -> Entry | None:
        return entry_of(json.dumps({"__CURSOR": cursor, **fields}).encode())

    assert entry(MESSAGE="text é") == Entry("a" * 32, 31, "text é".encode())
    assert entry(MESSAGE=[255, 0, 65]) == Entry("a" * 32, 31, b"\xff\0A")
    assert entry(MESSAGE=["first", "second"]) == Entry("a" * 32, 31, b"first")
    assert entry(MESSAGE="\ud800") is not None
    assert entry() is None
    assert entry(MESSAGE=None) is None


@given(
    st.binary(max_size=60)
    | st.builds(
        lambda one: json.dumps(one).encode(),
        st.dictionaries(
            st.sampled_from(["__CURSOR", "MESSAGE"]),
            st.none() | st.integers() | st.text() | st.lists(st.integers()),
            max_size=2,
        ),
    )
)
def test_what_is_no_entry_is_an_error_and_nothing_else(written: bytes) -> None:
    with pytest.raises(Unusable):
        entry_of(written)


def test_a_unit_is_named_as_systemd_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def journal(unit: str) -> Journal:
        return Journal(
            unit, UNDERSTANDING, FakeServer().delivery, directory=None, poll_s=1, tell=lambda _: None
        )

    (tmp_path / "journalctl").write_text("#!/bin/sh\n")
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    journal("web@1.service")
    for wrong in ("", "a b", "x\n", "--file=/etc/shadow x", "u" * 200):
        with pytest.raises(Unusable, match="is not the name of a unit"):
            journal(wrong)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(Unusable, match="there is no journalctl"):
        journal("web")
