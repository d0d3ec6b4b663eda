# SPDX-License-Identifier: GPL-3.0-or-later
"""Appending: outcomes, duplicates, streams, and the log's events."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest
from tests.contract.build import DAY_MS, NOW, TODAY, WSID, envelope, event, identity, ms, rejected

from tmon.server.events import SESSION, Event
from tmon.server.store import Envelope, Outcome, Store


def offsets(*numbers: int) -> list[Event]:
    return [event(path=f"/{number}", offset=number) for number in numbers]


def paths(store: Store, wsid: int = WSID) -> list[str]:
    return [stored.fields["path"] for stored in store.events(wsid, 100)]


# -- outcomes -----------------------------------------------------------------------------------------------------


def test_an_appended_envelope_gets_200_and_the_number_of_its_events(store: Store) -> None:
    assert store.append([envelope(event(), event())]) == [Outcome(status=200, accepted=2)]


def test_an_envelope_without_events_is_accepted(store: Store) -> None:
    assert store.append([envelope(source="web-1", run="a", seq=1, sent=0)]) == [Outcome(status=200)]


def test_appending_nothing_changes_nothing(store: Store) -> None:
    assert store.append([]) == []
    assert store.stats(NOW).last_seq == 0


def test_a_refused_envelope_gets_400_and_its_message(store: Store) -> None:
    assert store.append([envelope(refused="not_json", message="this is not JSON")]) == [
        Outcome(status=400, message="this is not JSON")
    ]


def test_an_envelope_with_events_but_no_valid_one_gets_400(store: Store) -> None:
    assert store.append([envelope(rejected=[rejected(0), rejected(1, "ts is in the future", "future")])]) == [
        Outcome(
            status=400,
            rejected_count=2,
            rejected=((0, "url is missing"), (1, "ts is in the future")),
            message="no event is valid",
        )
    ]


def test_an_envelope_with_one_valid_event_gets_200_and_tells_of_the_others(store: Store) -> None:
    assert store.append([envelope(event(), rejected=[rejected(1)])]) == [
        Outcome(status=200, accepted=1, rejected_count=1, rejected=((1, "url is missing"),))
    ]


def test_the_first_hundred_rejected_events_are_named_and_all_are_counted(store: Store) -> None:
    [outcome] = store.append([envelope(event(), rejected=[rejected(index) for index in range(1, 131)])])
    assert outcome.rejected_count == 130
    assert [index for index, _ in outcome.rejected] == list(range(1, 101))


# -- duplicates ---------------------------------------------------------------------------------------------------


def test_a_replayed_envelope_counts_once_and_is_answered_alike(store: Store) -> None:
    store.append([envelope(event(), rejected=[rejected(1)], name="a")])
    again = store.append([envelope(event(), rejected=[rejected(1)], name="a", received_ms=NOW + 60_000)])
    assert again == [
        Outcome(status=200, accepted=1, rejected_count=1, rejected=((1, "url is missing"),), duplicate=True)
    ]
    store.settle()
    assert store.totals(TODAY).requests == 1
    assert len(store.events(WSID, 10)) == 1


def test_a_replayed_refusal_is_answered_alike(store: Store) -> None:
    store.append([envelope(refused="sent_at", message="sent_at is 40 days old", name="a")])
    assert store.append([envelope(refused="sent_at", message="sent_at is 40 days old", name="a")]) == [
        Outcome(status=400, message="sent_at is 40 days old", duplicate=True)
    ]


def test_a_replay_in_the_same_append_counts_once(store: Store) -> None:
    one, two = envelope(event(), name="a"), envelope(event(), name="a")
    assert store.append([one, envelope(event()), two]) == [
        Outcome(status=200, accepted=1),
        Outcome(status=200, accepted=1),
        Outcome(status=200, accepted=1, duplicate=True),
    ]
    store.settle()
    assert store.totals(TODAY).requests == 2


def test_the_stored_outcomes_are_found_by_web_service_and_id(store: Store) -> None:
    store.append([envelope(event(), name="a"), envelope(refused="not_json", name="b")])
    known, refused, unknown = (WSID, identity(WSID, "a")), (WSID, identity(WSID, "b")), (8, identity(8, "a"))
    assert store.outcomes([known, refused, unknown]) == {
        known: Outcome(status=200, accepted=1, duplicate=True),
        refused: Outcome(status=400, message="no event is valid", duplicate=True),
    }
    assert store.outcomes([]) == {}


def test_a_thousand_outcomes_are_found_at_once(store: Store) -> None:
    store.append([envelope(name=number) for number in range(1200)])
    ids = [(WSID, identity(WSID, number)) for number in range(1300)]
    assert len(store.outcomes(ids)) == 1200


def test_an_envelope_sent_by_several_threads_at_once_counts_once(store: Store) -> None:
    writer = threading.Lock()
    answers: list[Outcome] = []

    def send() -> None:
        with writer:
            answers.extend(store.append([envelope(event(), event(), name="a")]))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.settle()
    assert sorted(outcome.duplicate for outcome in answers) == [False] + [True] * 7
    assert {outcome.accepted for outcome in answers} == {2}
    assert store.totals(TODAY).requests == 2


def test_an_append_beside_questions_and_advancing_loses_nothing(store: Store) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def follow(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                while not done.is_set():
                    work()
            except BaseException as failure:  # noqa: BLE001 the thread's failure is the test's
                failures.append(failure)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [
        follow(lambda: store.advance(7)),
        follow(lambda: store.totals(TODAY)),
        follow(lambda: store.events(WSID, 5)),
        follow(lambda: store.outcomes([(WSID, identity(WSID, 3))])),
    ]
    try:
        for number in range(60):
            store.append([envelope(event(visitor=number), event(), name=number)])
    finally:
        done.set()
        for thread in threads:
            thread.join()
    store.settle()
    assert failures == []
    assert store.totals(TODAY).requests == 120
    assert store.totals(TODAY).visitors == 60


# -- streams ------------------------------------------------------------------------------------------------------


def test_a_repeated_stretch_of_a_stream_is_answered_as_repeated(store: Store) -> None:
    store.append([envelope(*offsets(0, 1, 2), stream="f")])
    assert store.append([envelope(*offsets(0, 1, 2), stream="f")]) == [
        Outcome(status=200, repeated=3, highest_offset=2)
    ]
    assert paths(store) == ["/2", "/1", "/0"]


def test_of_an_overlapping_stretch_only_what_is_new_is_appended(store: Store) -> None:
    store.append([envelope(*offsets(10, 20), stream="f")])
    assert store.append([envelope(*offsets(20, 30, 40), stream="f")]) == [
        Outcome(status=200, accepted=2, repeated=1, highest_offset=40)
    ]
    assert paths(store) == ["/40", "/30", "/20", "/10"]


def test_a_stretch_that_comes_after_a_later_one_is_repeated(store: Store) -> None:
    store.append([envelope(*offsets(50, 60), stream="f")])
    assert store.append([envelope(*offsets(30, 40), stream="f")]) == [
        Outcome(status=200, repeated=2, highest_offset=60)
    ]
    assert paths(store) == ["/60", "/50"]


def test_an_offset_that_occurs_twice_in_an_envelope_is_appended_once(store: Store) -> None:
    assert store.append([envelope(*offsets(1, 1, 2), stream="f")]) == [
        Outcome(status=200, accepted=2, repeated=1, highest_offset=2)
    ]


def test_overlapping_stretches_in_one_append_count_each_offset_once(store: Store) -> None:
    outcomes = store.append(
        [
            envelope(*offsets(1, 2), stream="f"),
            envelope(*offsets(2, 3), stream="f"),
            envelope(*offsets(3), stream="f"),
        ]
    )
    assert [(one.accepted, one.repeated) for one in outcomes] == [(2, 0), (1, 1), (0, 1)]


def test_streams_are_told_apart_by_name_and_web_service(store: Store) -> None:
    outcomes = store.append(
        [
            envelope(*offsets(5), stream="f"),
            envelope(*offsets(5), stream="g"),
            envelope(*offsets(5), stream="f", wsid=8),
        ]
    )
    assert [one.accepted for one in outcomes] == [1, 1, 1]


def test_a_duplicate_of_a_stream_gets_its_own_first_answer_and_not_repeated(store: Store) -> None:
    store.append([envelope(*offsets(1, 2), stream="f", name="a")])
    assert store.append([envelope(*offsets(1, 2), stream="f", name="a")]) == [
        Outcome(status=200, accepted=2, duplicate=True)
    ]


def test_a_streams_highest_offset_is_kept_after_its_events_and_outcomes_have_gone(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    store.append([envelope(*offsets(1, 2), stream="f", name="a")])
    store.settle()
    much_later = ms("2027-06-01T00:00")
    while store.expire(much_later, {}):
        pass
    assert store.outcomes([(WSID, identity(WSID, "a"))]) == {}
    store = reopen(store)
    assert store.append([envelope(*offsets(1, 2), stream="f", name="a", received_ms=much_later)]) == [
        Outcome(status=200, repeated=2, highest_offset=2)
    ]


def test_an_empty_envelope_is_told_the_highest_offset_of_its_stream(store: Store) -> None:
    assert store.append([envelope(stream="f")]) == [Outcome(status=200)]
    store.append([envelope(*offsets(0), stream="f")])
    assert store.append([envelope(stream="f")]) == [Outcome(status=200, highest_offset=0)]
    assert store.append([envelope(stream="g")]) == [Outcome(status=200)]


# -- numbers and fields -------------------------------------------------------------------------------------------


def test_numbers_grow_with_entries_and_events_and_are_never_reused(store: Store) -> None:
    store.append([envelope(event(path="/a"), event(path="/b")), envelope(), envelope(event(path="/c"))])
    numbers = {stored.fields["path"]: stored.seq for stored in store.events(WSID, 10)}
    assert numbers == {"/a": 2, "/b": 3, "/c": 6}
    store.settle()
    while store.expire(ms("2027-06-01T00:00"), {}):
        pass
    store.append([envelope(event(path="/d"), received_ms=ms("2027-06-01T00:00"))])
    assert [stored.seq for stored in store.events(WSID, 10)] == [8]


def test_the_latest_events_come_newest_first(store: Store) -> None:
    store.append([envelope(*(event(path=f"/{number}") for number in range(5)))])
    assert [stored.fields["path"] for stored in store.events(WSID, 3)] == ["/4", "/3", "/2"]


def test_events_after_a_number_come_nearest_first(store: Store) -> None:
    store.append([envelope(*(event(path=f"/{number}") for number in range(5)))])
    second = next(one.seq for one in store.events(WSID, 10) if one.fields["path"] == "/1")
    assert [one.fields["path"] for one in store.events(WSID, 2, after=second)] == ["/2", "/3"]


def test_events_of_another_web_service_are_not_shown(store: Store) -> None:
    store.append([envelope(event(path="/mine")), envelope(event(path="/theirs"), wsid=8)])
    assert (paths(store), paths(store, 8), paths(store, 9)) == (["/mine"], ["/theirs"], [])


def test_an_event_is_shown_with_all_its_fields(store: Store) -> None:
    store.append(
        [
            envelope(
                event(
                    ms("2026-11-23T10:00") + 250,
                    path="/shop",
                    query="a=1&utm_source=news",
                    country="AT",
                    region="Vienna",
                    city="Vienna",
                    lat=48.2,
                    lon=16.37,
                    useragent="Mozilla/5.0",
                    os="Linux",
                    browser="Firefox",
                    device="desktop",
                    model="X1",
                    referrer="https://www.example.org/x",
                    referrer_site="example.org",
                    utm_source="news",
                    utm_medium="mail",
                    utm_campaign="autumn",
                    utm_term="shoes",
                    utm_content="top",
                    host="shop.example",
                    method="GET",
                    status=503,
                    duration_us=12_500,
                    bytes=4096,
                    username="anna",
                    ip="192.0.2.0",
                    visitor=-1,
                    extra={"team": "a", "size": 2.5, "count": 3, "vip": True},
                    truncated=("url",),
                ),
                source="web-1",
            )
        ]
    )
    [stored] = store.events(WSID, 1)
    assert (stored.seq, stored.received_ms) == (2, NOW)
    assert stored.fields == {
        "kind": "request",
        "ts": "2026-11-23T10:00:00.250Z",
        "url": "/shop?a=1&utm_source=news",
        "path": "/shop",
        "country": "AT",
        "region": "Vienna",
        "city": "Vienna",
        "lat": 48.2,
        "lon": 16.37,
        "useragent": "Mozilla/5.0",
        "os": "Linux",
        "browser": "Firefox",
        "device": "desktop",
        "model": "X1",
        "bot": False,
        "visitor": "ffffffffffffffff",
        "referrer": "https://www.example.org/x",
        "referrer_site": "example.org",
        "utm_source": "news",
        "utm_medium": "mail",
        "utm_campaign": "autumn",
        "utm_term": "shoes",
        "utm_content": "top",
        "host": "shop.example",
        "method": "GET",
        "status": 503,
        "duration_ms": 12.5,
        "bytes": 4096,
        "username": "anna",
        "ip": "192.0.2.0",
        "source": "web-1",
        "truncated": ["url"],
        "team": "a",
        "size": 2.5,
        "count": 3,
        "vip": True,
    }


def test_an_event_that_knows_little_shows_little(store: Store) -> None:
    store.append([envelope(event(path="/a", query=""))])
    assert store.events(WSID, 1)[0].fields == {
        "kind": "request",
        "ts": "2026-11-23T11:00:00.000Z",
        "url": "/a?",
        "path": "/a",
        "country": "",
        "useragent": None,
        "device": "other",
        "bot": False,
        "visitor": None,
        "source": "",
    }


def test_a_session_is_shown_with_its_extras(store: Store) -> None:
    extra = {"session": "s1", "subject": "anna", "object": "lab", "state": "start"}
    store.append([envelope(event(kind=SESSION, extra=extra))])
    fields = store.events(WSID, 1)[0].fields
    assert fields["kind"] == "session"
    assert {name: fields[name] for name in extra} == extra


@pytest.mark.parametrize("text", ["", " ", "\U0001f980", "'; DROP TABLE events --", "%s*?[x]", "\u202e\n\t"])
def test_any_text_is_kept_as_it_is(store: Store, text: str) -> None:
    store.append([envelope(event(path=text, useragent=text, host=text or None, extra={"team": text}))])
    fields = store.events(WSID, 1)[0].fields
    assert (fields["path"], fields["useragent"], fields["team"]) == (text, text, text)


@pytest.mark.parametrize("number", [0, -1, 2**53, 2**63 - 1, -(2**63), 0.1, 1e300, -2.5, 3.0, True])
def test_any_number_in_an_extra_field_is_kept_as_it_is(store: Store, number: float) -> None:
    store.append([envelope(event(extra={"n": number}))])
    kept = store.events(WSID, 1)[0].fields["n"]
    assert (kept, type(kept)) == (number, type(number))


def test_a_store_does_not_change_what_it_is_given(store: Store) -> None:
    given = envelope(
        event(username="anna", visitor=5), payloads=[("missing", '{"username":"anna"}')], name="a"
    )
    before = msgspec.structs.asdict(given) | {"events": [msgspec.structs.replace(given.events[0])]}
    store.append([given])
    store.settle()
    store.close_days(NOW + 4 * 86_400_000)
    store.append([Envelope(wsid=WSID, id=b"another one" * 2, received_ms=NOW, events=given.events)])
    store.erase_username(WSID, "anna", NOW)
    assert msgspec.structs.asdict(given) == before


# -- sizes --------------------------------------------------------------------------------------------------------


def test_sizes_are_added_up_by_web_service_and_day_of_receipt(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    today = NOW // DAY_MS
    old = envelope(event(), received_ms=NOW - DAY_MS, size=30)
    store.append([envelope(event(), size=100, name="a"), envelope(size=20), old])
    store.append([envelope(event(), size=100, name="a"), envelope(event(), size=7, wsid=8), envelope(wsid=9)])
    store = reopen(store)
    assert store.sizes() == {WSID: {today - 1: 30, today: 120}, 8: {today: 7}}
    store.delete_webservice(WSID, NOW)
    assert store.sizes() == {8: {today: 7}}


def test_sizes_of_days_without_events_go(store: Store) -> None:
    today = NOW // DAY_MS
    for days in (31, 30, 15, 14, 0):
        store.append([envelope(size=1, received_ms=NOW - days * DAY_MS)])
    store.settle()

    def kept(retention_days: dict[int, int]) -> list[int]:
        while store.expire(NOW, retention_days):
            pass
        return sorted(today - day for day in store.sizes()[WSID])

    assert kept({8: 30}) == [0, 14, 15, 30]
    assert kept({}) == [0, 14]
