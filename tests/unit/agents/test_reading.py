# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs are read line by line, compressed or not, and what is cut short is told."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tmon.agents.logs import reading
from tmon.agents.logs.reading import Line, Log, Unreadable

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
}


def read(path: Path, content: bytes) -> tuple[list[Line], Log]:
    path.write_bytes(content)
    with Log(str(path)) as log:
        return list(log.lines()), log


@pytest.mark.parametrize("compression", COMPRESSIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary().map(lambda some: b"first line" + some))
def test_lines_and_places_are_those_of_the_uncompressed_content(
    tmp_path: Path, compression: str, content: bytes
) -> None:
    lines, log = read(tmp_path / "log", COMPRESSIONS[compression](content))
    assert (log.compression, log.damage) == (compression, "")
    assert b"\n".join(line.content for line in lines) + (b"\n" if lines[-1].ended else b"") == content
    assert [line.offset for line in lines] == [
        sum(len(line.content) + 1 for line in lines[:number]) for number in range(len(lines))
    ]


@pytest.mark.parametrize("compression", [name for name in COMPRESSIONS if name])
def test_parts_that_were_compressed_one_by_one_are_one_content(tmp_path: Path, compression: str) -> None:
    compress = COMPRESSIONS[compression]
    lines, log = read(tmp_path / "log", compress(b"one\ntw") + compress(b"o\nthree\n"))
    assert [(line.offset, line.content) for line in lines] == [(0, b"one"), (4, b"two"), (8, b"three")]
    assert log.damage == ""


@pytest.mark.parametrize("compression", [name for name in COMPRESSIONS if name])
def test_of_what_is_cut_short_the_beginning_is_read_and_the_rest_is_told(
    tmp_path: Path, compression: str
) -> None:
    content = b"".join(b"%d is the number of this line\n" % number for number in range(100_000))
    whole = COMPRESSIONS[compression](content)
    lines, log = read(tmp_path / "log", whole[: len(whole) // 2])
    assert all(line.content == b"%d is the number of this line" % at for at, line in enumerate(lines[:-1]))
    assert log.damage.startswith(f"{tmp_path / 'log'} is damaged or cut short: ")


def test_a_line_without_end_has_its_beginning_read_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tmon.agents.logs.lines.MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(reading, "CHUNK", 300)
    lines, _ = read(tmp_path / "log", b"x" * 5_000 + b"\nshort\n" + b"y" * 1_100)
    assert [(line.offset, len(line.content), line.ended) for line in lines] == [
        (0, 1000, True),
        (5001, 5, True),
        (5007, 1000, False),
    ]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="nothing can't be read: No such file or directory"):
        Log(str(tmp_path / "nothing"))
    with pytest.raises(Unreadable, match="it is a folder; name the files in it"):
        Log(str(tmp_path))


def test_an_empty_log_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path / "log", b"")[0] == []
