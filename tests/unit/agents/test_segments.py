# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams told from a log's content: the same for as long as what stands before stays the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tmon.agents.logs.segments import Segments

LINES = st.lists(st.binary().map(lambda line: line.replace(b"\n", b"")))


def streams(lines: list[bytes]) -> list[str]:
    segments = Segments()
    return [segments.stream_of(line) for line in lines]


def test_segments_begin_with_lines_1_2_3_5_9_and_17() -> None:
    found = streams([b"%d" % number for number in range(1, 41)])
    begins = [number for number in range(1, 41) if number == 1 or found[number - 1] != found[number - 2]]
    assert begins == [1, 2, 3, 5, 9, 17]


def test_a_stream_is_a_fingerprint_that_never_changes() -> None:
    # printf 'a\nb\nc\n' | sha256sum
    assert streams([b"a", b"b", b"c", b"d"]) == [
        "log:87428fc522803d31065e7bce3cf03fe4",
        "log:911169ddaaf146aff539f58c26c489af",
        "log:880553fca8fcea94e325ee2cfb48e5a9",
        "log:880553fca8fcea94e325ee2cfb48e5a9",
    ]


@given(LINES, LINES)
def test_what_a_file_grows_by_changes_no_stream(lines: list[bytes], more: list[bytes]) -> None:
    assert streams(lines + more)[: len(lines)] == streams(lines)


@given(LINES, st.binary().map(lambda line: line.replace(b"\n", b"")), LINES)
def test_files_share_streams_only_as_far_as_they_are_alike(
    common: list[bytes], other: bytes, more: list[bytes]
) -> None:
    one, two = [*common, b"x" + other, *more], [*common, b"y" + other, *more]
    first_17 = min(len(common), 16)
    shared = [this == that for this, that in zip(streams(one), streams(two), strict=True)]
    assert all(shared[: len(common)])
    if len(common) == first_17 and first_17 + 1 in {1, 2, 3, 5, 9, 17}:
        assert not any(shared[len(common) :])
