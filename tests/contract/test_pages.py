# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of a view's keys: sought, sorted, and from anywhere in the order; whatever is not shown is in the remainder."""

from __future__ import annotations

import pytest
from tests.contract.build import COUNTRY, PAGE, TODAY, by_name, envelope, event, ms, period

from tmon.server.store import Filter, Limits, Measures, Page, Period, Store
from tmon.server.store.base import Listing

from .conftest import OpenStore

ANY = Filter(COUNTRY, "*")
FILTERED = period("2026-11-22T23:00", "2026-11-23T23:00", "day", ANY)
PERIODS = pytest.mark.parametrize("asked", [TODAY, FILTERED], ids=["counts", "events"])


@pytest.fixture
def roomy(open_with: OpenStore) -> Store:
    """An empty store that keeps every key of these tests."""
    return open_with(Limits())


@pytest.fixture
def filled(roomy: Store) -> Store:
    """Requests of five pages, whose measures each have an order of their own."""
    store = roomy
    store.sync_views(by_name(PAGE))
    store.append(
        [
            envelope(
                *(event(path="/Shop", visitor=1, bytes=1) for _ in range(4)),
                *(event(path="/shop/b", visitor=n, duration_us=9_000) for n in (2, 3, 4)),
                *(event(path="/blog", bot=True, bytes=500, duration_us=n) for n in (4_000, 6_000)),
                event(path="/a", status=500, duration_us=7_000),
                event(path="", status=503, bytes=40),
            )
        ]
    )
    store.settle()
    return store


def keys(listing: Listing) -> list[str]:
    return [key for key, _ in listing.rows]


@PERIODS
def test_pages_go_through_all_keys_and_the_rest_is_in_the_remainder(filled: Store, asked: Period) -> None:
    assert filled.page("url", asked, Page(2)) == (
        [("/Shop", Measures(4, 1, bytes=4)), ("/shop/b", Measures(3, 3, 0, 0, 27_000, 3))],
        Measures(4, 0, 2, 2, 17_000, 3, 1040),
        5,
    )
    assert filled.page("url", asked, Page(2, 2)) == (
        [("/blog", Measures(2, 0, 2, 0, 10_000, 2, 1000)), ("", Measures(1, 0, 0, 1, 0, 0, 40))],
        Measures(8, 4, 0, 1, 34_000, 4, 4),
        5,
    )
    assert keys(filled.page("url", asked, Page(2, 4))) == ["/a"]
    assert filled.page("url", asked, Page(2, 5)) == ([], Measures(11, 4, 2, 2, 44_000, 6, 1044), 5)
    assert filled.page("url", asked, Page(9)).other is None


@PERIODS
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("shop", ["/Shop", "/shop/b"]),
        ("SHOP/", ["/shop/b"]),
        ("b", ["/shop/b", "/blog"]),
        ("*", []),
        ("%", []),
        ("_", []),
        ("/", ["/Shop", "/shop/b", "/blog", "/a"]),
    ],
)
def test_a_search_finds_what_keys_contain_whatever_the_case(
    filled: Store, asked: Period, search: str, found: list[str]
) -> None:
    listing = filled.page("url", asked, Page(9, search=search))
    assert keys(listing) == found
    assert listing.keys == len(found)
    shown = sum(measures.requests for _, measures in listing.rows)
    assert shown + (listing.other.requests if listing.other else 0) == 11


@PERIODS
def test_case_is_ignored_in_every_script(roomy: Store, asked: Period) -> None:
    store = roomy
    store.sync_views(by_name(PAGE))
    store.append(
        [envelope(*(event(path=path) for path in ("/Straße", "/STRASSE", "/ΣΊΣΥΦΟΣ", "/İ", "/𐐀", "/\n[?]")))]
    )
    store.settle()
    for search, found in [
        ("strasse", ["/STRASSE", "/Straße"]),
        ("STRAßE", ["/STRASSE", "/Straße"]),
        ("σίσυφος", ["/ΣΊΣΥΦΟΣ"]),
        ("𐐨", ["/𐐀"]),
        ("\n[?]", ["/\n[?]"]),
    ]:
        assert keys(store.page("url", asked, Page(9, search=search))) == found


@PERIODS
@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("requests", ["/Shop", "/shop/b", "/blog", "", "/a"]),
        ("visitors", ["/shop/b", "/Shop", "", "/a", "/blog"]),
        ("bots", ["/blog", "", "/Shop", "/a", "/shop/b"]),
        ("errors", ["", "/a", "/Shop", "/blog", "/shop/b"]),
        ("duration_ms", ["/shop/b", "/a", "/blog", "", "/Shop"]),
        ("bytes", ["/blog", "", "/Shop", "/a", "/shop/b"]),
        ("key", ["", "/Shop", "/a", "/blog", "/shop/b"]),
    ],
)
def test_keys_are_sorted_by_any_measure_and_ties_by_key(
    filled: Store, asked: Period, sort: str, found: list[str]
) -> None:
    assert keys(filled.page("url", asked, Page(9, sort=sort))) == found  # type: ignore[arg-type]
    assert keys(filled.page("url", asked, Page(2, 1, sort=sort))) == found[1:3]  # type: ignore[arg-type]


def test_what_is_no_longer_kept_by_key_is_in_the_remainder_only(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    store.append([envelope(*(event(path=path) for path in ["/a"] * 3 + ["/b"] * 2 + ["/c"]))])
    store.settle()
    store.close_days(ms("2026-11-27T12:00"))
    store.settle()
    assert store.page("url", TODAY, Page(9)) == (
        [("/a", Measures(3)), ("/b", Measures(2))],
        Measures(1),
        2,
    )
    assert store.page("url", TODAY, Page(9, search="c")) == ([], Measures(6), 0)


def test_a_page_of_nothing_is_empty(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    assert store.page("url", TODAY, Page(5, 3, "x", "bytes")) == ([], None, 0)
