# SPDX-License-Identifier: GPL-3.0-or-later
"""Views that are added, changed, raised and removed while the log goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contract.build import (
    COUNTRY,
    DAY_MS,
    NOW,
    PAGE,
    STATUS,
    TODAY,
    WSID,
    by_name,
    envelope,
    event,
    ms,
    period,
    requests,
    s,
    visitors,
)

from tmon.server.catalogue import Classes, View
from tmon.server.events import SESSION
from tmon.server.store import Measures, Store, StoreError, UnknownView

HOST = View("host", "Hosts", "host")
WHO = View("who", "Who", "username")
MONTH = period("2026-10-31T23:00", "2026-11-30T23:00", "month")
OLD, NEW = "2026-11-05T11:00", "2026-11-23T11:00"
OLD_DAY = period("2026-11-04T23:00", "2026-11-05T23:00")
DAYS = period("2026-10-31T23:00", "2026-11-30T23:00")
SINCE = s("2026-11-05T23:00")


def append(store: Store, *envelopes: object) -> None:
    store.append(list(envelopes))  # type: ignore[arg-type]
    store.settle()


def hits(at: str, *pages: str, received_ms: int | None = None, **fields: object) -> object:
    """An envelope that arrives as soon as its events have happened."""
    events = [event(at, path=page, visitor=number, **fields) for number, page in enumerate(pages)]
    return envelope(*events, received_ms=ms(at) + 1 if received_ms is None else received_ms)


def expire(store: Store, now_ms: int, days: int = 14) -> None:
    while store.expire(now_ms, {WSID: days}):
        pass


def old_and_new(store: Store, view: View) -> None:
    """Two requests of an old day, whose events have gone since, and two of today."""
    store.sync_views(by_name(view))
    append(store, hits(OLD, "/a", "/b", host="h", status=200), hits(NEW, "/a", "/c", host="h", status=200))
    expire(store, NOW)
    assert len(store.events(WSID, 10)) == 2


# -- adding -------------------------------------------------------------------------------------------------------


def test_an_unknown_view_cannot_be_asked(store: Store) -> None:
    with pytest.raises(UnknownView, match="host"):
        store.ranking("host", TODAY, 5)
    with pytest.raises(UnknownView, match="host"):
        store.complete_from(TODAY, "host")
    with pytest.raises(UnknownView, match="host"):
        store.as_of_ms(NOW, "host")


def test_the_known_views_are_told(store: Store) -> None:
    assert store.views() == {}
    views = by_name(PAGE, COUNTRY, View("l", "L", "duration_ms", classes=Classes(1, 10, 2), public=True))
    assert sorted(store.sync_views(views)) == ["country", "l", "url"]
    assert store.views() == views
    assert store.sync_views(views) == []


def test_a_view_that_is_added_later_counts_what_the_log_has(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits(NEW, "/a", "/a", host="x"), hits("2026-11-23T10:00", "/b", host="y"))
    assert store.sync_views(by_name(PAGE, HOST)) == ["host"]
    store.settle()
    assert requests(store.ranking("host", TODAY, 5)) == {"x": 2, "y": 1}
    assert visitors(store.ranking("host", TODAY, 5)) == {"x": 2, "y": 1}
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 2, "/b": 1}
    assert store.totals(TODAY) == Measures(3, 2)


def test_a_view_that_fills_is_named_until_it_has_caught_up(store: Store) -> None:
    append(store, hits(NEW, "/a"))
    store.sync_views(by_name(PAGE))
    assert store.stats(NOW).filling == ["url"]
    store.settle()
    assert store.stats(NOW).filling == []


def test_a_view_that_fills_in_small_steps_beside_new_events_counts_each_once(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    for number in range(6):
        append(store, hits(NEW, "/a", "/b", host=f"h{number % 2}"))
    store.sync_views(by_name(PAGE, HOST))
    for _ in range(5):
        store.advance(2)
        store.append([hits(NEW, "/a", host="h0")])  # type: ignore[list-item]
    while store.advance(2):
        pass
    assert store.ranking("host", TODAY, 5) == ([("h0", Measures(11, 2)), ("h1", Measures(6, 2))], None)
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 11, "/b": 6}


def test_a_view_that_was_filling_goes_on_when_the_store_is_opened_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    for _ in range(5):
        append(store, hits(NEW, "/a"))
    store.sync_views(by_name(PAGE))
    store.advance(2)
    store = reopen(store)
    store.settle()
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 5}
    assert store.views() == by_name(PAGE)


def test_a_view_that_is_added_later_has_the_visitors_that_an_earlier_one_has(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    append(
        store,
        hits(NEW, "/a", "/b", "/a", country="AT"),
        hits("2026-11-23T10:00", "/c", "/a", "/a", country="DE"),
    )
    pages = View("pages", "Pages again", "path")
    lands = View("lands", "Countries again", "country", visitors="first")
    store.sync_views(by_name(PAGE, COUNTRY, pages, lands))
    store.settle()
    assert store.ranking("pages", TODAY, 5) == store.ranking("url", TODAY, 5)
    assert store.ranking("lands", TODAY, 5) == store.ranking("country", TODAY, 5)


def test_a_view_that_is_added_later_counts_only_days_of_which_the_log_has_everything(store: Store) -> None:
    old_and_new(store, PAGE)
    append(store, hits(OLD, "/late", received_ms=NOW))
    store.sync_views(by_name(PAGE, HOST))
    store.settle()
    assert store.ranking("host", OLD_DAY, 5) == ([], None)
    assert requests(store.ranking("host", TODAY, 5)) == {"h": 2}
    assert requests(store.ranking("host", MONTH, 5)) == {"h": 2}
    assert store.complete_from(DAYS, "host") == SINCE
    assert store.complete_from(TODAY, "host") is None
    assert store.complete_from(DAYS, "url") is None


def test_events_of_such_days_that_come_later_are_not_counted_either(store: Store) -> None:
    old_and_new(store, PAGE)
    store.sync_views(by_name(PAGE, HOST))
    store.append([hits(OLD, "/late", host="before it joined", received_ms=NOW)])  # type: ignore[list-item]
    store.settle()
    append(store, hits(OLD, "/late", host="after it joined", received_ms=NOW))
    assert store.ranking("host", OLD_DAY, 5) == ([], None)
    assert requests(store.ranking("url", OLD_DAY, 5)) == {"/late": 2, "/a": 1, "/b": 1}


def test_another_web_service_that_lost_nothing_is_counted_from_its_start(store: Store) -> None:
    theirs = hits(OLD, "/theirs", host="t")
    theirs.wsid = 8  # type: ignore[attr-defined]
    append(store, theirs, hits(OLD, "/mine", host="m"))
    while store.expire(NOW, {8: 400}):
        pass
    store.sync_views(by_name(HOST))
    store.settle()
    assert store.ranking("host", DAYS, 5) == ([], None)
    of_theirs = period("2026-10-31T23:00", "2026-11-30T23:00", wsid=8)
    assert requests(store.ranking("host", of_theirs, 5)) == {"t": 1}
    assert store.complete_from(of_theirs, "host") is None


def test_a_view_that_is_added_after_a_day_was_closed_keeps_its_largest_keys(store: Store) -> None:
    append(store, hits(OLD, "/a", "/a", "/b", "/c", "/c"))
    store.close_days(ms("2026-11-08T00:00"))
    append(store, hits(OLD, "/b", "/b", received_ms=ms("2026-11-08T01:00")))
    store.sync_views(by_name(PAGE))
    store.settle()
    assert store.ranking("url", OLD_DAY, 5) == (
        [("/a", Measures(2, 2)), ("/c", Measures(2, 2))],
        Measures(3, 1),
    )
    assert store.ranking("url", MONTH, 5) == store.ranking("url", OLD_DAY, 5)


def test_a_day_that_was_closed_long_ago_is_closed_for_a_view_that_is_added_later(store: Store) -> None:
    append(store, hits(OLD, "/a", "/a", "/b", "/c", "/c"))
    store.close_days(ms("2026-11-08T00:00"))
    store.settle()
    expire(store, ms("2027-01-05T00:00"), days=400)
    append(store, hits(OLD, "/b", "/b", received_ms=ms("2027-01-05T00:00")))
    store.sync_views(by_name(PAGE))
    store.settle()
    assert store.ranking("url", OLD_DAY, 5) == (
        [("/a", Measures(2, 2)), ("/c", Measures(2, 2))],
        Measures(3, 1),
    )


# -- changing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"field": "path"},
        {"kind": SESSION},
        {"visitors": "none"},
        {"classes": Classes(1, 10, 2)},
    ],
)
def test_a_changed_definition_without_a_raised_version_is_an_error_that_names_the_view(
    store: Store, change: dict[str, object]
) -> None:
    store.sync_views(by_name(STATUS))
    append(store, hits(NEW, "/a", status=200))
    changed = replace(STATUS, **change)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="status"):
        store.sync_views(by_name(changed, PAGE))
    assert store.views() == by_name(STATUS)
    assert requests(store.ranking("status", TODAY, 5)) == {"200": 1}


def test_a_lowered_version_is_an_error_that_names_the_view(store: Store) -> None:
    store.sync_views(by_name(replace(STATUS, version=3)))
    with pytest.raises(StoreError, match="status"):
        store.sync_views(by_name(replace(STATUS, version=2)))


def test_a_view_changes_its_looks_without_being_counted_anew(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits(NEW, "/a"))
    looks = replace(PAGE, title="Seiten", panel="pie", order=1, public=True)
    assert store.sync_views(by_name(looks)) == ["url"]
    assert store.stats(NOW).filling == []
    assert store.views() == by_name(looks)
    append(store, hits(NEW, "/a"))
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 2}


def test_a_view_that_is_gone_cannot_be_asked(store: Store) -> None:
    store.sync_views(by_name(PAGE, STATUS))
    append(store, hits(NEW, "/a"))
    assert store.sync_views(by_name(STATUS)) == ["url"]
    assert store.views() == by_name(STATUS)
    with pytest.raises(UnknownView):
        store.ranking("url", TODAY, 5)
    append(store, hits(NEW, "/a"))
    assert requests(store.ranking("status", TODAY, 5)) == {"": 2}


def test_a_view_that_comes_back_is_filled_from_the_log(store: Store) -> None:
    old_and_new(store, PAGE)
    store.sync_views({})
    append(store, hits(NEW, "/d"))
    store.sync_views(by_name(PAGE))
    store.settle()
    assert requests(store.ranking("url", DAYS, 5)) == {"/a": 1, "/c": 1, "/d": 1}


# -- raising the version ------------------------------------------------------------------------------------------


def test_a_raised_version_counts_what_the_log_has_anew(store: Store) -> None:
    store.sync_views(by_name(replace(PAGE, name="v")))
    append(store, hits(NEW, "/a", "/b", host="h"))
    changed = replace(HOST, name="v", version=2)
    assert store.sync_views(by_name(changed)) == ["v"]
    assert store.stats(NOW).filling == ["v"]
    store.settle()
    assert store.ranking("v", TODAY, 5) == ([("h", Measures(2, 2))], None)
    assert store.ranking("v", MONTH, 5) == ([("h", Measures(2, 2))], None)
    assert store.stats(NOW).filling == []
    assert store.views() == by_name(changed)


def test_days_that_the_log_no_longer_has_all_of_keep_their_old_counts(store: Store) -> None:
    old_and_new(store, PAGE)
    append(store, hits(OLD, "/late", received_ms=NOW))
    store.sync_views(by_name(replace(PAGE, field="host", version=2)))
    store.settle()
    assert requests(store.ranking("url", OLD_DAY, 5)) == {"/a": 1, "/b": 1, "/late": 1}
    assert requests(store.ranking("url", TODAY, 5)) == {"h": 2}
    assert store.complete_from(DAYS, "url") == SINCE
    assert store.complete_from(TODAY, "url") is None


def test_a_month_is_the_sum_of_kept_and_of_new_days(store: Store) -> None:
    old_and_new(store, PAGE)
    store.sync_views(by_name(replace(PAGE, field="host", version=2)))
    store.settle()
    assert requests(store.ranking("url", MONTH, 5)) == {"h": 2, "/a": 1, "/b": 1}
    assert store.totals(MONTH).requests == 4


def test_a_month_whose_kept_days_have_nothing_of_the_view_is_counted_anew_once(store: Store) -> None:
    view = View("used", "Used", "object", kind=SESSION)
    store.sync_views(by_name(view))
    append(store, hits(OLD, "/a"), hits(NEW, "", kind=SESSION, extra={"object": "lab", "subject": "r"}))
    expire(store, NOW)
    store.sync_views(by_name(replace(view, field="subject", version=2)))
    store.settle()
    assert requests(store.ranking("used", TODAY, 5)) == {"r": 1}
    assert requests(store.ranking("used", MONTH, 5)) == {"r": 1}


def test_hours_before_the_first_complete_day_keep_their_counts(store: Store) -> None:
    old_and_new(store, PAGE)
    store.sync_views(by_name(replace(PAGE, field="host", version=2)))
    store.settle()
    old_hour = period("2026-11-05T11:00", "2026-11-05T12:00", "hour")
    assert requests(store.ranking("url", old_hour, 5)) == {"/a": 1, "/b": 1}
    hour = period("2026-11-23T11:00", "2026-11-23T12:00", "hour")
    assert requests(store.ranking("url", hour, 5)) == {"h": 2}


def test_a_version_that_is_raised_twice_before_it_has_filled_counts_once(store: Store) -> None:
    old_and_new(store, PAGE)
    append(store, hits(NEW, "/e", host="h"))
    store.sync_views(by_name(replace(PAGE, field="host", version=2)))
    store.advance(1)
    store.sync_views(by_name(replace(PAGE, field="status", version=3)))
    store.settle()
    assert requests(store.ranking("url", TODAY, 5)) == {"200": 2, "": 1}
    assert requests(store.ranking("url", OLD_DAY, 5)) == {"/a": 1, "/b": 1}
    assert requests(store.ranking("url", MONTH, 5)) == {"200": 2, "": 1, "/a": 1, "/b": 1}


def test_kept_days_are_still_closed_and_erased(store: Store) -> None:
    view = View("who", "Who", "username")
    store.sync_views(by_name(view))
    names = ("anna", "anna", "bert", "bert", "carl")
    append(store, envelope(*(event(OLD, username=name) for name in names), received_ms=ms(OLD) + 1))
    expire(store, NOW)
    store.sync_views(by_name(replace(view, version=2)))
    store.erase_username(WSID, "anna", NOW)
    store.close_days(NOW)
    store.settle()
    assert store.ranking("who", OLD_DAY, 5) == ([("", Measures(2)), ("bert", Measures(2))], Measures(1))
    assert store.ranking("who", MONTH, 5) == ([("", Measures(2)), ("bert", Measures(2))], Measures(1))


def old_names(store: Store, *names: str) -> None:
    """Requests of an old day by those, counted by name, whose events have gone since, and an erasure of "anna"."""
    store.sync_views(by_name(WHO))
    append(store, envelope(*(event(OLD, username=name) for name in names), received_ms=ms(OLD) + 1))
    expire(store, NOW)
    store.erase_username(WSID, "anna", NOW)
    store.settle()


def test_who_had_an_erased_name_later_keeps_it_when_a_view_is_counted_anew(store: Store) -> None:
    old_names(store, "anna", "bert")
    append(store, envelope(event(OLD, username="anna"), event(NEW, username="anna")))
    of_old_day = {"": 1, "anna": 1, "bert": 1}
    assert requests(store.ranking("who", OLD_DAY, 5)) == of_old_day
    store.sync_views(by_name(replace(WHO, version=2)))
    store.settle()
    assert requests(store.ranking("who", OLD_DAY, 5)) == of_old_day
    assert requests(store.ranking("who", MONTH, 5)) == {"anna": 2, "": 1, "bert": 1}


def test_a_name_that_is_erased_while_a_view_is_counted_anew_is_erased_from_what_it_kept(store: Store) -> None:
    old_names(store, "bert", "carl")
    append(store, envelope(event(NEW, username="bert")), envelope(event(NEW, username="carl")))
    store.sync_views(by_name(replace(WHO, version=2)))
    store.advance(1)
    store.erase_username(WSID, "bert", NOW)
    store.sync_views(by_name(replace(WHO, version=3)))
    store.settle()
    assert requests(store.ranking("who", OLD_DAY, 5)) == {"": 1, "carl": 1}
    assert requests(store.ranking("who", MONTH, 5)) == {"": 2, "carl": 2}


def test_names_are_erased_from_the_kept_counts_of_a_view_that_counts_something_else_now(store: Store) -> None:
    old_names(store, "bert", "carl")
    append(store, hits(NEW, "/a", host="bert"))
    store.sync_views(by_name(replace(WHO, field="host", version=2)))
    store.settle()
    store.sync_views(by_name(replace(WHO, field="host", visitors="none", version=3)))
    store.settle()
    append(store, hits(NEW, "/a", host="bert"))
    store.erase_username(WSID, "bert", NOW)
    store.settle()
    assert requests(store.ranking("who", OLD_DAY, 5)) == {"": 1, "carl": 1}
    assert requests(store.ranking("who", TODAY, 5)) == {"bert": 2}
    assert "bert" not in requests(store.ranking("who", MONTH, 5))


def test_kept_names_are_known_to_be_names_when_the_store_is_opened_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    old_names(store, "bert", "carl")
    store.sync_views(by_name(replace(WHO, field="host", version=2)))
    store = reopen(store)
    store.settle()
    store.erase_username(WSID, "bert", NOW)
    store.settle()
    assert requests(store.ranking("who", OLD_DAY, 5)) == {"": 1, "carl": 1}


def test_kept_days_keep_a_name_that_was_erased_before_it_came_again(store: Store) -> None:
    view = View("who", "Who", "username")
    store.sync_views(by_name(view))
    store.erase_username(WSID, "anna", ms(OLD))
    append(store, envelope(event(OLD, username="anna"), received_ms=ms(OLD) + 1))
    expire(store, NOW)
    store.sync_views(by_name(replace(view, version=2)))
    store.settle()
    assert requests(store.ranking("who", OLD_DAY, 5)) == {"anna": 1}


def test_views_are_the_same_when_the_store_is_opened_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    views = by_name(PAGE, replace(STATUS, version=4, public=True))
    store.sync_views(views)
    append(store, hits(NEW, "/a", status=200))
    store = reopen(store)
    assert store.views() == views
    assert store.sync_views(views) == []
    append(store, hits(NEW, "/a", status=200))
    assert store.ranking("url", TODAY, 5) == ([("/a", Measures(2, 1))], None)
    assert store.ranking("status", TODAY, 5) == ([("200", Measures(2, 1))], None)


def test_a_views_first_complete_day_is_kept_when_the_store_is_opened_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    old_and_new(store, PAGE)
    store.sync_views(by_name(PAGE, HOST))
    store.settle()
    store = reopen(store)
    assert store.complete_from(DAYS, "host") == SINCE
    append(store, hits(NEW, "/a", host="h", received_ms=NOW + DAY_MS))
    assert requests(store.ranking("host", DAYS, 5)) == {"h": 3}
