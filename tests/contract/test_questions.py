# SPDX-License-Identifier: GPL-3.0-or-later
"""Filtered questions, quarantine, positions and sizes."""

from __future__ import annotations

import pytest
from tests.contract.build import (
    COUNTRY,
    LORD_HOWE,
    METHOD,
    NOW,
    PAGE,
    STATUS,
    TODAY,
    WSID,
    by_name,
    counted,
    envelope,
    event,
    ms,
    period,
    s,
    visitors,
)

from tmon.server.catalogue import Classes, View
from tmon.server.events import SESSION
from tmon.server.store import Filter, Grain, Measures, Period, Quarantined, Store, Timed, UnknownView

LATENCY = View("latency", "Latency", "duration_ms", visitors="none", classes=Classes(1, 1000, 10))
SOURCE = View("source", "Sources", "source")
AT = Filter(COUNTRY, "AT")


def append(store: Store, *envelopes: object) -> None:
    store.append(list(envelopes))  # type: ignore[arg-type]
    store.settle()


def today(*filters: Filter) -> Period:
    return period("2026-11-22T23:00", "2026-11-23T23:00", "day", *filters)


def hour(at: str, *filters: Filter) -> Period:
    start = s(at)
    return period(start, start + 3600, "hour", *filters)


# -- durations per bucket -----------------------------------------------------------------------------------------


def timed_events() -> tuple[object, ...]:
    return (
        event("2026-11-23T10:10", country="AT", duration_us=2_000),
        event("2026-11-23T10:20", country="AT", duration_us=4_000),
        event("2026-11-23T10:30", country="DE", duration_us=50_000),
        event("2026-11-23T10:40", country="AT"),
        event("2026-11-23T11:00", country="AT", duration_us=500, bot=True),
        event("2026-11-23T11:00", country="AT", duration_us=9_000, kind=SESSION),
        event("2026-11-22T10:00", country="AT", duration_us=3_000),
    )


def test_durations_are_told_by_bucket_and_key(store: Store) -> None:
    store.sync_views(by_name(LATENCY))
    append(store, envelope(*timed_events()))
    assert store.timings("latency", "hour", today()) == {
        s("2026-11-23T10:00"): {"1": Timed(2, 6_000), "10": Timed(1, 50_000)},
        s("2026-11-23T11:00"): {"0": Timed(1, 500)},
    }
    assert store.timings("latency", "day", period("2026-11-21T23:00", "2026-11-23T23:00")) == {
        s("2026-11-21T23:00"): {"1": Timed(1, 3_000)},
        s("2026-11-22T23:00"): {"0": Timed(1, 500), "1": Timed(2, 6_000), "10": Timed(1, 50_000)},
    }
    assert store.timings("latency", "month", period("2026-10-31T23:00", "2026-11-30T23:00")) == {
        s("2026-10-31T23:00"): {"0": Timed(1, 500), "1": Timed(3, 9_000), "10": Timed(1, 50_000)},
    }


def test_filtered_durations_are_those_of_the_events_that_match(store: Store) -> None:
    store.sync_views(by_name(LATENCY, COUNTRY))
    append(store, envelope(*timed_events()))
    assert store.timings("latency", "hour", today(AT)) == {
        s("2026-11-23T10:00"): {"1": Timed(2, 6_000)},
        s("2026-11-23T11:00"): {"0": Timed(1, 500)},
    }
    assert store.timings("country", "day", today(Filter(COUNTRY, "AT", negated=True))) == {
        s("2026-11-22T23:00"): {"DE": Timed(1, 50_000)},
    }


def test_durations_of_another_web_service_and_of_an_unknown_view_are_not_there(store: Store) -> None:
    store.sync_views(by_name(LATENCY))
    append(store, envelope(*timed_events(), wsid=8))
    assert store.timings("latency", "hour", today()) == {}
    assert store.timings("latency", "hour", today(AT)) == {}
    with pytest.raises(UnknownView):
        store.timings("weather", "hour", today())


# -- filters ------------------------------------------------------------------------------------------------------


def test_a_filter_counts_the_events_that_match(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(
        store,
        envelope(
            event(path="/a", country="AT", visitor=1, duration_us=3, status=500, bytes=9),
            event(path="/a", country="DE", visitor=2),
            event(path="/b", country="AT", visitor=1),
            event(path="/b", country="AT", bot=True, visitor=4),
        ),
    )
    assert store.totals(today(AT)) == Measures(3, 1, 1, 1, 3, 1, 9)
    assert store.ranking("url", today(AT), 5) == (
        [("/b", Measures(2, 1, 1)), ("/a", Measures(1, 1, 0, 1, 3, 1, 9))],
        None,
    )
    assert counted(store.series("hour", today(AT))) == {"2026-11-23T11:00": 3}


def test_several_filters_are_anded(store: Store) -> None:
    append(
        store,
        envelope(
            event(country="AT", method="GET"),
            event(country="AT", method="PUT"),
            event(country="DE", method="GET"),
        ),
    )
    assert store.totals(today(AT, Filter(METHOD, "GET"))).requests == 1
    assert store.totals(today(AT, Filter(METHOD, "GET", negated=True))).requests == 1
    assert store.totals(today(AT, Filter(COUNTRY, "DE"))) == Measures()


def test_a_negated_filter_counts_the_events_that_do_not_match(store: Store) -> None:
    append(store, envelope(event(country="AT"), event(country="DE"), event()))
    assert store.totals(today(Filter(COUNTRY, "AT", negated=True))).requests == 2
    assert store.totals(today(Filter(COUNTRY, "", negated=True))).requests == 2
    assert store.totals(today(Filter(COUNTRY, "*", negated=True))).requests == 0


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/shop/shoes", ["/shop/shoes"]),
        ("/shop/*", ["/shop/shoes", "/shop/"]),
        ("*shoes", ["/shop/shoes", "/Shoes/shoes"]),
        ("/*/*", ["/shop/shoes", "/shop/", "/Shoes/shoes", "/a/[x]?*%_", "/n/\n/m"]),
        ("*s*o*", ["/shop/shoes", "/shop/", "/Shoes/shoes"]),
        ("/SHOP/*", []),
        ("/a/[x]?*%_", ["/a/[x]?*%_"]),
        ("/a/?x??%?", []),
        ("/a/%", []),
        ("*[x]*", ["/a/[x]?*%_"]),
        ("*[s]*", []),
        ("/n/*/m", ["/n/\n/m"]),
        ("", [""]),
        ("*", ["", "/shop/shoes", "/shop/", "/Shoes/shoes", "/a/[x]?*%_", "/n/\n/m", "c:\\x"]),
        ("**", ["", "/shop/shoes", "/shop/", "/Shoes/shoes", "/a/[x]?*%_", "/n/\n/m", "c:\\x"]),
        ("/shop", []),
        (r"/a/[x]?\*%_", ["/a/[x]?*%_"]),
        (r"/\*", []),
        (r"*\**", ["/a/[x]?*%_"]),
        (r"c:\x", ["c:\\x"]),
        (r"c:\\x", ["c:\\x"]),
        (r"c:\\*", ["c:\\x"]),
        ("c:\\", []),
    ],
)
def test_a_star_stands_for_any_text_and_everything_else_for_itself(
    store: Store, pattern: str, found: list[str]
) -> None:
    names = ["", "/shop/shoes", "/shop/", "/Shoes/shoes", "/a/[x]?*%_", "/n/\n/m", "c:\\x"]
    append(store, envelope(*(event(path=path, extra={"team": path}) for path in names)))
    for view in (PAGE, View("team", "Teams", "team")):
        events = store.events(WSID, 10, filters=[Filter(view, pattern)])
        assert sorted(one.fields["path"] for one in events) == sorted(found)
        events = store.events(WSID, 10, filters=[Filter(view, pattern, negated=True)])
        assert sorted(one.fields["path"] for one in events) == sorted(set(names) - set(found))


@pytest.mark.parametrize(
    ("view", "pattern", "fields"),
    [
        (COUNTRY, "AT", {"country": "AT"}),
        (View("os", "OS", "os"), "Lin*", {"os": "Linux"}),
        (View("bot", "Bots", "bot"), "true", {"bot": True}),
        (STATUS, "40*", {"status": 404}),
        (METHOD, "PUT", {"method": "PUT"}),
        (View("h", "H", "host"), "h", {"host": "h"}),
        (View("u", "U", "username"), "anna", {"username": "anna"}),
        (View("r", "R", "referrer"), "https://x/*", {"referrer": "https://x/y"}),
        (View("r", "R", "referrer_site"), "x", {"referrer": "https://x/y", "referrer_site": "x"}),
        (View("c", "C", "utm_campaign"), "autumn", {"utm_campaign": "autumn"}),
        (View("i", "I", "ip"), "2001:db8:*", {"ip": "2001:db8::"}),
        (View("b", "B", "bytes"), "12", {"bytes": 12}),
        (View("lat", "L", "lat"), "48.5", {"lat": 48.5}),
        (View("a", "A", "useragent"), "UA*", {"useragent": "UA/1"}),
        (LATENCY, "10", {"duration_us": 12_000}),
        (LATENCY, "0", {"duration_us": 12}),
        (View("t", "T", "team"), "a", {"extra": {"team": "a"}}),
        (View("t", "T", "team"), "true", {"extra": {"team": True}}),
        (View("t", "T", "team"), "2.5", {"extra": {"team": 2.5}}),
    ],
)
def test_every_field_can_be_filtered_by(
    store: Store, view: View, pattern: str, fields: dict[str, object]
) -> None:
    append(store, envelope(event(path="/yes", **fields), event(path="/no")))
    for negated, expected in ((False, ["/yes"]), (True, ["/no"])):
        one = Filter(view, pattern, negated)
        assert [found.fields["path"] for found in store.events(WSID, 5, filters=[one])] == expected
        assert store.totals(today(one)).requests == 1


def test_the_source_can_be_filtered_by(store: Store) -> None:
    append(store, envelope(event(path="/a"), source="web-1"), envelope(event(path="/b"), source="web-2"))
    assert [one.fields["path"] for one in store.events(WSID, 5, filters=[Filter(SOURCE, "*-2")])] == ["/b"]
    assert store.totals(today(Filter(SOURCE, "web-1"))).requests == 1


def test_a_filtered_visitor_counts_where_its_first_matching_event_of_the_day_is(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(
        store,
        envelope(
            event("2026-11-23T09:00", visitor=1, country="DE", path="/a"),
            event("2026-11-23T11:00", visitor=1, country="AT", path="/a"),
            event("2026-11-23T10:00", visitor=1, country="AT", path="/b"),
            event("2026-11-23T10:30", visitor=1, country="AT", path="/a"),
        ),
    )
    assert store.totals(today(AT)) == Measures(requests=3, visitors=1)
    assert store.totals(hour("2026-11-23T11:00", AT)) == Measures(1, 1)
    assert store.totals(hour("2026-11-23T10:00", AT)) == Measures(2, 0)
    assert {start: one.visitors for start, one in store.series("hour", today(AT)).items()} == {
        s("2026-11-23T10:00"): 0,
        s("2026-11-23T11:00"): 1,
    }
    assert store.ranking("url", hour("2026-11-23T10:00", AT), 5) == (
        [("/a", Measures(1, 0)), ("/b", Measures(1, 1))],
        None,
    )


def test_a_filtered_ranking_counts_first_visitors_once_for_all_keys(store: Store) -> None:
    store.sync_views(by_name(COUNTRY, METHOD))
    append(
        store,
        envelope(*(event(country=country, visitor=1, method="GET") for country in ("AT", "DE", "AT"))),
    )
    got = Filter(METHOD, "GET")
    assert visitors(store.ranking("country", today(got), 5)) == {"AT": 1, "DE": 0}
    assert visitors(store.ranking("method", today(got), 5)) == {"GET": 0}


def test_a_filtered_ranking_of_a_field_of_the_senders_own(store: Store) -> None:
    plan = View("plan", "Plans", "plan")
    store.sync_views(by_name(plan))
    append(
        store,
        envelope(
            event("2026-11-23T10:00", extra={"plan": "free"}, visitor=1, country="AT"),
            event(extra={"plan": "free"}, visitor=1, duration_us=4, status=500, bytes=3),
            event(extra={"plan": "free"}, visitor=2, bot=True),
            event(extra={"plan": "paid"}, visitor=1),
            event(extra={"plan": "paid"}, visitor=2**62 + 1),
            event(extra={"plan": "paid"}, visitor=-(2**63)),
            event(visitor=3),
            event(extra={"plan": "trial"}, visitor=3),
        ),
    )
    not_on_trial = Filter(plan, "trial", negated=True)
    assert store.ranking("plan", hour("2026-11-23T11:00", not_on_trial), 10) == (
        [
            ("paid", Measures(3, 3)),
            ("free", Measures(2, 0, 1, 1, 4, 1, 3)),
            ("", Measures(1, 1)),
        ],
        None,
    )
    from_elsewhere = Filter(COUNTRY, "AT", negated=True)
    assert visitors(store.ranking("plan", hour("2026-11-23T11:00", not_on_trial, from_elsewhere), 10)) == {
        "paid": 3,
        "free": 1,
        "": 1,
    }


def test_filtered_visitors_of_several_days_add_up(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(
        store, envelope(*(event(f"2026-11-{day}T11:00", visitor=1, country="AT") for day in (21, 22, 22, 23)))
    )
    three = period("2026-11-20T23:00", "2026-11-23T23:00", "day", AT)
    assert store.totals(three) == Measures(requests=4, visitors=3)
    assert visitors(store.ranking("url", three, 5)) == {"": 3}
    assert {start: one.visitors for start, one in store.series("day", three).items()} == {
        s("2026-11-20T23:00"): 1,
        s("2026-11-21T23:00"): 1,
        s("2026-11-22T23:00"): 1,
    }


@pytest.mark.parametrize("grain", ["second", "minute", "hour", "day", "month"])
def test_a_filtered_series_that_matches_everything_is_the_unfiltered_one(store: Store, grain: Grain) -> None:
    moments = ("2026-11-23T00:00", "2026-11-23T10:59:59", "2026-11-23T11:00:00", "2026-11-23T11:00:01")
    append(
        store,
        envelope(
            *(event(at, visitor=n % 2) for n, at in enumerate(moments)), received_ms=ms("2026-11-23T01:00")
        ),
    )
    whole = period("2026-10-31T23:00", "2026-11-30T23:00")
    anything = period("2026-10-31T23:00", "2026-11-30T23:00", "day", Filter(PAGE, "*"))
    assert store.series(grain, anything) == store.series(grain, whole)
    assert store.series(grain, whole) != {}


def test_filtered_hours_follow_the_web_services_clock(store: Store) -> None:
    moments = ("2026-04-04T14:00", "2026-04-04T14:59", "2026-04-04T15:29", "2026-04-04T15:30")
    append(store, envelope(*(event(at, calendar=LORD_HOWE) for at in moments)))
    day = period("2026-04-04T13:00", "2026-04-05T13:30", "day", Filter(PAGE, "*"), calendar=LORD_HOWE)
    assert counted(store.series("hour", day)) == {"2026-04-04T14:00": 3, "2026-04-04T15:30": 1}


def test_a_filtered_series_has_only_buckets_that_start_in_the_period(store: Store) -> None:
    append(
        store,
        envelope(
            event("2026-11-22T10:00"),
            event("2026-11-22T16:00"),
            event("2026-11-23T10:00"),
            event("2026-11-23T16:00"),
        ),
    )
    some = period("2026-11-22T12:00", "2026-11-23T12:00", "day", Filter(PAGE, "*"))
    every = period("2026-11-22T12:00", "2026-11-23T12:00", "day")
    assert counted(store.series("day", every)) == {"2026-11-22T23:00": 2}
    assert counted(store.series("day", some)) == {"2026-11-22T23:00": 2}


def test_a_filtered_ranking_is_cut_like_any_other(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(
        store, envelope(*(event(path=path, country="AT") for path in "cbaa"), event(path="b", country="DE"))
    )
    assert store.ranking("url", today(AT), 2) == ([("a", Measures(2)), ("b", Measures(1))], Measures(1))
    assert store.ranking("url", today(AT), 0) == ([], Measures(4))


def test_filtered_questions_about_requests_leave_sessions_out(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(
        store,
        envelope(
            event(kind=SESSION, visitor=1, country="AT", extra={"object": "lab"}),
            event(visitor=1, country="AT", path="/a"),
        ),
    )
    assert store.totals(today(AT)) == Measures(1, 1)
    assert store.ranking("url", today(AT), 5) == ([("/a", Measures(1, 1))], None)
    assert counted(store.series("minute", today(AT))) == {"2026-11-23T11:00": 1}


def test_filtered_answers_are_not_bound_by_the_limits_of_counts(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, envelope(*(event(path=f"/{number}", country="AT") for number in range(9))))
    assert store.ranking("url", today(AT), 20).other is None
    assert len(store.ranking("url", today(AT), 20).rows) == 9


def test_filtered_events_come_newest_first_and_are_limited(store: Store) -> None:
    append(store, envelope(*(event(path=f"/{n}", country="AT" if n % 2 else "DE") for n in range(10))))
    assert [one.fields["path"] for one in store.events(WSID, 2, filters=[AT])] == ["/9", "/7"]
    first = store.events(WSID, 10, filters=[AT])[-1].seq
    assert [one.fields["path"] for one in store.events(WSID, 2, after=first, filters=[AT])] == ["/3", "/5"]


def test_filtered_questions_are_of_one_web_service(store: Store) -> None:
    append(store, envelope(event(country="AT")), envelope(event(country="AT"), wsid=8))
    assert store.totals(today(AT)).requests == 1


# -- quarantine ---------------------------------------------------------------------------------------------------


def test_rejected_payloads_are_kept_newest_first(store: Store) -> None:
    append(
        store,
        envelope(event(), payloads=[("missing", "{}"), ("future", "[1]")], source="web-1"),
        envelope(refused="not_json", payloads=[("not_json", "\u00e9\n")], received_ms=NOW + 5),
    )
    assert store.quarantine(WSID, 10) == [
        Quarantined(NOW + 5, "", "not_json", "\u00e9\n"),
        Quarantined(NOW, "web-1", "future", "[1]"),
        Quarantined(NOW, "web-1", "missing", "{}"),
    ]
    assert store.quarantine(WSID, 1) == [Quarantined(NOW + 5, "", "not_json", "\u00e9\n")]
    assert store.quarantine(8, 10) == []


def test_the_oldest_payloads_make_room_per_web_service(store: Store) -> None:
    append(store, envelope(payloads=[("x", "theirs")], wsid=8))
    for number in range(3):
        append(store, envelope(payloads=[("x", f"{number}a"), ("x", f"{number}b")]))
    assert [row.payload for row in store.quarantine(WSID, 10)] == ["2b", "2a", "1b"]
    append(store, envelope(payloads=[("x", str(number)) for number in range(10)]))
    assert [row.payload for row in store.quarantine(WSID, 10)] == ["9", "8", "7"]
    assert [row.payload for row in store.quarantine(8, 10)] == ["theirs"]


def test_a_replayed_envelope_is_quarantined_once(store: Store) -> None:
    for _ in range(2):
        append(store, envelope(payloads=[("x", "{}")], name="a"))
    assert len(store.quarantine(WSID, 10)) == 1


# -- positions ----------------------------------------------------------------------------------------------------


def test_an_answer_is_as_of_now_when_nothing_waits(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    assert store.as_of_ms(NOW) == NOW
    append(store, envelope(event()))
    assert (store.as_of_ms(NOW + 9), store.as_of_ms(NOW + 9, "url")) == (NOW + 9, NOW + 9)


def test_an_answer_is_as_of_the_receipt_of_the_first_that_waits(store: Store) -> None:
    append(store, envelope(event(), received_ms=NOW))
    store.append([envelope(event(), received_ms=NOW + 5), envelope(event(), received_ms=NOW + 9)])
    assert store.as_of_ms(NOW + 100) == NOW + 5
    store.settle()
    assert store.as_of_ms(NOW + 100) == NOW + 100


def test_while_a_view_fills_only_its_own_answers_are_older(store: Store) -> None:
    store.sync_views(by_name(STATUS))
    append(store, envelope(event(), received_ms=NOW - 500))
    store.sync_views(by_name(STATUS, PAGE))
    assert store.as_of_ms(NOW, "status") == NOW
    assert store.as_of_ms(NOW, "url") == NOW - 500
    assert store.as_of_ms(NOW) == NOW


def test_closings_and_erasures_that_wait_do_not_make_an_answer_older(store: Store) -> None:
    append(store, envelope(event()))
    later = NOW + 4 * 86_400_000
    store.close_days(later)
    store.erase_username(WSID, "anna", later + 1)
    assert store.as_of_ms(later + 2) == later + 2


def test_positions_tell_how_far_the_views_are(store: Store) -> None:
    store.append([envelope(event(), event(), received_ms=NOW - 70), envelope(event(), received_ms=NOW - 30)])
    stats = store.stats(NOW)
    assert (stats.last_seq, stats.position, stats.behind_events, stats.behind_ms) == (5, 0, 5, 70)
    store.settle()
    stats = store.stats(NOW)
    assert (stats.last_seq, stats.position, stats.behind_events, stats.behind_ms) == (5, 5, 0, 0)
    assert stats.filling == []


def test_the_newest_receipt_is_told(store: Store) -> None:
    assert store.stats(NOW).newest_ms is None
    store.append([envelope(event(), received_ms=NOW - 70), envelope(event(), received_ms=NOW - 30)])
    store.close_days(NOW + 4 * 86_400_000)
    assert store.stats(NOW).newest_ms == NOW - 30


def test_a_view_that_fills_does_not_count_as_behind(store: Store) -> None:
    append(store, envelope(event(), received_ms=NOW - 70))
    store.sync_views(by_name(PAGE))
    stats = store.stats(NOW)
    assert (stats.position, stats.behind_events, stats.behind_ms, stats.filling) == (2, 0, 0, ["url"])


def test_advancing_tells_whether_anything_is_left(store: Store) -> None:
    assert store.advance() is False
    store.append([envelope(event())])
    calls = 0
    while store.advance():
        calls += 1
        assert calls < 10
    assert store.totals(TODAY).requests == 1
    assert store.advance() is False
