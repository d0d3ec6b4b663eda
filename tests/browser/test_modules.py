# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard's modules by themselves, run where they run: in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from .conftest import Opening

Run = Callable[[str], Any]


@pytest.fixture
def page(opened: Opening) -> Page:
    return opened("/").page


def call(page: Page, module: str, expression: str) -> Any:
    """What an expression is worth, which may use everything that the module exports as `m`."""
    return page.evaluate(
        f"async () => {{ const m = await import('/static/js/{module}'); return {expression}; }}"
    )


def test_what_is_paced_is_done_once_more_after_it_was_asked_for_the_last_time(page: Page) -> None:
    times = call(
        page,
        "dashboard/paced.js",
        """await new Promise((done) => {
            const seen = [];
            const paced = new m.Paced(() => seen.push(asked), 60);
            let asked = 0;
            const ask = () => { asked += 1; paced.soon(); if (asked < 5) setTimeout(ask, 5); };
            ask();
            setTimeout(() => { asked = 9; paced.now(); done(seen); }, 400);
        })""",
    )
    assert times == [1, 5, 9]


def test_numbers_are_written_one_way(page: Page) -> None:
    written = call(
        page,
        "numbers.js",
        """[
            m.count(0), m.count(1284310), m.count(9999999), m.count(12800000), m.count(null),
            m.rate(23.44), m.rate(20), m.rate(1234.5),
            m.share(215, 1000), m.share(7, 10000), m.share(1, 1000000), m.share(0, 5), m.share(0, 0),
            m.duration(0.5), m.duration(184), m.duration(3010), m.duration(null),
            m.bytes(999), m.bytes(62400000000), m.bytes(1500),
            m.changeOfShare(0.017, 0.0146), m.changeOfShare(0.5, 0.2),
            m.changeOfShare(0.1, null), m.changeOfShare(0.1, 0.1),
            m.changeOfDuration(184, 168), m.changeOfDuration(100, 3100), m.changeOfDuration(100, null),
            m.change(112, 100), m.change(50, 100), m.change(5, 0), m.change(100, 100), m.change(5000, 1),
            m.clock(12), m.clock(2961), m.clock(6217), m.short(1500), m.short(50),
        ]""",
    )
    assert written == [
        *("0", "1,284,310", "9,999,999", "12.8 M", "\N{EN DASH}"),
        *("23.4", "20", "1,235"),
        *("21.5%", "0.07%", "<0.01%", "0%", "\N{EN DASH}"),
        *("0.5 ms", "184 ms", "3.01 s", "\N{EN DASH}"),
        *("999 B", "62.4 GB", "1.5 kB"),
        *("↑ 0.24 pp", "↑ 30.0 pp", "", "", "↑ 16 ms", "↓ 3 s", ""),
        *("↑ 12.0%", "↓ 50.0%", "", "", "↑ >999%"),
        *("12 s", "49:21", "1:43:37", "1.5k", "50"),
    ]


def test_what_is_before_the_first_event_is_nothing_and_no_zero(page: Page) -> None:
    shown = call(
        page,
        "dashboard/series.js",
        """[[0, 0, 3, 0, 1], [2, 0], [0, 0], []].map((counts) =>
            m.sinceFirst(counts.map((requests, t) => ({ t, requests }))).map(({ t, requests }) => [t, requests]))""",
    )
    assert shown == [
        [[0, None], [1, None], [2, 3], [3, 0], [4, 1]],
        [[0, 2], [1, 0]],
        [[0, 0], [1, 0]],
        [],
    ]


@pytest.mark.parametrize(("earlier", "first"), [(0, [None, 4]), (1, [0, 4])])
def test_a_series_asks_once_whether_there_was_anything_before(
    page: Page, earlier: int, first: list[Any]
) -> None:
    shown = call(
        page,
        "dashboard/series.js",
        f"""await (async () => {{
            const asked = [];
            const results = [0, 4].map((requests, hour) => ({{ t: `2026-11-01T0${{hour}}:00:00Z`, requests }}));
            const [from, to] = ["2026-11-01T00:00:00Z", "2026-11-01T02:00:00Z"];
            const answer = {{ results, from, to, as_of: to, complete_from: null }};
            const ask = async (path, given) => {{
                asked.push(path);
                return path === "summary" ? {{ results: {{ requests: {earlier} }}, complete_from: null }} : answer;
            }};
            const series = new m.Series(ask, "hour", {{ filter: [] }});
            await series.update(null);
            await series.update(null);
            return [series.points.map(({{ requests }}) => requests), asked.filter((path) => path === "summary").length];
        }})()""",
    )
    assert shown == [first, 1]


@pytest.mark.parametrize(
    ("all_of_them", "complete_from", "shown"),
    [
        (
            [0, 7, 9, 9],
            "null",
            [None, 0, 4, 0],
        ),  # nobody counted in the first hour; in the second nothing matched
        ([0, 7, 9, 9], "'2026-11-03'", [None, 0, 4, 0]),  # and that holds where single events are gone
        ([7, 7, 9, 9], "null", [0, 0, 4, 0]),
        ([0, 0, 0, 9], "null", [None, None, 4, 0]),  # what was reported since for the time before
        (None, "null", [0, 0, 4, 0]),  # the counts are gone, so nobody knows
    ],
)
def test_under_filters_what_is_before_the_first_event_of_all_is_nothing(
    page: Page, all_of_them: list[int] | None, complete_from: str, shown: list[Any]
) -> None:
    found = call(
        page,
        "dashboard/series.js",
        f"""await (async () => {{
            const asked = [];
            const [from, to] = ["2026-11-01T00:00:00Z", "2026-11-01T04:00:00Z"];
            const answer = (counts, complete_from) => {{
                const results = counts.map((requests, hour) => ({{ t: `2026-11-01T0${{hour}}:00:00Z`, requests }}));
                return {{ results, from, to, as_of: to, complete_from }};
            }};
            const ask = async (path, given) => {{
                asked.push(`${{path}} ${{given.filter ?? ""}}`);
                if (path === "summary") return {{ results: {{ requests: 0 }}, complete_from: null }};
                if (given.filter.length) return answer([0, 0, 4, 0], {complete_from});
                return answer({json.dumps(all_of_them or [])}, {"null" if all_of_them else "'2026-11-03'"});
            }};
            const series = new m.Series(ask, "hour", {{ filter: ["country:DE"] }});
            await series.update(null);
            await series.update(null);
            return [series.points.map(({{ requests }}) => requests), asked];
        }})()""",
    )
    assert found == [
        shown,
        ["requests/hour/8784 country:DE", "summary ", "requests/hour/8784 ", "requests/hour/8784 country:DE"],
    ]


def test_a_day_of_25_hours_is_compared_with_one_of_24(page: Page) -> None:
    # Midnights in Berlin around the end of summer time, 25 October 2026, beside those of 30 days before.
    found = call(
        page,
        "dashboard/series.js",
        """m.aligned(
            ["2026-10-24T22:00Z", "2026-10-25T23:00Z", "2026-10-26T23:00Z"].map((t) => ({ t: Date.parse(t) / 1000 })),
            ["2026-10-24T22:00Z", "2026-10-25T22:00Z"].map((t, n) => ({ t: Date.parse(t) / 1000, n })),
            86400,
        ).map((one) => one && one.n)""",
    )
    assert found == [0, 1, None]


def test_the_period_before_starts_at_midnight_though_the_clocks_have_changed(page: Page) -> None:
    parameters = call(
        page,
        "dashboard/period.js",
        """m.before({ before_s: 30 * 86400 }, {
            from: "2026-10-27T00:00:00+01:00", to: "2026-11-27T00:00:00+01:00", as_of: "2026-11-26T00:54:10.000+01:00",
        })""",
    )
    assert parameters == {"from": "2026-09-27T00:00:00", "to": "2026-10-27T01:00:00"}


def test_the_steps_of_the_map_are_round(page: Page) -> None:
    found = call(page, "dashboard/map/shading.js", "[m.breaks(0), m.breaks(1), m.breaks(7), m.breaks(80000)]")
    assert found == [[], [1], [1, 2, 5], [1, 1000, 5000, 20000, 50000]]
    assert call(page, "dashboard/map/shading.js", "m.key(m.breaks(80000))") == [
        *([0, "0"], [1, "1"], [2, "1k"], [3, "5k"], [4, "20k"], [5, "50k+"]),
    ]
    assert call(
        page, "dashboard/map/shading.js", "[0, 1, 999, 1000, 90000].map((n) => m.shade(n, m.breaks(80000)))"
    ) == [
        *(0, 1, 1, 2, 5),
    ]


def test_dots_that_would_touch_are_one(page: Page) -> None:
    found = call(
        page,
        "dashboard/map/places.js",
        """m.merged([
            { x: 100, y: 100, requests: 9, errors: 0 },
            { x: 110, y: 100, requests: 1, errors: 0 }, // touches the first one only when that has grown
            { x: 104, y: 100, requests: 1, errors: 1 },
            { x: 200, y: 100, requests: 1, errors: 0 },
        ]).map(({ x, y, requests, errors, places }) => [x, y, requests, errors, places.length])""",
    )
    assert found == [[100, 100, 11, 1, 3], [200, 100, 1, 0, 1]]


def test_the_latest_500_requests_are_kept(page: Page) -> None:
    found = call(
        page,
        "dashboard/map/places.js",
        """(() => {
            const places = new m.LatestPlaces();
            const place = { lat: 1, lon: 1, city: "A", country: "DE" };
            places.load([{ ...place, requests: 500, errors: 0, latest: "2026-11-25T00:00Z" }]);
            const located = places.add({ lat: 2, lon: 2, ts: "2026-11-25T00:00:05Z", status: 500 });
            const nowhere = places.add({ ts: "2026-11-25T00:00:06Z" });
            const grouped = places.grouped().map((one) => [one.lat, one.requests, one.errors]);
            return [[located, nowhere], places.count, places.span_s, grouped];
        })()""",
    )
    assert found == [[True, False], 500, 5, [[1, 499, 0], [2, 1, 1]]]


CITIES = """[["Großstadt", 15, 20], ["Malmö", 25, 30], ["Under The Dot", 5.05, 5], ["Beside Großstadt", 15, 20.1],
    ["Elsewhere", -20, 20], ["Beneath The Buttons", 1, 39], ["Dorf", 10, 10]]"""
GLOBE = """{ zoom: 40, width: 400, tall: 300, scale: 1, box: { north: 30, south: 0, west: 0, east: 40 },
    project: (lon, lat) => [10 * lon, 300 - 10 * lat] }"""


def test_cities_without_a_request_are_named_where_there_is_room(page: Page) -> None:
    found = call(
        page,
        "dashboard/map/names.js",
        f"""(() => {{
            const globe = {GLOBE};
            const written = [];
            const context = {{ measureText: (text) => ({{ width: 6 * text.length }}),
                fillText: (text) => written.push(text) }};
            for (const name of ["strokeText", "beginPath", "arc", "stroke", "fill"]) context[name] = () => {{}};
            const names = new m.Names({{ countries: [] }}, globe);
            names.know({CITIES});
            const dots = [
                {{ x: 350, y: 50, requests: 3, places: [{{ city: "Malmo" }}] }},
                {{ x: 50, y: 250, requests: 3, places: [] }},
            ];
            const buttons = [{{ west: 360, east: 392, top: 200, bottom: 296 }}];
            names.draw(context, globe, dots, () => 0, buttons);
            const near = written.splice(0).sort();
            names.draw(context, {{ ...globe, zoom: 5 }}, dots, () => 0, buttons);
            return [near, written];
        }})()""",
    )
    assert found == [["Dorf", "Großstadt", "Malmo"], ["Malmo"]]


def test_what_failed_is_told_by_the_api_and_by_the_stream_and_counts_once(page: Page) -> None:
    found = call(
        page,
        "dashboard/map/places.js",
        """(() => {
            const places = new m.LatestPlaces();
            const place = { lat: 1, lon: 1, city: "A", country: "DE", latest: "2026-11-25T00:00:05Z" };
            const errors = () => places.grouped().map((one) => [one.requests, one.errors]);
            places.load([{ ...place, requests: 3, errors: 1 }]);
            const at_first = errors();
            places.add({ lat: 1, lon: 1, city: "A", country: "DE", ts: "2026-11-25T00:00:05Z", status: 503 });
            const live = errors();
            places.load([{ ...place, requests: 4, errors: 2 }]);
            return [at_first, live, errors()];
        })()""",
    )
    assert found == [[[3, 1]], [[4, 2]], [[4, 2]]]


def test_seconds_move_on_and_are_corrected(page: Page) -> None:
    found = call(
        page,
        "dashboard/series.js",
        """m.merged(
            [{ t: 1, n: 1 }, { t: 2, n: 1 }, { t: 3, n: 1 }],
            [{ t: 2, n: 5 }, { t: 3, n: 6 }, { t: 4, n: 7 }],
        ).map((one) => [one.t, one.n])""",
    )
    assert found == [[1, 1], [2, 5], [3, 6], [4, 7]]


VIEWS = """{
    country: { field: "country" }, url: { field: "path" }, username: { field: "username" }, bot: { field: "bot" },
    status: { field: "status" }, latency: { field: "duration_ms", bounds: [1, 1.1, 10, 100] },
    plan: { field: "plan" }, when: { field: "ts" },
}"""
EVENT = """{
    seq: 7, ts: "2026-11-25T00:00:00.000Z", url: "/blog/a?b=*", path: "/blog/a", country: "DE", bot: false,
    status: 200, duration_ms: 10.5, plan: "!new",
}"""


def test_filters_pass_the_events_that_the_api_lets_pass(page: Page) -> None:
    passing = [
        *("country:DE", "!country:FR", "country:!FR", "country:*", "country:D*", "country:*E*", "country:**"),
        *("url:/blog/*", "url:*a", "url:/*/a", "url:/blog/a", "!url:/blog", "!url:*?b=*"),
        *("username:", "!username:x", "bot:false", "status:2*", "status:200"),
        *(
            "latency:10",
            "!latency:100",
            r"plan:\!new",
            r"plan:\!*",
            r"!plan:!\!new",
            "plan:!new",
            "plan:*new",
            "when:",
        ),
    ]
    stopped = [
        *("country:de", "!country:DE", "country:!DE", "country:", "country:D", "country:E*D", "country:DE*E"),
        *("url:/blog/a?b=*", "url:blog*", "!url:*", "username:x", "!username:", "bot:true"),
        *("latency:10.5", "latency:", "latency:1", "plan:new", r"!plan:\!new", r"plan:\*", "when:2026*"),
        *("city:Berlin", "nothing", "Country:DE", "__proto__:x"),
    ]
    found = call(
        page,
        "dashboard/matching.js",
        f"{[*passing, *stopped]!r}.filter((text) => m.matches({EVENT}, [text], {VIEWS}))",
    )
    assert found == passing
    assert call(page, "dashboard/matching.js", f"m.matches({EVENT}, [], {VIEWS})") is True
    assert (
        call(page, "dashboard/matching.js", f"m.matches({EVENT}, ['country:DE', 'bot:true'], {VIEWS})")
        is False
    )


def test_keys_of_events_are_written_as_the_server_writes_them(page: Page) -> None:
    found = call(
        page,
        "dashboard/matching.js",
        """[5, 5.5, -0.0, 0.0001, 0.00001, 1.25e-10, true, "x", null, 200000]
            .map((plan) => m.keyOf({ plan }, { field: "plan" }))""",
    )
    assert found == ["5", "5.5", "0", "0.0001", "1e-05", "1.25e-10", "true", "x", "", "200000"]
    found = call(
        page,
        "dashboard/matching.js",
        """[0.5, 1, 1.05, 99.9, 100, "5", true]
            .map((plan) => m.keyOf({ plan }, { field: "plan", bounds: [1, 1.1, 10, 100] }))""",
    )
    assert found == ["0", "1", "1", "10", "100", "", ""]


def test_a_pattern_with_many_stars_takes_no_time(page: Page) -> None:
    assert (
        call(
            page,
            "dashboard/matching.js",
            """m.matches({ path: "a".repeat(1024) }, ["url:" + "*a".repeat(8) + "*b"], { url: { field: "path" } })""",
        )
        is False
    )


def test_a_filter_survives_being_written(page: Page) -> None:
    found = call(
        page,
        "dashboard/filters.js",
        """["country:DE", "!country:DE", "country:!DE", "url:a:b", "no", "x y:z"]
            .map((text) => [m.parsed(text), m.parsed(text) && m.written(m.parsed(text))])""",
    )
    assert found == [
        [{"view": "country", "value": "DE", "negated": False}, "country:DE"],
        [{"view": "country", "value": "DE", "negated": True}, "!country:DE"],
        [{"view": "country", "value": "DE", "negated": True}, "!country:DE"],
        [{"view": "url", "value": "a:b", "negated": False}, "url:a:b"],
        [None, None],
        [None, None],
    ]


def test_a_filter_for_exactly_one_key_takes_its_signs_for_themselves(page: Page) -> None:
    keys = ["!x", "a*b", "c\\d", "plain", "\\*!"]
    found = call(
        page,
        "dashboard/matching.js",
        f"""import("/static/js/dashboard/filters.js").then(({{ exactly, written }}) => {json.dumps(keys)}.map((key) =>
            {json.dumps([*keys, "x", "aab", "cd"])}.filter((plan) =>
                m.matches({{ plan }}, [written(exactly("plan", key))], {{ plan: {{ field: "plan" }} }}))))""",
    )
    assert found == [[key] for key in keys]


def test_questions_in_turn_are_asked_a_few_at_a_time_and_in_order(page: Page) -> None:
    asked = call(
        page,
        "ask.js",
        """await (async () => {
            const asked = [];
            const answer = {};
            const ask = m.inTurn((path, { bad }) => {
                asked.push(path);
                return new Promise((resolve, reject) => { answer[path] = bad ? reject : resolve; });
            }, 2);
            const seen = [];
            const all = ["a", "b", "c", "d"].map((path) => ask(path, { bad: path === "b" }).catch(() => "failed"));
            const look = async () => { await new Promise(setTimeout); seen.push(asked.join("")); };
            await look();
            answer.b();
            await look();
            answer.a("A");
            await look();
            answer.c("C");
            answer.d("D");
            return [seen, await Promise.all(all)];
        })()""",
    )
    assert asked == [["ab", "abc", "abcd"], ["A", "failed", "C", "D"]]
