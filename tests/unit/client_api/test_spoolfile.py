# SPDX-License-Identifier: GPL-3.0-or-later
"""A spool file gives back what was put in, in order, whatever was cut off its end, and to one owner at a time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api.parcel import Parcel
from tmon.client_api.spoolfile import SpoolFile, Taken, room_for

HEADER_BYTES = 20
RECORD_BYTES = 20


def parcel(number: int, size: int = 40) -> Parcel:
    return Parcel(bytes([number % 256]) * size, number, 1_795_341_600.25)


def rest(file: SpoolFile) -> list[Parcel]:
    """Everything that is still in the file, which is done with it."""
    found = []
    while (head := file.head()) is not None:
        found.append(head)
        file.replace(())
    return found


def test_parcels_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    for number in range(3):
        file.append(parcel(number))
    assert rest(file) == [parcel(0), parcel(1), parcel(2)]


def test_a_file_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    earlier = os.umask(0)
    try:
        SpoolFile.create(tmp_path / "a.spool").append(parcel(1))
    finally:
        os.umask(earlier)
    assert stat.S_IMODE((tmp_path / "a.spool").stat().st_mode) == 0o600


def test_what_was_not_done_is_there_for_the_next_owner(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    for number in range(4):
        file.append(parcel(number))
    file.replace(())
    file.forsake()
    assert rest(SpoolFile.adopt(tmp_path / "a.spool")) == [parcel(1), parcel(2), parcel(3)]


def test_a_file_that_is_done_is_deleted_when_it_is_closed(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    file.append(parcel(1))
    file.close()
    assert (tmp_path / "a.spool").exists()
    again = SpoolFile.adopt(tmp_path / "a.spool")
    again.replace(())
    again.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_gives_its_bytes_back_once_everything_is_done(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    for number in range(4):
        file.append(parcel(number))
    assert file.size == HEADER_BYTES + 4 * (RECORD_BYTES + 40) == (tmp_path / "a.spool").stat().st_size
    rest(file)
    assert file.size == HEADER_BYTES == (tmp_path / "a.spool").stat().st_size


def test_a_file_can_be_shrunk_to_what_is_still_to_be_sent(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    for number in range(4):
        file.append(parcel(number, 2_000_000))
    file.replace(())
    assert file.wasted == room_for(parcel(0, 2_000_000)) == 2_000_020
    file.shrink()
    file.append(parcel(9))
    assert (file.wasted, file.size) == (0, HEADER_BYTES + 3 * 2_000_020 + 60)
    assert [one.events for one in rest(file)] == [1, 2, 3, 9]
    assert [one.name for one in tmp_path.iterdir()] == ["a.spool"]


def test_a_head_is_replaced_by_others_in_its_place(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    file.append(parcel(1))
    file.append(parcel(2))
    file.replace([parcel(11), parcel(12)])
    file.forsake()
    assert rest(SpoolFile.adopt(tmp_path / "a.spool")) == [parcel(11), parcel(12), parcel(2)]


@pytest.mark.parametrize("cut", [1, 39, 40, 41, 59])
def test_a_record_that_was_cut_short_ends_the_file(tmp_path: Path, cut: int) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    file.append(parcel(1))
    file.append(parcel(2))
    os.truncate(tmp_path / "a.spool", file.size - cut)
    file.forsake()
    again = SpoolFile.adopt(tmp_path / "a.spool")
    again.append(parcel(3))
    assert rest(again) == [parcel(1), parcel(3)]


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    for number in range(3):
        file.append(parcel(number))
    with (tmp_path / "a.spool").open("r+b") as raw:
        raw.seek(HEADER_BYTES + 60 + RECORD_BYTES + 7)
        raw.write(b"\xff")
    assert rest(file) == [parcel(0), parcel(2)]


def test_with_a_damaged_header_everything_is_sent_again(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    for number in range(3):
        file.append(parcel(number))
    file.replace(())
    file.forsake()
    with (tmp_path / "a.spool").open("r+b") as raw:
        raw.seek(15)
        raw.write(b"\xff")
    assert rest(SpoolFile.adopt(tmp_path / "a.spool")) == [parcel(0), parcel(1), parcel(2)]


@pytest.mark.parametrize("content", [b"", b"TMON", b"TMONSPL1", b"TMONSPL1" + b"\x00" * 12])
def test_a_file_that_was_never_finished_is_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.spool").write_bytes(content)
    file = SpoolFile.adopt(tmp_path / "a.spool")
    assert file.head() is None
    file.close()
    assert list(tmp_path.iterdir()) == []


@given(st.binary(max_size=300))
def test_no_content_whatever_breaks_the_reading(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("spool") / "a.spool"
    path.write_bytes(b"TMONSPL1" + content)
    file = SpoolFile.adopt(path)
    rest(file)
    file.close()


@given(st.lists(st.sampled_from(["add", "done", "cut", "shrink", "again"]), max_size=40))
def test_a_file_always_holds_what_was_added_and_is_not_done(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "a.spool"
    file = SpoolFile.create(path)
    expected: list[Parcel] = []
    for number, act in enumerate(acts):
        if act == "add":
            file.append(parcel(number, 10 + number))
            expected.append(parcel(number, 10 + number))
        elif act == "shrink":
            file.shrink()
        elif act == "again":
            file.forsake()
            file = SpoolFile.adopt(path)
        elif expected and file.head() is not None:
            cut = [parcel(number, 3), parcel(number, 4)] if act == "cut" else []
            file.replace(cut)
            expected[:1] = cut
        assert file.head() == (expected[0] if expected else None)
        assert len(file) == len(expected)
    file.forsake()
    assert rest(SpoolFile.adopt(path)) == expected


# --- one owner at a time


def test_nobody_adopts_a_file_that_its_process_still_has(tmp_path: Path) -> None:
    file = SpoolFile.create(tmp_path / "a.spool")
    file.append(parcel(1))
    with pytest.raises(Taken):
        SpoolFile.adopt(tmp_path / "a.spool")
    file.shrink()
    with pytest.raises(Taken):
        SpoolFile.adopt(tmp_path / "a.spool")


def test_another_process_cannot_adopt_it_either_until_the_owner_is_gone(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from tmon.client_api.spoolfile import SpoolFile, Taken
try:
    print(len(SpoolFile.adopt(Path({str(tmp_path / "a.spool")!r}))))
except Taken:
    print("taken")
"""

    def adopting() -> str:
        return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    file = SpoolFile.create(tmp_path / "a.spool")
    file.append(parcel(1))
    assert adopting() == "taken\n"
    file.forsake()
    assert adopting() == "1\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    SpoolFile.create(tmp_path / "elsewhere").forsake()
    (tmp_path / "a.spool").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        SpoolFile.adopt(tmp_path / "a.spool")


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.spool").write_bytes(b"somebody's notes, which are not ours")
    with pytest.raises(Taken, match="another kind"):
        SpoolFile.adopt(tmp_path / "a.spool")
    os.mkfifo(tmp_path / "b.spool")
    with pytest.raises(Taken, match="no file of this user"):
        SpoolFile.adopt(tmp_path / "b.spool")
