# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of a rule: patterns of objects, sources, the entry's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.modules import patterns
from tmon.server.modules.patterns import Wrong
from tmon.server.sessions import object_of


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("/modules/{object}", "/modules/{object}"),
        ("//modules//{object}/", "/modules/{object}"),
        ("/{object}", "/{object}"),
        ("/uploads/*/{object}/content", "/uploads/*/{object}/content"),
        ("/my%20courses/{object}", "/my courses/{object}"),
        ("/modules/%7Bobject%7D", "/modules/{object}"),
        ("/Kurse für alle/{object}", "/Kurse für alle/{object}"),
    ],
)
def test_a_pattern_is_kept_in_its_shortest_form(written: str, kept: str) -> None:
    assert patterns.pattern(written) == kept


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("modules/{object}", "does not begin with a stroke"),
        ("https://shop.example/modules/{object}", "does not begin with a stroke"),
        ("/modules", "has to say {object} once"),
        ("/{object}/{object}", "has to say {object} once"),
        ("/modules/{object}.html", "has braces"),
        ("/modules/{slug}/{object}", "has braces"),
        ("/mod*/{object}", "within a name"),
        ("/modules/{object}?page=1", "has a ? or a #"),
        ("/modules/{object}#top", "has a ? or a #"),
        ("/a%2Fb/{object}", "characters that no name of a folder has"),
        ("/a%00b/{object}", "characters that no name of a folder has"),
        ("/a\x07b/{object}", "characters that no name of a folder has"),
        ("/a%20/{object}", "characters that no name of a folder has"),
        ("/%2541/{object}", "characters that no name of a folder has"),
        ("/" + "x" * 200 + "/{object}", "at most 200 characters"),
    ],
)
def test_what_is_no_pattern_is_said_with_what_to_write(written: str, why: str) -> None:
    with pytest.raises(Wrong) as raised:
        patterns.pattern(written)
    assert why in str(raised.value)
    assert len(str(raised.value)) < 250
    assert str(raised.value).isprintable()


def test_patterns_are_lines() -> None:
    assert patterns.patterns(" /a/{object}\r\n\r\n/b/{object}\n/a//{object}/\n") == (
        "/a/{object}",
        "/b/{object}",
    )
    assert patterns.patterns(" \n ") == ()
    with pytest.raises(Wrong, match="there can be 20 patterns, not 21"):
        patterns.patterns("\n".join(f"/{number}/{{object}}" for number in range(21)))


def test_sources_are_lines() -> None:
    assert patterns.sources("web-1\n web-2 \nweb-1") == ("web-1", "web-2")
    with pytest.raises(Wrong, match="there can be 50 sources, not 51"):
        patterns.sources("\n".join(map(str, range(51))))
    with pytest.raises(Wrong, match="at most 200 characters"):
        patterns.sources("x" * 201)
    with pytest.raises(Wrong, match="can't be seen"):
        patterns.sources("web\0one")


def test_an_entry_is_the_name_of_a_file() -> None:
    assert patterns.entry(" index.html ") == "index.html"
    assert patterns.entry("") == ""
    for wrong in ("a/index.html", "index.html?x", "index\0", "x" * 101):
        with pytest.raises(Wrong):
            patterns.entry(wrong)


FOLDER = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/?#{}*%"), min_size=1
).filter(lambda text: text == text.strip())


@given(st.lists(FOLDER, max_size=4), FOLDER, st.lists(FOLDER, max_size=2))
def test_a_pattern_that_is_taken_finds_its_object_and_stays_as_it_is(
    before: list[str], what: str, after: list[str]
) -> None:
    line = "/" + "/".join([*before, "{object}", *after])
    if len(line) > 200:
        return
    kept = patterns.pattern(line)
    assert patterns.pattern(kept) == kept
    assert patterns.patterns(kept) == (kept,)
    path = "/" + "/".join([*before, what, *after, "index.html"])
    assert object_of((kept,), path) == what


@given(st.text())
def test_any_text_is_patterns_or_wrong(text: str) -> None:
    try:
        kept = patterns.patterns(text)
    except Wrong:
        return
    assert patterns.patterns("\n".join(kept)) == kept
