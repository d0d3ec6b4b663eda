# SPDX-License-Identifier: GPL-3.0-or-later
"""Erasing a user name, and deleting a web service."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.build import (
    DAY_MS,
    NOW,
    PAGE,
    STATUS,
    TODAY,
    USERNAME,
    WSID,
    by_name,
    envelope,
    event,
    identity,
    ms,
    period,
    rejected,
    requests,
    visitors,
)

from tmon.server.catalogue import View
from tmon.server.events import SESSION
from tmon.server.store import Erased, Filter, Measures, Store

MONTH = period("2026-10-31T23:00", "2026-11-30T23:00", "month")
HOUR = period("2026-11-23T11:00", "2026-11-23T12:00", "hour")


def by(name: str | None, visitor: int | None = None, **fields: object) -> object:
    return envelope(event(username=name, visitor=visitor, **fields))


def append(store: Store, *envelopes: object) -> None:
    store.append(list(envelopes))  # type: ignore[arg-type]
    store.settle()


# -- events and counts --------------------------------------------------------------------------------------------


def test_an_erased_name_is_blank_in_the_events(store: Store) -> None:
    append(store, by("anna", path="/a"), by("bert"), by("anna"))
    assert store.erase_username(WSID, "anna", NOW) == Erased(events=2)
    assert [one.fields.get("username") for one in store.events(WSID, 5)] == [None, "bert", None]
    assert [one.fields["path"] for one in store.events(WSID, 5)] == ["", "", "/a"]


def test_an_erased_names_rows_move_to_the_empty_key_and_measures_add_up(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1, bytes=5), by("anna", 2, status=500), by(None, 1), by("bert", 3))
    store.erase_username(WSID, "anna", NOW)
    store.settle()
    expected = ([("", Measures(requests=3, visitors=3, errors=1, bytes=5)), ("bert", Measures(1, 1))], None)
    assert store.ranking("username", TODAY, 5) == expected
    assert store.ranking("username", HOUR, 5) == expected
    assert store.ranking("username", MONTH, 5) == expected


def test_a_row_moves_to_the_empty_key_also_where_there_was_none(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1))
    store.erase_username(WSID, "anna", NOW)
    store.settle()
    assert store.ranking("username", TODAY, 5) == ([("", Measures(1, 1))], None)


def test_someone_who_had_the_erased_name_is_no_new_visitor_of_the_empty_key(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1))
    store.erase_username(WSID, "anna", NOW)
    append(store, by(None, 1), by(None, 2))
    assert visitors(store.ranking("username", TODAY, 5)) == {"": 2}


def test_an_erasure_takes_effect_where_it_stands_in_the_log(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1))
    store.erase_username(WSID, "anna", NOW)
    append(store, by("anna", 1), by("anna", 2))
    assert store.ranking("username", TODAY, 5) == ([("anna", Measures(2, 2)), ("", Measures(1, 1))], None)
    assert [one.fields.get("username") for one in store.events(WSID, 5)] == ["anna", "anna", None]


def test_events_that_no_view_has_counted_yet_are_erased_as_well(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    store.append([envelope(event(username="anna"), event(username="bert"))])
    assert store.erase_username(WSID, "anna", NOW) == Erased(events=1)
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 1, "bert": 1}


def test_closed_days_are_erased_as_well(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1), by("anna", 2), by("bert", 1), by("carl", 3))
    store.close_days(ms("2026-11-26T00:00"))
    store.erase_username(WSID, "anna", NOW + 3 * DAY_MS)
    store.settle()
    assert store.ranking("username", TODAY, 5) == (
        [("", Measures(2, 2)), ("bert", Measures(1, 1))],
        Measures(1, 1),
    )


def test_a_closed_day_that_an_erasure_left_with_fewer_keys_takes_no_new_ones_beside_its_remainder(
    store: Store,
) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1), by("anna", 2), by("", 1), by("", 2), by("carl", 3))
    store.close_days(ms("2026-11-26T00:00"))
    store.erase_username(WSID, "anna", NOW + 3 * DAY_MS)
    append(store, by("dora"))
    assert store.ranking("username", TODAY, 5) == ([("", Measures(4, 4))], Measures(2, 1))


def test_counts_whose_events_have_gone_are_erased_as_well(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1))
    while store.expire(NOW + 15 * DAY_MS, {}):
        pass
    assert store.erase_username(WSID, "anna", NOW + 15 * DAY_MS) == Erased(events=0)
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 1}


def test_an_erased_name_stays_erased_in_a_view_that_is_added_later(store: Store) -> None:
    append(store, by("anna", 1))
    store.erase_username(WSID, "anna", NOW)
    append(store, by("anna", 1))
    store.sync_views(by_name(USERNAME))
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 1, "anna": 1}


def test_only_that_name_of_that_web_service_is_erased(store: Store) -> None:
    store.sync_views(by_name(USERNAME, PAGE, View("host", "H", "host")))
    append(
        store,
        by("anna", path="anna", host="anna"),
        by("Anna"),
        by("anna "),
        envelope(event(username="anna"), wsid=8),
    )
    assert store.erase_username(WSID, "anna", NOW).events == 1
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 1, "Anna": 1, "anna ": 1}
    assert requests(store.ranking("url", TODAY, 5)) == {"": 2, "anna": 1}
    assert requests(store.ranking("host", TODAY, 5)) == {"": 2, "anna": 1}
    theirs = period("2026-11-22T23:00", "2026-11-23T23:00", wsid=8)
    assert requests(store.ranking("username", theirs, 5)) == {"anna": 1}
    assert store.events(8, 1)[0].fields["username"] == "anna"


def test_a_filter_no_longer_finds_an_erased_name(store: Store) -> None:
    append(store, by("anna"), by(None))
    store.erase_username(WSID, "anna", NOW)
    store.settle()
    assert store.events(WSID, 5, filters=[Filter(USERNAME, "anna")]) == []
    assert len(store.events(WSID, 5, filters=[Filter(USERNAME, "")])) == 2


def test_names_of_sessions_are_erased(store: Store) -> None:
    store.sync_views(by_name(View("who", "Who", "subject", kind=SESSION)))
    append(store, by("anna", 1, kind=SESSION, extra={"session": "1", "subject": "anna"}))
    assert store.erase_username(WSID, "anna", NOW) == Erased(events=1)
    store.settle()
    assert requests(store.ranking("who", TODAY, 5)) == {"": 1}


def test_erasing_a_name_that_nobody_had_erases_nothing(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna"), by(None))
    assert store.erase_username(WSID, "bert", NOW) == Erased(events=0)
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 1, "anna": 1}


def test_erasing_the_empty_name_erases_nothing(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by(""), by(None), envelope(payloads=[("missing", '{"username": ""}')]))
    assert store.erase_username(WSID, "", NOW) == Erased(events=0, quarantined=0)
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 2}


def test_an_erasure_survives_opening_the_store_again(store: Store, reopen: Callable[[Store], Store]) -> None:
    store.sync_views(by_name(USERNAME))
    append(store, by("anna", 1))
    store.erase_username(WSID, "anna", NOW)
    store = reopen(store)
    store.settle()
    assert requests(store.ranking("username", TODAY, 5)) == {"": 1}


# -- quarantine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("anna", '{"username": "anna", "url": 1}'),
        ("anna", '{"username":"\\u0061nn\\u0061","url":1}'),
        ("J\u00f6rg", '{"username": "J\u00f6rg"}'),
        ("J\u00f6rg", '{"username": "J\\u00F6rg"}'),
        ("\U0001f980", '{"username": "\\ud83e\\udd80"}'),
        ("\U0001f980", '{"username": "\U0001f980"}'),
        ('a"b\\c/d', '{"username": "a\\"b\\\\c\\/d"}'),
        ('a"b\\c/d', '{"username": "a\\"b\\\\c/d"}'),
        ("a\nb", '{"username": "a\\nb"}'),
        ("a.*b", '{"username": "a.*b"'),
        ("anna", 'no JSON " at all "anna" "'),
        ("anna", '{"username": "anna'),
        ("anna", r'"{\"username\": \"anna\", "'),
        ("J\u00f6rg", r'"{\"username\": \"J\\u00f6rg"'),
        ('a"b\\c/d', r'"{\"username\": \"a\\\"b\\\\c/d\""'),
    ],
)
def test_an_erased_name_is_blank_in_the_quarantine_however_it_is_spelled(
    store: Store, name: str, payload: str
) -> None:
    append(store, envelope(event(), payloads=[("missing", payload)]))
    assert store.erase_username(WSID, name, NOW) == Erased(events=0, quarantined=1)
    [row] = store.quarantine(WSID, 5)
    assert '""' in row.payload or r"\"\"" in row.payload
    assert not any(part in row.payload for part in ("ann", "rg", "\U0001f980", "ud83e", "a.*b", "b"))


def test_payloads_without_the_erased_name_stay_as_they_are(store: Store) -> None:
    payloads = [("missing", '{"username": "annabel"}'), ("missing", '{"path": "/anna"}')]
    append(store, envelope(event(), payloads=payloads), envelope(payloads=[("missing", '"anna"')], wsid=8))
    assert store.erase_username(WSID, "anna", NOW) == Erased(events=0, quarantined=0)
    assert [(row.reason, row.payload) for row in store.quarantine(WSID, 5)] == payloads[::-1]
    assert store.quarantine(8, 5)[0].payload == '"anna"'


# -- deleting a web service ---------------------------------------------------------------------------------------


def finish(store: Store, now_ms: int = NOW) -> None:
    store.settle()
    while store.expire(now_ms, {}):
        pass


def test_deleting_a_web_service_drops_all_that_is_stored_of_it(store: Store) -> None:
    store.sync_views(by_name(PAGE, STATUS))
    mine = envelope(
        event(visitor=1, offset=5, path="/a"),
        rejected=[rejected(1)],
        payloads=[("missing", "{}")],
        stream="f",
        source="web-1",
        run="r",
        name="a",
    )
    append(store, mine, envelope(event(path="/b"), source="web-2", payloads=[("missing", "[]")], wsid=8))
    assert store.delete_webservice(WSID, NOW) == Erased(events=1, quarantined=1)
    finish(store)
    assert store.events(WSID, 5) == []
    assert store.quarantine(WSID, 5) == []
    assert store.runs(WSID) == []
    assert store.totals(TODAY) == Measures()
    assert store.totals(MONTH) == Measures()
    assert store.series("minute", TODAY) == {}
    assert store.ranking("url", TODAY, 5) == ([], None)
    assert store.outcomes([(WSID, identity(WSID, "a"))]) == {}
    theirs = period("2026-11-22T23:00", "2026-11-23T23:00", wsid=8)
    assert requests(store.ranking("url", theirs, 5)) == {"/b": 1}
    assert len(store.events(8, 5)) == len(store.quarantine(8, 5)) == len(store.runs(8)) == 1


def test_a_deleted_web_service_does_not_come_back_with_a_new_view(store: Store) -> None:
    append(store, envelope(event(path="/a")))
    store.delete_webservice(WSID, NOW)
    finish(store)
    store.sync_views(by_name(PAGE))
    store.settle()
    assert store.ranking("url", TODAY, 5) == ([], None)


def test_nothing_is_missing_of_a_deleted_web_service(store: Store) -> None:
    append(store, envelope(event()))
    finish(store, NOW + 40 * DAY_MS)
    store.delete_webservice(WSID, NOW + 40 * DAY_MS)
    store.settle()
    store.sync_views(by_name(PAGE))
    store.settle()
    for asked in (HOUR, period("2026-11-22T23:00", "2026-11-23T23:00", "day", Filter(PAGE, "*"))):
        assert store.complete_from(asked) is None
        assert store.complete_from(asked, "url") is None


def test_deleting_what_no_view_has_counted_yet_leaves_nothing(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    store.append([envelope(event(path="/a"), event(path="/b"))])
    assert store.delete_webservice(WSID, NOW) == Erased(events=2)
    finish(store)
    assert store.totals(TODAY) == Measures()
    assert store.ranking("url", TODAY, 5) == ([], None)


def test_a_view_that_is_filling_forgets_a_deleted_web_service_as_well(store: Store) -> None:
    store.sync_views(by_name(STATUS))
    append(store, envelope(event(path="/a")))
    store.sync_views(by_name(STATUS, PAGE))
    store.delete_webservice(WSID, NOW)
    finish(store)
    assert store.ranking("url", TODAY, 5) == ([], None)


def test_deleting_an_unknown_web_service_deletes_nothing(store: Store) -> None:
    append(store, envelope(event()))
    assert store.delete_webservice(99, NOW) == Erased(events=0)
    finish(store)
    assert store.totals(TODAY).requests == 1
    assert len(store.events(WSID, 5)) == 1


def test_a_large_web_service_is_deleted_in_chunks(store: Store) -> None:
    append(store, envelope(*(event() for _ in range(50))), envelope(event(), wsid=8))
    assert store.delete_webservice(WSID, NOW) == Erased(events=50)
    store.settle()
    while store.expire(NOW, {}, most=7):
        pass
    assert (len(store.events(WSID, 100)), len(store.events(8, 100))) == (0, 1)
