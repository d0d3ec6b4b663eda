# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of the reading API, asked of a store of real files."""

from __future__ import annotations

from typing import Any

import pytest

from tmon.server.events import Event, Place
from tmon.server.query import BadQuestion, NoSuchView, Questions
from tmon.server.query.tables import as_csv
from tmon.server.store.base import Rejected, Unavailable

from .conftest import World, shown

DAY_MS = 86_400_000


def row(key: str | None, requests: int, **rest: Any) -> dict[str, Any]:
    """A row of a ranking; what is not given is 0."""
    zero = {"visitors": 0, "bots": 0, "errors": 0, "duration_ms": None, "bytes": 0}
    other = {} if key is not None else {"other": True}
    return {"key": key, **other, "requests": requests, **zero, **rest}


def visits(number: int) -> dict[str, int]:
    """What a bucket of a series has of so many visits of one page."""
    return {"visits": number, "bounces": number}


def test_a_ranking_has_the_most_requests_first_and_ties_by_key(world: World) -> None:
    world.add(
        world.event("2024-05-15 10:00", "DE", visitor=1, status=200, duration_us=10_000, bytes=100),
        world.event("2024-05-15 10:01", "DE", visitor=1, status=500, duration_us=20_500, bytes=50),
        world.event("2024-05-15 11:00", "AT", visitor=2),
        world.event("2024-05-15 11:00", "", visitor=3),
        world.event("2024-05-15 11:00", "FR", "crawler"),
    )
    assert shown(world.questions.ranking(world.subject, "country", {})) == {
        "status_code": 200,
        "results": [
            row("DE", 2, visitors=1, errors=1, duration_ms=15.25, bytes=150),
            row("", 1, visitors=1),
            row("AT", 1, visitors=1),
            row("FR", 1, bots=1),
        ],
        "from": "2024-05-14T12:00:00+02:00",
        "to": "2024-05-15T13:00:00+02:00",
        "complete_from": None,
        "as_of": "2024-05-15T12:20:30.000+02:00",
    }


def test_beyond_the_limit_everything_is_one_row_so_that_totals_are_exact(world: World) -> None:
    world.add(*(world.event("2024-05-15 10:00", country) for country in ("DE", "DE", "AT", "FR", "IT")))
    answer = shown(world.questions.ranking(world.subject, "country", {"limit": ["2"]}))
    assert answer["results"] == [row("DE", 2), row("AT", 1), row(None, 2)]


def test_ten_rows_are_shown_unless_said(world: World) -> None:
    world.add(*(world.event("2024-05-15 10:00", path=f"/{n:02}") for n in range(12)))
    answer = shown(world.questions.ranking(world.subject, "url", {}))
    assert [one["key"] for one in answer["results"]] == [*(f"/{n:02}" for n in range(10)), None]


def test_a_period_without_events_has_no_rows(world: World) -> None:
    world.add(world.event("2024-05-10 10:00"))
    assert shown(world.questions.ranking(world.subject, "country", {}))["results"] == []


def test_another_web_service_sees_nothing_of_it(world: World) -> None:
    world.add(world.event("2024-05-15 10:00"), wsid=8)
    assert shown(world.questions.ranking(world.subject, "country", {}))["results"] == []
    assert shown(world.questions.events(world.subject, {}))["results"] == []
    assert shown(world.questions.sources(world.subject, {}))["results"] == []


def test_a_ranking_of_months_days_and_hours_adds_up(world: World) -> None:
    for at in (
        "2024-01-01 00:00",
        "2024-02-29 23:59",
        "2024-03-31 23:59",
        "2024-04-01 05:00",
        "2024-04-02 03:30",
    ):
        world.add(world.event(at))
    world.add(world.event("2023-12-31 23:59"), world.event("2024-04-02 04:00"))
    given = {"from": ["2024-01-01"], "to": ["2024-04-02T03:40"]}
    assert shown(world.questions.ranking(world.subject, "country", given))["results"] == [row("AT", 5)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["country:DE"], {"/a": 1, "/b": 1}),
        (["!country:DE"], {"/a": 1, "/c/d": 1}),
        (["country:!DE"], {"/a": 1, "/c/d": 1}),
        (["country:DE", "browser:Fire*"], {"/a": 1}),
        (["url:/c/*"], {"/c/d": 1}),
        (["country:"], {"/c/d": 1}),
        (["country:*"], {"/a": 2, "/b": 1, "/c/d": 1}),
        (["country:de"], {}),
    ],
)
def test_filters_must_all_hold(world: World, filters: list[str], expected: dict[str, int]) -> None:
    world.add(
        world.event("2024-05-15 10:00", "DE", "firefox", path="/a"),
        world.event("2024-05-15 10:00", "DE", "safari", path="/b"),
        world.event("2024-05-15 10:00", "AT", "firefox", path="/a"),
        world.event("2024-05-15 10:00", "", "firefox", path="/c/d"),
    )
    answer = shown(world.questions.ranking(world.subject, "url", {"filter": filters}))
    assert {one["key"]: one["requests"] for one in answer["results"]} == expected
    summary = shown(world.questions.summary(world.subject, {"filter": filters}))
    assert summary["results"]["requests"] == sum(expected.values())


def test_an_unknown_view_is_not_there(world: World) -> None:
    with pytest.raises(NoSuchView, match="'weather'"):
        world.questions.ranking(world.subject, "weather", {})


@pytest.mark.parametrize(
    "given",
    [
        {"form": ["-7d"]},
        {"from": ["tomorrow"]},
        {"limit": ["10001"]},
        {"limit": ["0"]},
        {"filter": ["weather:rain"]},
        {"compare": ["next"]},
        {"format": ["xml"]},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(world: World, given: dict[str, list[str]]) -> None:
    with pytest.raises(BadQuestion):
        world.questions.ranking(world.subject, "country", given)


def test_a_series_is_zero_filled_and_ends_now(world: World) -> None:
    world.add(
        world.event("2024-05-15 12:20:28", duration_us=4000, visitor=1),
        world.event("2024-05-15 12:20:30"),
        world.event("2024-05-15 12:20:20"),
    )
    answer = shown(world.questions.series(world.subject, "second", "3", {}))
    empty = {"requests": 0, "visitors": 0, "bots": 0, "errors": 0, "duration_ms": None, "bytes": 0}
    assert answer["results"] == [
        {"t": "2024-05-15T12:20:28+02:00", **empty, "requests": 1, "visitors": 1, "duration_ms": 4.0},
        {"t": "2024-05-15T12:20:29+02:00", **empty},
        {"t": "2024-05-15T12:20:30+02:00", **empty, "requests": 1},
    ]
    assert (answer["from"], answer["to"]) == ("2024-05-15T12:20:28+02:00", "2024-05-15T12:20:31+02:00")


@pytest.mark.parametrize(
    ("grain", "given", "first", "last", "requests"),
    [
        ("minute", {}, "2024-05-15T12:18:00+02:00", "2024-05-15T12:20:00+02:00", [0, 0, 1]),
        ("hour", {}, "2024-05-15T10:00:00+02:00", "2024-05-15T12:00:00+02:00", [1, 0, 1]),
        ("day", {}, "2024-05-13T00:00:00+02:00", "2024-05-15T00:00:00+02:00", [0, 1, 2]),
        ("day", {"to": ["yesterday"]}, "2024-05-12T00:00:00+02:00", "2024-05-14T00:00:00+02:00", [0, 0, 1]),
        ("day", {"from": ["yesterday"]}, "2024-05-14T00:00:00+02:00", "2024-05-15T00:00:00+02:00", [1, 2]),
        ("day", {"to": ["month"]}, "2024-05-13T00:00:00+02:00", "2024-05-15T00:00:00+02:00", [0, 1, 2]),
        ("hour", {"from": ["-1h"]}, "2024-05-15T11:00:00+02:00", "2024-05-15T12:00:00+02:00", [0, 1]),
        (
            "hour",
            {"filter": ["country:DE"]},
            "2024-05-15T10:00:00+02:00",
            "2024-05-15T12:00:00+02:00",
            [1, 0, 0],
        ),
        (
            "minute",
            {"filter": ["country:AT"]},
            "2024-05-15T12:18:00+02:00",
            "2024-05-15T12:20:00+02:00",
            [0, 0, 1],
        ),
        (
            "day",
            {"filter": ["country:AT"]},
            "2024-05-13T00:00:00+02:00",
            "2024-05-15T00:00:00+02:00",
            [0, 0, 1],
        ),
    ],
)
def test_a_series_is_of_local_buckets(
    world: World, grain: str, given: dict[str, list[str]], first: str, last: str, requests: list[int]
) -> None:
    world.add(
        world.event("2024-05-14 23:59:59", "DE"),
        world.event("2024-05-15 10:00", "DE"),
        world.event("2024-05-15 12:20:10", "AT"),
    )
    answer = shown(world.questions.series(world.subject, grain, "3", given))
    assert [one["requests"] for one in answer["results"]] == requests
    assert (answer["results"][0]["t"], answer["results"][-1]["t"]) == (first, last)


def test_a_series_of_the_future_is_empty(world: World) -> None:
    answer = shown(
        world.questions.series(world.subject, "day", "3", {"from": ["2024-05-16"], "to": ["2024-05-17"]})
    )
    assert answer["results"] == []
    assert (answer["from"], answer["to"]) == ("2024-05-16T00:00:00+02:00", "2024-05-18T00:00:00+02:00")


@pytest.mark.parametrize(
    ("grain", "limit"), [("second", "7201"), ("minute", "0"), ("hour", "x"), ("day", "-1")]
)
def test_a_series_of_impossible_length_is_refused(world: World, grain: str, limit: str) -> None:
    with pytest.raises(BadQuestion):
        world.questions.series(world.subject, grain, limit, {})


def test_a_series_by_anything_else_is_not_there(world: World) -> None:
    with pytest.raises(NoSuchView, match="second, minute, hour, day"):
        world.questions.series(world.subject, "week", "3", {})


def timed(world: World, duration_ms: float, country: str = "AT") -> Event:
    return world.event("2024-05-15 10:00", country, duration_us=int(duration_ms * 1000), bytes=10, status=200)


def test_a_summary_has_totals_and_percentiles(world: World) -> None:
    world.add(*(timed(world, n) for n in range(1, 101)))
    world.add(
        world.event("2024-05-15 10:00", visitor=5, status=503),
        world.event("2024-05-15 10:00", agent="crawler"),
    )
    results = shown(world.questions.summary(world.subject, {}))["results"]
    assert results == {
        "requests": 102,
        "visitors": 1,
        "bots": 1,
        "errors": 1,
        "bytes": 1000,
        "p50_ms": pytest.approx(50, rel=0.05),
        "p95_ms": pytest.approx(95, rel=0.05),
        "p99_ms": pytest.approx(99, rel=0.05),
        "visits": 0,
        "bounces": 0,
        "pages": 0,
        "visit_s": None,
        "median_visit_s": None,
    }


def test_a_filtered_summary_has_the_percentiles_of_what_matches(world: World) -> None:
    world.add(*(timed(world, 10, "AT") for _ in range(50)), *(timed(world, 1000, "DE") for _ in range(50)))
    results = shown(world.questions.summary(world.subject, {"filter": ["country:DE"]}))["results"]
    assert results["requests"] == 50
    assert results["p50_ms"] == pytest.approx(1000, rel=0.05)


def test_without_durations_or_without_the_latency_view_percentiles_are_null(world: World) -> None:
    world.add(world.event("2024-05-15 10:00"))
    assert shown(world.questions.summary(world.subject, {}))["results"]["p50_ms"] is None
    world.add(timed(world, 10))
    world.store.sync_views({name: view for name, view in world.views().items() if name != "latency"})
    results = shown(world.questions.summary(world.subject, {}))["results"]
    assert (results["requests"], results["p50_ms"], results["p99_ms"]) == (2, None, None)


def test_percentiles_under_a_millisecond_are_the_mean_and_named_as_approximate(world: World) -> None:
    world.add(*(world.event("2024-05-15 12:00", duration_us=us) for us in (100, 200, 900)))
    answer = shown(world.questions.summary(world.subject, {}))
    assert (answer["results"]["p50_ms"], answer["results"]["p99_ms"]) == (0.4, 0.4)
    assert answer["approximate"] == ["p50_ms", "p95_ms", "p99_ms"]


def test_percentiles_within_the_classes_are_not_approximate(world: World) -> None:
    world.add(*(world.event("2024-05-15 12:00", duration_us=us) for us in (900, 5_000, 5_000)))
    assert "approximate" not in shown(world.questions.summary(world.subject, {}))


def test_a_series_has_the_percentiles_of_each_bucket_where_they_are_asked_for(world: World) -> None:
    world.add(*(world.event("2024-05-15 10:30", duration_us=n * 1000) for n in range(1, 101)))
    world.add(world.event("2024-05-15 11:30"), world.event("2024-05-14 09:00", duration_us=7_000))
    hours = shown(world.questions.series(world.subject, "hour", "3", {"with": ["percentiles"]}))
    about = [(one["p50_ms"], one["p95_ms"], one["p99_ms"]) for one in hours["results"]]
    assert about[0] == (
        pytest.approx(50, rel=0.05),
        pytest.approx(95, rel=0.05),
        pytest.approx(99, rel=0.05),
    )
    assert about[1:] == [(None, None, None), (None, None, None)]
    days = shown(world.questions.series(world.subject, "day", "2", {"with": ["percentiles"]}))
    assert [one["p99_ms"] for one in days["results"]] == [
        pytest.approx(7, rel=0.05),
        pytest.approx(99, rel=0.05),
    ]
    assert "p50_ms" not in shown(world.questions.series(world.subject, "day", "2", {}))["results"][0]


def test_the_percentiles_of_a_filtered_series_are_those_of_what_matches(world: World) -> None:
    world.add(*(timed(world, 10, "AT") for _ in range(50)), *(timed(world, 1000, "DE") for _ in range(50)))
    given = {"with": ["percentiles"], "filter": ["country:DE"], "from": ["today"]}
    [today] = shown(world.questions.series(world.subject, "day", "9", given))["results"]
    assert (today["requests"], today["p50_ms"]) == (50, pytest.approx(1000, rel=0.05))


def test_percentiles_of_a_series_are_compared_too(world: World) -> None:
    world.add(
        world.event("2024-05-15 10:00", duration_us=20_000),
        world.event("2024-05-14 10:00", duration_us=400),
        world.event("2024-05-14 10:00", duration_us=600),
    )
    given = {"with": ["percentiles"], "compare": ["previous"]}
    answer = shown(world.questions.series(world.subject, "day", "1", given))
    [today] = answer["results"]
    assert (today["p95_ms"], today["previous"]["p95_ms"]) == (pytest.approx(20, rel=0.05), 0.5)
    assert answer["approximate"] == ["p50_ms", "p95_ms", "p99_ms"]


def test_without_the_latency_view_the_percentiles_of_a_series_are_null(world: World) -> None:
    world.add(timed(world, 10))
    world.store.sync_views({name: view for name, view in world.views().items() if name != "latency"})
    [today] = shown(world.questions.series(world.subject, "day", "1", {"with": ["percentiles"]}))["results"]
    assert (today["duration_ms"], today["p95_ms"]) == (10.0, None)


@pytest.mark.parametrize("grain", ["second", "minute"])
def test_seconds_and_minutes_have_no_percentiles(world: World, grain: str) -> None:
    with pytest.raises(BadQuestion, match=f"by {grain} there is the mean"):
        world.questions.series(world.subject, grain, "3", {"with": ["percentiles"]})


def test_a_series_can_be_had_with_percentiles_alone(world: World) -> None:
    with pytest.raises(BadQuestion, match="with is percentiles"):
        world.questions.series(world.subject, "hour", "3", {"with": ["visitors"]})


def test_a_series_gives_only_the_measures_that_are_asked_for(world: World) -> None:
    world.add(timed(world, 10), world.event("2024-05-14 10:00"))
    given = {"measures": ["errors,requests"], "compare": ["previous"]}
    answer = world.questions.series(world.subject, "day", "1", given)
    assert shown(answer)["results"] == [
        {
            "t": "2024-05-15T00:00:00+02:00",
            "requests": 1,
            "errors": 0,
            "previous": {"t": "2024-05-14T00:00:00+02:00", "requests": 1, "errors": 0},
        }
    ]
    assert as_csv(answer, "series").splitlines()[0] == (
        b"t,requests,errors,previous_t,previous_requests,previous_errors"
    )
    for wrong in ("", "p95_ms", "requests,", "Requests", "requests errors", "__class__"):
        with pytest.raises(BadQuestion, match="measures are requests, visitors"):
            world.questions.series(world.subject, "day", "1", {"measures": [wrong]})


def test_a_series_says_from_which_day_on_late_events_count_in_full(world: World) -> None:
    def open_from(given: dict[str, list[str]]) -> Any:
        return shown(world.questions.series(world.subject, "day", "9", given))["open_from"]

    # It is noon on 15 May: the 13th has been over for 36 hours, the 12th for 60.
    assert open_from({"from": ["-7d"]}) == "2024-05-13"
    assert open_from({"from": ["today"]}) == "2024-05-15"
    assert open_from({"from": ["-7d"], "to": ["2024-05-12"]}) is None
    world.add(world.event("2024-05-10 10:00"))  # an import: its day stays open for 48 hours more
    assert open_from({"from": ["-7d"]}) == "2024-05-10"
    assert open_from({"from": ["-7d"], "to": ["2024-05-12"]}) == "2024-05-10"
    world.store.close_days(int(world.now * 1000) + 3 * DAY_MS)
    assert open_from({"from": ["-7d"], "to": ["2024-05-12"]}) is None
    assert open_from({"from": ["2024-05-16"], "to": ["2024-05-17"]}) == "2024-05-16"


# -- compared with the period before ------------------------------------------------------------------------------

COMPARED = {"compare": ["previous"]}
YESTERDAY = {"from": ["yesterday"], "to": ["yesterday"], **COMPARED}


def figures(requests: int, **rest: Any) -> dict[str, Any]:
    """Figures; what is not given is 0."""
    zero = {"visitors": 0, "bots": 0, "errors": 0, "duration_ms": None, "bytes": 0}
    return {"requests": requests, **zero, **rest}


def test_a_ranking_is_compared_with_as_many_days_before(world: World) -> None:
    world.add(
        world.event("2024-05-13 10:00", "DE", visitor=1, status=500, duration_us=20_500, bytes=50),
        world.event("2024-05-13 11:00", "FR"),
        world.event("2024-05-14 00:00", "DE", bytes=7),
        world.event("2024-05-14 23:59", "DE"),
        world.event("2024-05-14 12:00", "AT"),
        world.event("2024-05-12 23:59", "AT"),
        world.event("2024-05-15 00:00", "AT"),
    )
    answer = shown(world.questions.ranking(world.subject, "country", YESTERDAY))
    assert answer["results"] == [
        {
            **row("DE", 2, bytes=7),
            "previous": figures(1, visitors=1, errors=1, duration_ms=20.5, bytes=50),
        },
        {**row("AT", 1), "previous": figures(0)},
        {**row(None, 0), "previous": figures(1)},
    ]
    assert (answer["from"], answer["to"]) == ("2024-05-14T00:00:00+02:00", "2024-05-15T00:00:00+02:00")
    assert (answer["previous_from"], answer["previous_to"]) == (
        "2024-05-13T00:00:00+02:00",
        "2024-05-14T00:00:00+02:00",
    )


def test_without_a_comparison_nothing_is_said_of_it(world: World) -> None:
    world.add(world.event("2024-05-15 10:00"))
    for answer in (
        shown(world.questions.ranking(world.subject, "country", {})),
        shown(world.questions.series(world.subject, "day", "1", {})),
        shown(world.questions.summary(world.subject, {})),
    ):
        assert "previous_from" not in answer
        assert "previous" not in str(answer["results"])


@pytest.mark.parametrize("limit", ["1", "2", "3", "10"])
@pytest.mark.parametrize("filters", [[], ["url:*"]])
def test_the_rows_of_a_comparison_add_up_to_the_totals_of_both_periods(
    world: World, limit: str, filters: list[str]
) -> None:
    world.add(*(world.event("2024-05-14 10:00", country) for country in ("DE", "DE", "AT", "FR")))
    world.add(*(world.event("2024-05-13 10:00", country) for country in ("IT", "IT", "IT", "DE", "CH")))
    given = {**YESTERDAY, "limit": [limit], "filter": filters}
    rows = shown(world.questions.ranking(world.subject, "country", given))["results"]
    assert sum(one["requests"] for one in rows) == 4
    assert sum(one["previous"]["requests"] for one in rows) == 5


def test_hours_are_compared_with_as_many_hours_before(world: World) -> None:
    world.add(
        world.event("2024-05-13 11:00"), world.event("2024-05-13 10:59"), world.event("2024-05-14 12:00")
    )
    answer = shown(world.questions.ranking(world.subject, "country", COMPARED))
    assert answer["results"] == [{**row("AT", 1), "previous": figures(1)}]
    assert answer["previous_from"] == "2024-05-13T11:00:00+02:00"


def test_a_filtered_comparison_is_of_what_matches(world: World) -> None:
    world.add(
        world.event("2024-05-14 10:00", "DE", path="/a"),
        world.event("2024-05-13 10:00", "DE", path="/a"),
        world.event("2024-05-13 10:00", "AT", path="/a"),
        world.event("2024-05-13 10:00", "DE", path="/b"),
    )
    answer = shown(world.questions.ranking(world.subject, "url", {**YESTERDAY, "filter": ["country:DE"]}))
    assert answer["results"] == [
        {**row("/a", 1), "previous": figures(1)},
        {**row(None, 0), "previous": figures(1)},
    ]


def test_a_summary_is_compared_figure_by_figure(world: World) -> None:
    world.add(
        world.event("2024-05-14 10:00", visitor=1),
        *(world.event("2024-05-13 10:00", visitor=n, duration_us=50_000, bytes=3) for n in range(3)),
        world.event("2024-05-13 10:00", agent="crawler", status=500),
    )
    results = shown(world.questions.summary(world.subject, YESTERDAY))["results"]
    assert (results["requests"], results["p50_ms"]) == (1, None)
    assert results["previous"] == {
        "requests": 4,
        "visitors": 3,
        "bots": 1,
        "errors": 1,
        "bytes": 9,
        "p50_ms": pytest.approx(50, rel=0.05),
        "p95_ms": pytest.approx(50, rel=0.05),
        "p99_ms": pytest.approx(50, rel=0.05),
        "visits": 3,
        "bounces": 3,
        "pages": 3,
        "visit_s": 0.0,
        "median_visit_s": 0.0,
    }


def test_a_percentile_that_is_loose_in_either_period_is_named(world: World) -> None:
    world.add(*(world.event("2024-05-13 12:00", duration_us=us) for us in (100, 200)))
    assert "approximate" not in shown(world.questions.summary(world.subject, {**YESTERDAY, "compare": []}))
    answer = shown(world.questions.summary(world.subject, YESTERDAY))
    assert answer["approximate"] == ["p50_ms", "p95_ms", "p99_ms"]


def test_a_series_is_compared_with_as_many_buckets_before(world: World) -> None:
    world.add(
        world.event("2024-05-15 10:00"),
        world.event("2024-05-13 23:59", visitor=1),
        world.event("2024-05-12 00:00"),
        world.event("2024-05-11 23:59"),
    )
    answer = shown(world.questions.series(world.subject, "day", "2", COMPARED))
    assert answer["results"] == [
        {
            "t": "2024-05-14T00:00:00+02:00",
            **figures(0),
            **visits(0),
            "previous": {"t": "2024-05-12T00:00:00+02:00", **figures(1), **visits(0)},
        },
        {
            "t": "2024-05-15T00:00:00+02:00",
            **figures(1),
            **visits(0),
            "previous": {"t": "2024-05-13T00:00:00+02:00", **figures(1, visitors=1), **visits(1)},
        },
    ]
    assert (answer["previous_from"], answer["previous_to"]) == (
        "2024-05-12T00:00:00+02:00",
        "2024-05-14T00:00:00+02:00",
    )


def test_days_on_which_the_clock_changes_are_days_in_a_comparison(world: World) -> None:
    world.now = world.at("2024-04-03 12:00")
    world.add(
        world.event("2024-03-31 00:30"), world.event("2024-04-01 23:30"), world.event("2024-03-30 23:30")
    )
    given = {"from": ["2024-04-01"], "to": ["2024-04-01"], **COMPARED}
    answer = shown(world.questions.ranking(world.subject, "country", given))
    assert answer["results"] == [{**row("AT", 1), "previous": figures(1)}]
    assert (answer["previous_from"], answer["from"]) == (
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
    )
    points = shown(world.questions.series(world.subject, "day", "1", given))["results"]
    assert points[0]["previous"]["t"] == "2024-03-31T00:00:00+01:00"


def test_a_series_of_the_future_has_nothing_to_compare(world: World) -> None:
    given = {"from": ["2024-05-16"], "to": ["2024-05-17"], **COMPARED}
    answer = shown(world.questions.series(world.subject, "day", "3", given))
    assert (answer["results"], answer["previous_from"]) == ([], "2024-05-14T00:00:00+02:00")


def expired(world: World) -> None:
    """Events of 20 April that are deleted, while those of a later day and all counts are there."""
    world.add(world.event("2024-04-20 10:00"), received_ms=int(world.at("2024-04-20 12:00") * 1000))
    world.add(world.event("2024-04-22 10:00"), world.event("2024-04-18 10:00"))
    world.store.settle()
    world.store.close_days(int(world.now * 1000))
    world.store.settle()
    while world.store.expire(int(world.now * 1000), {}):
        pass


def test_where_a_period_is_not_complete_there_is_no_comparison(world: World) -> None:
    expired(world)
    given = {"from": ["2024-04-22"], "to": ["2024-04-23"], "filter": ["country:AT"], **COMPARED}
    answer = shown(world.questions.ranking(world.subject, "country", given))
    assert (answer["results"], answer["complete_from"]) == (
        [{**row("AT", 1), "previous": None}],
        "2024-04-21",
    )
    summary = shown(world.questions.summary(world.subject, given))
    assert (summary["results"]["requests"], summary["results"]["previous"]) == (1, None)
    unfiltered = shown(world.questions.ranking(world.subject, "country", {**given, "filter": []}))
    assert unfiltered["results"] == [{**row("AT", 1), "previous": figures(1)}]
    older = {**given, "from": ["2024-04-20"], "to": ["2024-04-21"]}
    assert shown(world.questions.summary(world.subject, older))["results"]["previous"] is None


def test_a_percentile_that_is_not_shown_is_not_named(world: World) -> None:
    expired(world)
    world.add(*(world.event("2024-04-21 10:00", duration_us=us) for us in (100, 200)))
    given = {"from": ["2024-04-21"], "to": ["2024-04-21"], "filter": ["country:AT"]}
    assert shown(world.questions.summary(world.subject, given))["approximate"] == [
        "p50_ms",
        "p95_ms",
        "p99_ms",
    ]
    after = {**given, "from": ["2024-04-22"], "to": ["2024-04-23"], **COMPARED}
    answer = shown(world.questions.summary(world.subject, after))
    assert (answer["results"]["previous"], "approximate" in answer) == (None, False)


def test_a_series_is_compared_where_both_buckets_are_complete(world: World) -> None:
    expired(world)
    given = {"from": ["2024-04-19"], "to": ["2024-04-24"], "filter": ["country:AT"], **COMPARED}
    answer = shown(world.questions.series(world.subject, "day", "3", given))
    assert [(one["t"][:10], one["previous"] and one["previous"]["t"][:10]) for one in answer["results"]] == [
        ("2024-04-22", None),
        ("2024-04-23", None),
        ("2024-04-24", "2024-04-21"),
    ]
    assert answer["complete_from"] == "2024-04-21"


def test_seconds_and_minutes_that_are_kept_no_more_are_not_said_to_be_none(world: World) -> None:
    world.add(world.event("2024-05-05 10:00"), world.event("2024-05-15 10:00"))
    minutes = shown(
        world.questions.series(
            world.subject, "minute", "60", {"from": ["2024-05-05T09:30"], "to": ["2024-05-05T10:30"]}
        )
    )
    assert minutes["complete_from"] == "2024-05-08"
    quiet = shown(world.questions.series(world.subject, "minute", "60", {"to": ["2024-05-04T10:30"]}))
    assert quiet["complete_from"] is None
    seconds = shown(world.questions.series(world.subject, "second", "7200", COMPARED))
    assert seconds["complete_from"] == "2024-05-16"
    assert (seconds["results"][0]["previous"], seconds["results"][-2]["previous"]) == (None, None)
    assert seconds["results"][-1]["previous"]["t"] == "2024-05-15T10:20:30+02:00"
    assert shown(world.questions.series(world.subject, "second", "7200", {}))["complete_from"] is None
    assert shown(world.questions.series(world.subject, "minute", "11520", {}))["complete_from"] is None


def test_minutes_are_compared_as_far_back_as_they_are_kept(world: World) -> None:
    world.add(
        world.event("2024-05-15 10:00"), world.event("2024-05-07 12:20:59"), world.event("2024-05-06 10:00")
    )
    points = shown(world.questions.series(world.subject, "minute", "11520", COMPARED))["results"]
    assert [one["previous"] for one in points[:2]] == [None, None]
    points = shown(world.questions.series(world.subject, "minute", "5760", COMPARED))["results"]
    assert points[0]["previous"]["t"] == "2024-05-07T12:21:00+02:00"


def test_nothing_is_compared_with_what_is_older_than_1990(world: World) -> None:
    with pytest.raises(BadQuestion, match="1990"):
        world.questions.summary(world.subject, {"from": ["1990-01-01"], **COMPARED})
    with pytest.raises(BadQuestion, match="1990"):
        world.questions.series(world.subject, "day", "3", {"to": ["1990-01-02"], **COMPARED})


def test_events_are_the_latest_first_and_after_a_number_the_nearest_first(world: World) -> None:
    for n in range(5):
        world.add(world.event("2024-05-15 10:00", path=f"/{n}"))
    latest = shown(world.questions.events(world.subject, {"limit": ["3"]}))
    assert [one["url"] for one in latest["results"]] == ["/4", "/3", "/2"]
    after = str(latest["results"][2]["seq"])
    later = shown(world.questions.events(world.subject, {"after": [after], "limit": ["1"]}))
    assert [one["url"] for one in later["results"]] == ["/3"]
    assert (latest["from"], latest["to"], latest["complete_from"]) == (None, None, None)


def test_an_event_shows_what_is_known_of_it(world: World) -> None:
    world.add(
        world.event(
            "2024-05-15 12:00:00", "DE", path="/a", query="q=1", visitor=-1, extra={"seq": 9, "team": "red"}
        )
    )
    [event] = shown(world.questions.events(world.subject, {}))["results"]
    assert event.pop("seq") > 0
    assert event == {
        "received": "2024-05-15T10:20:30.000Z",
        "kind": "request",
        "ts": "2024-05-15T10:00:00.000Z",
        "url": "/a?q=1",
        "path": "/a",
        "useragent": "firefox",
        "country": "DE",
        "device": "desktop",
        "bot": False,
        "visitor": "ffffffffffffffff",
        "source": "",
        "os": "Linux",
        "browser": "Firefox",
        "team": "red",
    }


def test_events_are_filtered(world: World) -> None:
    world.add(
        world.event("2024-05-15 10:00", "DE", path="/a"), world.event("2024-05-15 10:00", "AT", path="/b")
    )
    answer = shown(world.questions.events(world.subject, {"filter": ["country:AT"]}))
    assert [one["url"] for one in answer["results"]] == ["/b"]


@pytest.mark.parametrize(
    "given", [{"limit": ["1001"]}, {"after": ["-1"]}, {"from": ["-7d"]}, {"after": ["x"]}]
)
def test_events_are_bounded_and_of_no_period(world: World, given: dict[str, list[str]]) -> None:
    with pytest.raises(BadQuestion):
        world.questions.events(world.subject, given)


def test_the_ledger_shows_that_sent_is_stored_and_repeated_and_rejected_and_missing(world: World) -> None:
    world.add(
        world.event("2024-05-15 10:00"),
        world.event("2024-05-15 10:00"),
        rejected=[Rejected(2, "url is missing", "url")],
        source="web-1",
        run="r1",
        seq=1,
        sent=6,
        lost={"queue_full": 1},
    )
    answer = shown(world.questions.sources(world.subject, {}))
    [run] = answer["results"]
    assert run == {
        "source": "web-1",
        "run": "r1",
        "first_seen": "2024-05-15T12:20:30.000+02:00",
        "last_seen": "2024-05-15T12:20:30.000+02:00",
        "sent": 6,
        "stored": 2,
        "repeated": 0,
        "rejected": 1,
        "reasons": {"url": 1},
        "missing": 3,
        "lost": {"queue_full": 1},
        "refused": 0,
        "closed": False,
        "unconfirmed": False,
        "key": None,
        "old_key": False,
    }
    assert answer["totals"] == {
        "sent": 6,
        "stored": 2,
        "repeated": 0,
        "rejected": 1,
        "reasons": {"url": 1},
        "missing": 3,
        "lost": {"queue_full": 1},
        "refused": 0,
        "unconfirmed": 0,
        "old_key": 0,
    }


def test_a_run_that_is_silent_for_an_hour_is_unconfirmed_unless_it_closed(world: World) -> None:
    world.add(world.event("2024-05-15 10:00"), source="a", run="1", seq=1, sent=1)
    world.add(world.event("2024-05-15 10:00"), source="b", run="2", seq=1, sent=1, close=True)
    world.now += 3599
    answer = shown(world.questions.sources(world.subject, {}))
    assert [one["unconfirmed"] for one in answer["results"]] == [False, False]
    world.now += 1
    answer = shown(world.questions.sources(world.subject, {}))
    assert {one["source"]: one["unconfirmed"] for one in answer["results"]} == {"a": True, "b": False}
    assert answer["totals"]["unconfirmed"] == 1


def test_a_sender_reads_its_own_writes(world: World) -> None:
    world.add(world.event("2024-05-15 10:00"))
    assert shown(world.questions.summary(world.subject, {}))["results"]["requests"] == 1
    assert world.settled
    assert all(timeout < 1 for timeout in world.settled)


def test_an_answer_that_is_behind_says_as_of_when(world: World) -> None:
    world.add(world.event("2024-05-15 10:00"))
    world.store.settle()
    waiting = int(world.at("2024-05-15 12:20:10") * 1000)
    world.add(world.event("2024-05-15 10:00"), received_ms=waiting)
    behind = Questions(world.store, lambda timeout_s: None, lambda: world.now)
    answer = shown(behind.ranking(world.subject, "country", {}))
    assert answer["results"][0]["requests"] == 1
    assert answer["as_of"] == "2024-05-15T12:20:10.000+02:00"
    assert shown(behind.summary(world.subject, {}))["as_of"] == "2024-05-15T12:20:10.000+02:00"
    assert shown(behind.series(world.subject, "hour", "3", {}))["as_of"] == "2024-05-15T12:20:10.000+02:00"


def test_filtered_answers_say_since_when_events_exist(world: World) -> None:
    received = int(world.at("2024-04-20 12:00") * 1000)
    world.add(world.event("2024-04-20 10:00"), received_ms=received)
    world.add(world.event("2024-05-15 10:00"))
    world.store.settle()
    world.store.close_days(int(world.now * 1000))
    world.store.settle()
    while world.store.expire(int(world.now * 1000), {}):
        pass
    month = {"from": ["2024-04-01"]}
    plain = shown(world.questions.ranking(world.subject, "country", month))
    assert (plain["results"], plain["complete_from"]) == ([row("AT", 2)], None)
    filtered = shown(world.questions.ranking(world.subject, "country", {**month, "filter": ["country:AT"]}))
    assert (filtered["results"], filtered["complete_from"]) == ([row("AT", 1)], "2024-04-21")
    recent = shown(world.questions.ranking(world.subject, "country", {"filter": ["country:AT"]}))
    assert recent["complete_from"] is None
    assert shown(world.questions.events(world.subject, {}))["complete_from"] == "2024-04-21"
    assert shown(world.questions.events(world.subject, {"limit": ["1"]}))["complete_from"] is None
    assert (
        shown(world.questions.events(world.subject, {"limit": ["1"], "after": ["0"]}))["complete_from"]
        == "2024-04-21"
    )


WORLD = ("90", "180", "-90", "-180")
PLACE = Place(country="AT", city="Vienna", lat=48.25, lon=16.5)


def placed(world: World, at: str) -> Event:
    event = world.event(at)
    event.place = PLACE
    return event


def test_locations_say_what_of_them_was_deleted(world: World) -> None:
    received = int(world.at("2024-04-20 12:00") * 1000)
    world.add(placed(world, "2024-04-20 10:00"), received_ms=received)
    world.add(placed(world, "2024-05-15 10:00"))
    world.store.settle()
    world.store.close_days(int(world.now * 1000))
    world.store.settle()
    while world.store.expire(int(world.now * 1000), {}):
        pass
    answer = shown(world.questions.locations(world.subject, WORLD, {}))
    assert answer["results"] == [
        {
            "lat": 48.25,
            "lon": 16.5,
            "city": "Vienna",
            "country": "AT",
            "requests": 1,
            "errors": 0,
            "latest": "2024-05-15T10:00:00.000+02:00",
        }
    ]
    assert (answer["complete_from"], answer["from"], answer["to"]) == ("2024-04-21", None, None)
    april = shown(world.questions.locations(world.subject, WORLD, {"from": ["2024-04"], "to": ["2024-04"]}))
    assert (april["results"], april["complete_from"]) == ([], "2024-04-21")
    assert shown(world.questions.locations(world.subject, WORLD, {"from": ["-7d"]}))["complete_from"] is None
    world.add(*(placed(world, "2024-05-15 11:00") for _ in range(500)))
    full = shown(world.questions.locations(world.subject, WORLD, {}))
    assert (full["results"][0]["requests"], full["complete_from"]) == (500, None)


def test_a_store_that_is_away_is_said_to_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("disk full")

    monkeypatch.setattr(world.store, "totals", away)
    with pytest.raises(Unavailable):
        world.questions.summary(world.subject, {})


def test_a_place_is_shown_with_its_coordinates(world: World) -> None:
    place = Place(country="AT", region="Vienna", city="Vienna", lat=48.21, lon=16.37)
    event = world.event("2024-05-15 10:00")
    event.place = place
    world.add(event)
    [found] = shown(world.questions.events(world.subject, {}))["results"]
    assert (found["city"], found["lat"], found["lon"]) == ("Vienna", 48.21, 16.37)
