# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines are read as they come, whatever pieces they come in, and within bounds."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tmon.cli.lines import MAX_LINE_BYTES, Line, read_lines


def _read(path: Path) -> list[Line | None]:
    with path.open("rb") as file:
        return list(read_lines(file.fileno(), lambda: None))


def _lines_of(path: Path) -> list[bytes | None]:
    return [None if line is None else line.content for line in _read(path)]


def test_a_file_gives_its_lines_without_their_ends(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"one\ntwo\r\n\nfour")
    assert _lines_of(file) == [b"one", b"two", b"", b"four"]


def test_a_line_says_where_it_begins_and_whether_it_has_an_end(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"one\ntwo\r\n\n" + b"x" * (2 * MAX_LINE_BYTES) + b"\nfive")
    found = [(line.offset, line.ended) for line in _read(file) if line is not None]
    assert found == [(0, True), (4, True), (9, True), (10, True), (2_097_163, False)]


def test_an_empty_file_gives_no_line(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"")
    assert _lines_of(file) == []


def test_of_a_line_that_is_too_long_one_byte_more_than_allowed_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"x" * (5 * MAX_LINE_BYTES) + b"\nshort\n" + b"y" * (2 * MAX_LINE_BYTES))
    first, second, third = _lines_of(file)
    assert first == b"x" * (MAX_LINE_BYTES + 1)
    assert second == b"short"
    assert third == b"y" * (MAX_LINE_BYTES + 1)


@given(pieces=st.lists(st.binary(max_size=12), max_size=12))
def test_lines_do_not_depend_on_the_pieces_they_come_in(pieces: list[bytes]) -> None:
    reader, writer = os.pipe()

    def write() -> None:
        for piece in pieces:
            os.write(writer, piece)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    lines = [line for line in read_lines(reader, lambda: None) if line is not None]
    thread.join()
    os.close(reader)
    content = b"".join(pieces)
    expected = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    unended = bool(content) and not content.endswith(b"\n")
    assert [line.content for line in lines] == (expected if unended else expected[:-1])
    assert all(content[line.offset :].startswith(line.content) for line in lines)
    assert all(line.offset == 0 or content[line.offset - 1 : line.offset] == b"\n" for line in lines)


def test_a_pipe_that_stays_silent_is_noticed() -> None:
    reader, writer = os.pipe()
    lines = read_lines(reader, lambda: 0.01)
    os.write(writer, b"one\ntw")
    assert next(lines) == Line(0, b"one")
    assert next(lines) is None
    os.write(writer, b"o\n")
    assert next(lines) == Line(4, b"two")
    os.close(writer)
    assert list(lines) == []
    os.close(reader)
