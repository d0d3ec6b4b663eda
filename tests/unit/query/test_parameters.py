# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters and filters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.catalogue import View
from tmon.server.query.errors import BadQuestion
from tmon.server.query.filters import parse_filter, parse_filters
from tmon.server.query.parameters import COUNTED, PERIOD, RANKED, Parameters, limited, number, read
from tmon.server.store.base import Filter

COUNTRY = View(name="country", title="Countries", field="country")
URL = View(name="url", title="Pages", field="url")
VIEWS = {"country": COUNTRY, "url": URL}


def test_parameters_are_read_by_name() -> None:
    given = {
        "from": ["-7d"],
        "to": ["now"],
        "filter": ["country:DE", "url:/"],
        "format": ["json"],
        "limit": ["5"],
    }
    assert read(given, PERIOD | {"limit"}) == Parameters(
        since="-7d", until="now", limit=5, filters=("country:DE", "url:/")
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"form": ["-7d"]}, "no parameter 'form' here; there are filter, format, from, limit, to"),
        ({"after": ["3"]}, "no parameter 'after'"),
        ({"from": ["-7d", "-8d"]}, "from is given 2 times"),
        ({"compare": ["previous"]}, "no parameter 'compare'"),
        ({"format": ["xml"]}, "there is no format 'xml'; there are json, csv"),
        ({"format": [""]}, "there is no format ''"),
        ({"limit": ["0"]}, "limit is a whole number"),
        ({"limit": [""]}, "limit is a whole number"),
        ({"limit": ["ten"]}, "limit is a whole number"),
        ({"limit": ["+7"]}, "limit is a whole number"),
        ({"limit": ["1" * 5000]}, "limit is a whole number"),
        ({"x" * 1000: ["1"]}, "…"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(given: dict[str, list[str]], says: str) -> None:
    with pytest.raises(BadQuestion) as caught:
        read(given, PERIOD | {"limit"})
    assert says in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_comparison_is_with_the_previous_period() -> None:
    assert read({"compare": ["previous"]}, COUNTED) == Parameters(compare=True)
    assert read({}, COUNTED) == Parameters(compare=False)
    for text in ("", "next", "Previous"):
        with pytest.raises(BadQuestion, match="compare is previous, not"):
            read({"compare": [text]}, COUNTED)


def test_after_reaches_to_64_bits() -> None:
    assert number("after", "9223372036854775807", 0, 2**63 - 1) == 9223372036854775807
    with pytest.raises(BadQuestion):
        number("after", "9223372036854775808", 0, 2**63 - 1)


def test_a_limit_has_a_default_and_a_bound() -> None:
    assert limited(None, 10, 10_000) == 10
    assert limited(10_000, 10, 10_000) == 10_000
    with pytest.raises(BadQuestion, match="at most 10000"):
        limited(10_001, 10, 10_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country:DE", Filter(COUNTRY, "DE")),
        ("country:", Filter(COUNTRY, "")),
        ("!country:DE", Filter(COUNTRY, "DE", negated=True)),
        ("country:!DE", Filter(COUNTRY, "DE", negated=True)),
        ("!country:!DE", Filter(COUNTRY, "DE", negated=False)),
        ("url:/a:b", Filter(URL, "/a:b")),
        ("url:/blog/*", Filter(URL, "/blog/*")),
        ("url:/**/***", Filter(URL, "/*/*")),
        ("url:100%25", Filter(URL, "100%25")),
        (r"url:\!a!b\!c", Filter(URL, "!a!b!c")),
        (r"url:!\!a", Filter(URL, "!a", negated=True)),
        (r"!url:\!", Filter(URL, "!", negated=True)),
        (r"url:\***\*", Filter(URL, r"\**\*")),
        (r"url:a\\*", Filter(URL, r"a\\*")),
        (r"url:c:\d", Filter(URL, r"c:\d")),
    ],
)
def test_a_filter_is_a_view_and_a_pattern(text: str, expected: Filter) -> None:
    assert parse_filter(text, VIEWS) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not of the form"),
        ("country", "not of the form"),
        ("browser:Firefox", "there is no view 'browser'; there are country, url"),
        (":DE", "there is no view ''"),
        ("url:" + "x" * 1025, "at most 1024"),
        ("url:" + "*a" * 9, "more than 8 stars"),
    ],
)
def test_a_filter_that_is_wrong_is_explained(text: str, says: str) -> None:
    with pytest.raises(BadQuestion) as caught:
        parse_filter(text, VIEWS)
    assert says in str(caught.value)


def test_a_page_of_a_ranking_is_asked_for_by_its_parameters() -> None:
    asked = read({"offset": ["50"], "search": ["Shop"], "sort": ["bytes"]}, RANKED)
    assert (asked.offset, asked.search, asked.sort) == (50, "Shop", "bytes")
    for wrong, says in [
        ({"sort": ["share"]}, "sort is one of requests, visitors, bots, errors, duration_ms, bytes, key"),
        ({"offset": ["-1"]}, "offset is a whole number from 0"),
        ({"search": ["x" * 1025]}, "search is at most 1024 characters"),
        ({"sort": ["key", "key"]}, "sort is given 2 times"),
    ]:
        with pytest.raises(BadQuestion, match=says):
            read(wrong, RANKED)


def test_filters_are_bounded_and_the_same_one_counts_once() -> None:
    assert parse_filters(["country:DE", "country:DE"], VIEWS) == (Filter(COUNTRY, "DE"),)
    with pytest.raises(BadQuestion, match="at most 16"):
        parse_filters([f"country:{n}" for n in range(17)], VIEWS)


@given(st.text(max_size=1024))
def test_every_key_can_be_filtered_by_exactly(key: str) -> None:
    escaped = re.sub(r"[*!\\]", r"\\\g<0>", key)
    assert parse_filter(f"url:{escaped}", VIEWS).literals == [key]
    assert parse_filter(f"!url:{escaped}", VIEWS).negated is True


def test_what_is_escaped_counts_once() -> None:
    assert parse_filter("url:" + r"\*" * 1024, VIEWS).literals == ["*" * 1024]
    with pytest.raises(BadQuestion, match="is 1025 characters long"):
        parse_filter("url:" + r"\*" * 1025, VIEWS)


@given(st.text())
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        found = parse_filter(text, VIEWS)
    except BadQuestion:
        return
    assert found.view in VIEWS.values()
    assert "**" not in found.pattern
