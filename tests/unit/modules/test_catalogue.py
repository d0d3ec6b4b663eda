# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue without its tables: files that round-trip, matching, and scans of hostile folders."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from tmon.server.modules import scanning
from tmon.server.modules.entries import MOST_BYTES, Entry, WrongEntry, as_csv, as_json, entry_of, read
from tmon.server.modules.matching import Catalogue, key_of
from tmon.server.modules.scanning import scan
from tmon.server.query.tables import harmless

text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40).map(str.strip)
words = text.map(lambda one: one.replace(";", "").strip()).filter(bool)
entries = st.builds(
    Entry,
    slug=text.filter(bool),
    name=text,
    description=text,
    language=text.map(lambda one: one[:35].strip()),
    categories=st.lists(
        text.map(lambda one: one.replace(";", "").strip()).filter(bool), max_size=3, unique=True
    ).map(tuple),
    url=st.sampled_from(["", "/a/b", "https://a.example/x"]),
)


@given(st.lists(entries, max_size=8, unique_by=lambda entry: entry.slug))
def test_what_is_written_is_read_again(given_: list[Entry]) -> None:
    assert read(as_json(given_).encode()) == given_
    assert read(as_csv(given_).encode()) == given_


def test_no_cell_is_a_formula() -> None:
    written = as_csv([Entry(slug="=1+1", name="@x", description="'-y", categories=("+z",))])
    assert "'=1+1,'@x,''-y,,'+z" in written
    assert read(written.encode())[0].slug == "=1+1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "not UTF-8"),
        (b"", "the first row names the columns"),
        (b"name\nx\n", "the first row names the columns"),
        (b"slug,name\n,x\n", "row 2: slug is missing"),
        (b"slug\na\na\n", "row 3: slug .a. is there twice"),
        (b"slug\na,b\n", "row 2 has more columns"),
        (b'slug\n"a\n', "this is not CSV"),
        (b"slug,name,slug\na,b,c\n", "the first row names a column twice"),
        (b"slug,name\na\n,x\na\n", "^row 3: slug is missing: .*; row 4: slug .a. is there twice$"),
        (b"slug,colour\na,red\n", "row 2: there is no .colour."),
        (b"[1]", "row 1 is no object"),
        (b"[" * 100_000, "this is not JSON"),
        (b'{"a": 1}', "JSON is a list"),
        (b'[{"slug": 7}]', "row 1: slug is a text"),
        (b'[{"slug": "a", "url": "javascript:alert(1)"}]', "row 1: url is an address that begins with"),
        (b'[{"slug": "a", "logo": "//evil.example/x"}]', "row 1: logo is an address that begins with"),
        (b'[{"slug": "a", "url": "http://["}]', "row 1: url: .* is no address"),
        (b'[{"slug": "a", "categories": [1]}]', "row 1: categories are texts"),
        (b'[{"slug": "' + b"a" * 201 + b'"}]', "row 1: slug has at most 200 characters"),
        (b'[{"slug": "a\\u0000"}]', "row 1: slug has characters that can't be seen"),
        (b"slug\n" + b"".join(b"m%d\n" % n for n in range(10_001)), "at most 10,000"),
        (b"slug\n" + b"a" * MOST_BYTES, "more than 2 MB"),
    ],
)
def test_a_file_that_makes_no_sense_says_why_and_where(content: bytes, said: str) -> None:
    with pytest.raises(WrongEntry, match=said):
        read(content)


def test_of_very_many_rows_that_are_wrong_the_first_are_named_and_the_rest_counted() -> None:
    with pytest.raises(WrongEntry) as raised:
        read(b"slug,name\n" + b",x\n" * 1_500)
    assert str(raised.value).startswith("row 2: slug is missing: the name of its folder")
    assert str(raised.value).endswith("as requests have it; and 1,490 more")
    assert "row 11: " in str(raised.value)
    assert "row 12: " not in str(raised.value)


def test_a_description_has_lines_and_nothing_that_can_not_be_seen() -> None:
    given_ = {"slug": "a", "description": " one\r\ntwo\rthree\tfour\n"}
    assert entry_of(given_).description == "one\ntwo\nthree four"
    with pytest.raises(WrongEntry, match="description has characters"):
        entry_of({"slug": "a", "description": "\x1b[31m"})


def test_what_the_api_answers_can_be_imported() -> None:
    entry = entry_of({"slug": "a", "name": "A", "categories": "x; y"})
    answer = {"status_code": 200, "results": json.loads(as_json([entry]))}
    assert read(json.dumps(answer).encode()) == [entry]


def catalogue(*slugs: str, **urls: str) -> Catalogue:
    return Catalogue([Entry(slug=slug, name=slug.title(), url=urls.get(slug, "")) for slug in slugs])


@pytest.mark.parametrize(
    ("object_", "slug"),
    [
        ("algebra", "algebra"),
        ("ALGEBRA", "algebra"),
        ("acids_and bases", "acids-and-bases"),
        ("Acids, and bases!", "acids-and-bases"),
        ("cdn_math", "mathematics"),
        ("alg", "algebra"),
        ("al", None),
        ("aci", None),
        ("", None),
        ("—", None),
        ("history", None),
    ],
)
def test_an_object_is_found_by_slug_address_or_a_beginning_that_is_the_only_one(
    object_: str, slug: str | None
) -> None:
    known = catalogue(
        "algebra",
        "acids-and-bases",
        "acids",
        "mathematics",
        mathematics="/uploads/modules/1712345678_x/cdn_math/index.html",
    )
    found = known.find(object_)
    assert (found and found.slug) == slug


def test_an_accent_is_of_its_letter_however_the_file_system_writes_it() -> None:
    found = catalogue("Caf\u00e9").find("cafe\u0301")
    assert found is not None
    assert found.slug == "Caf\u00e9"


def test_a_folder_around_several_modules_is_none_of_them() -> None:
    known = catalogue(
        "algebra",
        "mathematics",
        algebra="/uploads/modules/1712345678_x/algebra/index.html",
        mathematics="/uploads/modules/1712345678_x/cdn_math/index.html",
    )
    for around in ("uploads", "modules", "1712345678_x"):
        assert known.find(around) is None
    found = known.find("cdn_math")
    assert found is not None
    assert found.slug == "mathematics"


@given(text)
def test_a_spreadsheet_is_told_of_formulas_as_in_every_other_table(name: str) -> None:
    entry = Entry(slug="a", name=name)
    row = list(csv.reader(io.StringIO(as_csv([entry]), newline="")))[1]
    assert row[1] == harmless(name)
    assert read(as_csv([entry]).encode())[0].name == name


@pytest.mark.parametrize("name", ["\uff1dSUM(A1)", "'=1", "''\uff20x", "\uff0b1", "\uff0d1"])
def test_wide_signs_begin_formulas_too(name: str) -> None:
    written = as_csv([Entry(slug="a", name=name)])
    assert f",'{name}," in written
    assert read(written.encode())[0].name == name


@given(st.lists(text.filter(bool), max_size=20, unique=True), text, st.randoms(use_true_random=False))
def test_the_order_of_entries_decides_nothing(slugs: list[str], object_: str, random: Any) -> None:
    one = catalogue(*slugs).find(object_)
    random.shuffle(slugs)
    assert catalogue(*slugs).find(object_) == one
    for slug in slugs:
        found = catalogue(*slugs).find(slug)
        assert found is None if not key_of(slug) else found is not None and key_of(found.slug) == key_of(slug)


def page(folder: Path, title: str = "", lang: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(f"<!doctype html><html lang='{lang}'><title>{title}</title><body>x")


def test_the_newest_build_wins_and_a_folder_without_a_build_counts_too(tmp_path: Path) -> None:
    page(tmp_path / "1700000000_old" / "math", "Old")
    page(tmp_path / "1800000000_new" / "math", "  Math &amp;\n more ", "en")
    page(tmp_path / "1700000000_old" / "art", "Art")
    page(tmp_path / "plain", "Plain", "de")
    (tmp_path / "empty").mkdir()
    page(tmp_path / ".hidden", "Hidden")
    found = scan(tmp_path)
    assert found.problems == []
    assert [(one.slug, one.name, one.language, one.url) for one in found.entries] == [
        ("art", "Art", "", "/uploads/modules/1700000000_old/art/index.html"),
        ("math", "Math & more", "en", "/uploads/modules/1800000000_new/math/index.html"),
        ("plain", "Plain", "de", "/modules/plain/index.html"),
    ]


def test_builds_are_compared_as_numbers(tmp_path: Path) -> None:
    page(tmp_path / "9999999999_old" / "math", "Old")
    page(tmp_path / "10000000000_new" / "math", "New")
    assert [one.name for one in scan(tmp_path).entries] == ["New"]


def test_hostile_folders_do_no_harm(tmp_path: Path) -> None:
    root = tmp_path / "root"
    page(root / "fine", "<b>x</b>")
    page(tmp_path / "outside", "Secret")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root / "loop")
    (root / "fifo").mkdir()
    os.mkfifo(root / "fifo" / "index.html")
    (root / "binary").mkdir()
    (root / "binary" / "index.html").write_bytes(b"\x00\xff<title>\xfe" + b"a" * 10**6)
    page(root / ("long" * 60), "Long")
    (root / "marked").mkdir()
    (root / "marked" / "index.html").write_text(
        "<html lang=de><title>Marked</title><![weird[x]]><title>no</title>"
    )
    (root / "1800000000_away").symlink_to(tmp_path)
    page(root / "coloured", "Red\x1b[31m\x9b text", "d\x07e")
    page(root / "clear\x1b[2J", "Clears the screen")
    page(root / os.fsdecode(b"odd\xff"), "Odd")
    (root / "folder" / "index.html").mkdir(parents=True)
    found = scan(root)
    assert [(one.slug, one.name, one.language) for one in found.entries] == [
        ("binary", "\N{REPLACEMENT CHARACTER}" + "a" * 199, ""),
        ("coloured", "Red [31m text", "d e"),
        ("fine", "x", ""),
        ("marked", "Marked", "de"),
    ]
    assert len(found.problems) == 5
    assert f"{root}/1800000000_away: leads out of {root}" in found.problems  # and nothing of what is in there
    assert f"{root}/link/index.html: leads out of {root}" in found.problems
    assert not any("outside" in one for one in found.problems)
    assert all(one.isprintable() for one in found.problems)
    with pytest.raises(OSError, match="nowhere"):
        scan(tmp_path / "nowhere")


def test_an_address_that_is_found_can_be_followed(tmp_path: Path) -> None:
    page(tmp_path / "a?b#c d%41é", "Odd")
    (found,) = scan(tmp_path).entries
    assert found.url == "/modules/a%3Fb%23c%20d%2541%C3%A9/index.html"
    assert Catalogue([found]).find("a?b#c d%41é") == found


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user can get at, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize("below", ["", "math"])
def test_a_folder_that_can_not_be_read_is_said_and_the_others_are_found(open_path: Path, below: str) -> None:
    page(open_path / "1800000000_new" / "math", "New")
    page(open_path / "1700000000_old" / "math", "Old")
    page(open_path / "art", "Art")
    closed = open_path / "1800000000_new" / below
    closed.chmod(0)
    root = os.geteuid() == 0
    if root:  # who may read everything
        os.seteuid(65534)
    try:
        found = scan(open_path)
        with pytest.raises(OSError, match="Permission denied"):
            scan(closed)
    finally:
        if root:
            os.seteuid(0)
        closed.chmod(0o755)
    assert [(one.slug, one.name) for one in found.entries] == [("art", "Art"), ("math", "Old")]
    (problem,) = found.problems
    assert problem.startswith(str(closed).rstrip("/"))
    assert problem.endswith("Permission denied")


def test_a_scan_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        page(tmp_path / f"m{number}")
    monkeypatch.setattr(scanning, "MOST_ENTRIES", 3)
    found = scan(tmp_path)
    assert [one.slug for one in found.entries] == ["m0", "m1", "m2"]
    assert found.problems == [f"{tmp_path}: no more than 3 modules in 100,000 folders are looked for"]
    monkeypatch.setattr(scanning, "MOST_ENTRIES", 100)
    monkeypatch.setattr(scanning, "MOST_FOLDERS", 5)
    assert len(scan(tmp_path).entries) == 5
    monkeypatch.setattr(scanning, "MOST_FOLDERS", 100)
    monkeypatch.setattr(scanning, "MOST_PROBLEMS", 2)
    for number in range(8):
        (tmp_path / f"m{number}" / "index.html").unlink()
        (tmp_path / f"m{number}" / "index.html").symlink_to("/etc/passwd")
    told = scan(tmp_path).problems
    assert len(told) == 3
    assert told[2] == "and 6 more"


PARTS = st.sampled_from(
    ["<title>", "</title>", "<html lang='", "'", '"', "<!--", "-->", "<![CDATA[", "]]>", "<?", "<!DOCTYPE", "<", ">",
     "&#x1b;", "&amp", "\x00", "\u202e", "word", " ", "<script>", "</"]
)  # fmt: skip


@given(
    st.one_of(st.binary(max_size=300), st.lists(PARTS, max_size=30).map(lambda all_: "".join(all_).encode()))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_in_a_page_it_is_a_module(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "any").mkdir(exist_ok=True)
    (tmp_path / "any" / "index.html").write_bytes(content)
    found = scan(tmp_path)
    assert found.problems == []
    assert [one.slug for one in found.entries] == ["any"]
    assert not scanning.has_controls(found.entries[0].name)
