# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines are read as they come, whatever pieces they come in, and within bounds."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tmon.cli.lines import MAX_LINE_BYTES, read_lines


def _lines_of(path: Path) -> list[bytes | None]:
    with path.open("rb") as file:
        return list(read_lines(file.fileno(), lambda: None))


def test_a_file_gives_its_lines_without_their_ends(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"one\ntwo\r\n\nfour")
    assert _lines_of(file) == [b"one", b"two", b"", b"four"]


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
    lines = list(read_lines(reader, lambda: None))
    thread.join()
    os.close(reader)
    content = b"".join(pieces)
    expected = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    assert lines == (expected if content and not content.endswith(b"\n") else expected[:-1])


def test_a_pipe_that_stays_silent_is_noticed() -> None:
    reader, writer = os.pipe()
    lines = read_lines(reader, lambda: 0.01)
    os.write(writer, b"one\ntw")
    assert next(lines) == b"one"
    assert next(lines) is None
    os.write(writer, b"o\n")
    assert next(lines) == b"two"
    os.close(writer)
    assert list(lines) == []
    os.close(reader)
