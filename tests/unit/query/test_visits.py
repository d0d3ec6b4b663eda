# SPDX-License-Identifier: GPL-3.0-or-later
"""What is answered about visits: summaries, rankings of their pages, and series."""

from __future__ import annotations

from typing import Any

import pytest

from tmon.server.catalogue import ViewError, parse_view
from tmon.server.query import BadQuestion, NoSuchView, Questions, as_csv
from tmon.server.store.base import DAY_MS

from .conftest import World, shown

COMPARED = {"from": ["today"], "to": ["today"], "compare": ["previous"]}


def visit(world: World, visitor: int, *pages: str, day: str = "2024-05-15", **fields: Any) -> None:
    """Page requests of a visitor: "10:00 /a" and so on."""
    given = (page.split(" ") for page in pages)
    world.add(*(world.event(f"{day} {at}", visitor=visitor, path=path, **fields) for at, path in given))


def some(world: World) -> None:
    visit(world, 1, "10:00 /a", "10:10 /b", "10:20 /c")
    visit(world, 2, "10:50 /b", "11:10 /a")
    visit(world, 3, "11:30 /b")


def row(key: str | None, visits: int, bounces: int, pages: int, visit_s: float | None) -> dict[str, Any]:
    other = {"other": True} if key is None else {}
    return {
        "key": key,
        **other,
        "visits": visits,
        "bounces": bounces,
        "pages": pages,
        "visit_s": visit_s,
    }


def ranked(world: World, view: str, **given: str | list[str]) -> Any:
    lists = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    return shown(world.questions.ranking(world.subject, view, lists))


def test_a_summary_tells_visits_and_how_long_they_are(world: World) -> None:
    some(world)
    results = shown(world.questions.summary(world.subject, {}))["results"]
    assert (results["visits"], results["bounces"], results["pages"], results["visit_s"]) == (3, 1, 6, 800.0)
    assert results["median_visit_s"] == pytest.approx(1200, rel=0.05)


def test_the_median_is_0_where_half_are_bounces_and_exactly_so(world: World) -> None:
    visit(world, 1, "10:00 /a")
    visit(world, 2, "10:00 /a", "10:10 /b")
    answer = shown(world.questions.summary(world.subject, {}))
    assert (answer["results"]["median_visit_s"], answer["results"]["visit_s"]) == (0.0, 300.0)
    assert "approximate" not in answer


def test_a_median_under_a_second_is_the_mean_of_those_that_are_no_bounces(world: World) -> None:
    visit(world, 1, "10:00 /a")
    visit(world, 2, "10:00:00 /a", "10:00:00.200 /b")
    visit(world, 3, "10:00:00 /a", "10:00:00.600 /b")
    answer = shown(world.questions.summary(world.subject, {}))
    assert answer["results"]["median_visit_s"] == 0.4
    assert answer["approximate"] == ["median_visit_s"]


def test_without_visits_lengths_are_null_and_without_their_view_everything_is(world: World) -> None:
    names = ("visits", "bounces", "pages", "visit_s", "median_visit_s")
    results = shown(world.questions.summary(world.subject, {}))["results"]
    assert [results[name] for name in names] == [0, 0, 0, None, None]
    some(world)
    world.store.sync_views({name: view for name, view in world.views().items() if name != "visit_length"})
    results = shown(world.questions.summary(world.subject, {}))["results"]
    assert [results[name] for name in names] == [None] * 5
    series = shown(world.questions.series(world.subject, "hour", "1", {}))
    assert "visits" not in series["results"][0]


def test_pages_are_ranked_by_visits(world: World) -> None:
    some(world)
    assert ranked(world, "entry")["results"] == [row("/b", 2, 1, 3, 600.0), row("/a", 1, 0, 3, 1200.0)]
    assert ranked(world, "exit", limit="1")["results"] == [
        row("/a", 1, 0, 2, 1200.0),
        row(None, 2, 1, 4, 600.0),
    ]


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ("visits", ["/b", "/a"]),
        ("bounces", ["/b", "/a"]),
        ("pages", ["/a", "/b"]),
        ("visit_s", ["/a", "/b"]),
        ("key", ["/a", "/b"]),
    ],
)
def test_pages_are_sorted_by_measures_of_visits(world: World, sort: str, keys: list[str]) -> None:
    some(world)
    answer = ranked(world, "entry", sort=sort)
    assert ([one["key"] for one in answer["results"]], answer["keys"]) == (keys, 2)


def test_what_visits_lack_is_no_order_and_what_requests_lack_is_none_of_theirs(world: World) -> None:
    with pytest.raises(
        BadQuestion, match="sort is one of visits, bounces, pages, visit_s, key, not 'requests'"
    ):
        ranked(world, "entry", sort="requests")
    with pytest.raises(BadQuestion, match="sort is one of requests"):
        ranked(world, "url", sort="visits")


def test_a_page_of_pages_is_sought(world: World) -> None:
    some(world)
    answer = ranked(world, "entry", search="B", limit="5")
    assert answer["results"] == [row("/b", 2, 1, 3, 600.0), row(None, 1, 0, 3, 1200.0)]
    assert answer["keys"] == 1
    assert ranked(world, "entry", offset="1")["results"][0]["key"] == "/a"


def test_pages_are_compared_with_the_period_before(world: World) -> None:
    visit(world, 1, "10:00 /a", "10:10 /b", day="2024-05-14")
    visit(world, 2, "10:00 /a")
    answer = ranked(world, "entry", **COMPARED)
    before = {"visits": 1, "bounces": 0, "pages": 2, "visit_s": 600.0}
    assert answer["results"] == [{**row("/a", 1, 1, 1, 0.0), "previous": before}]
    before = {"visits": 0, "bounces": 0, "pages": 0, "visit_s": None}
    [one, rest] = ranked(world, "exit", **COMPARED)["results"]
    assert one == {**row("/a", 1, 1, 1, 0.0), "previous": before}
    assert rest == {
        **row(None, 0, 0, 0, None),
        "previous": {"visits": 1, "bounces": 0, "pages": 2, "visit_s": 600.0},
    }


def test_a_filter_is_about_requests_and_takes_whole_visits(world: World) -> None:
    some(world)
    assert ranked(world, "entry", filter="url:/c")["results"] == [row("/a", 1, 0, 3, 1200.0)]
    given = {"filter": ["url:/c"], "with": ["visits"]}
    results = shown(world.questions.summary(world.subject, given))["results"]
    assert (results["requests"], results["visits"], results["pages"]) == (1, 1, 3)
    assert results["median_visit_s"] == pytest.approx(1200, rel=0.05)


def test_a_filtered_summary_has_visits_where_they_are_asked_for(world: World) -> None:
    some(world)
    results = shown(world.questions.summary(world.subject, {"filter": ["url:/c"]}))["results"]
    assert (results["requests"], results["visits"], results["pages"]) == (1, None, None)


@pytest.mark.parametrize("text", ["entry:/a", "!exit:/a", "visit_length:0"])
def test_there_is_no_filter_by_a_view_of_visits(world: World, text: str) -> None:
    with pytest.raises(BadQuestion, match="is a view of visits; filter by url"):
        ranked(world, "url", filter=text)
    assert text.strip("!").partition(":")[0] not in [view.name for view in world.questions.filterable()]


def test_hours_and_days_tell_visits_and_minutes_do_not(world: World) -> None:
    some(world)

    def series(grain: str, count: str, **given: str) -> list[dict[str, Any]]:
        lists = {name: [value] for name, value in given.items()}
        answer = shown(world.questions.series(world.subject, grain, count, lists))["results"]
        return [{name: point.get(name) for name in ("visits", "bounces")} for point in answer]

    assert series("hour", "3") == [
        {"visits": 2, "bounces": 0},
        {"visits": 1, "bounces": 1},
        {"visits": 0, "bounces": 0},
    ]
    assert series("day", "1") == [{"visits": 3, "bounces": 1}]
    assert series("day", "1", measures="requests") == [{"visits": None, "bounces": None}]
    assert series("day", "1", measures="visits") == [{"visits": 3, "bounces": None}]
    assert series("day", "1", filter="url:/c") == [{"visits": None, "bounces": None}]
    asked = {"filter": "url:/c", "measures": "visits,bounces"}
    assert series("day", "1", **asked) == [{"visits": 1, "bounces": 0}]
    minutes = shown(world.questions.series(world.subject, "minute", "1", {}))["results"]
    assert "visits" not in minutes[0]
    with pytest.raises(BadQuestion, match="visits are kept by hour and by day; by second there are requests"):
        series("second", "1", measures="visits")


def test_what_visits_lack_is_told_apart_and_never_compared(world: World) -> None:
    views = world.views()
    without = {name: view for name, view in views.items() if view.kind != "visit"}
    world.store.sync_views(without)
    now = world.now
    world.now = world.at("2024-04-20 12:00")
    visit(world, 1, "10:00 /a", day="2024-04-20")
    world.now = now
    visit(world, 2, "10:00 /a", day="2024-05-14")
    visit(world, 3, "10:00 /a")
    world.store.settle()
    while world.store.expire(int(world.now * 1000), {}):
        pass
    world.store.sync_views(views)
    given = {"from": ["2024-04-20"], "to": ["2024-05-15"]}
    answer = shown(world.questions.summary(world.subject, given))
    assert (answer["results"]["requests"], answer["results"]["visits"]) == (3, 2)
    assert (answer["complete_from"], answer["visits_complete_from"]) == (None, "2024-04-21")
    assert ranked(world, "entry", **given)["complete_from"] == "2024-04-21"
    answer = shown(
        world.questions.summary(world.subject, {**given, "from": ["2024-05-03"], "compare": ["previous"]})
    )
    assert (answer["results"]["visits"], answer["visits_complete_from"]) == (2, "2024-04-21")
    assert (answer["results"]["previous"]["requests"], answer["results"]["previous"]["visits"]) == (1, None)
    answer = shown(world.questions.series(world.subject, "day", "26", given))
    assert [answer["results"][n]["visits"] for n in (0, 1, 24, 25)] == [None, 0, 1, 1]
    assert (answer["complete_from"], answer["visits_complete_from"]) == (None, "2024-04-21")
    recent = shown(world.questions.summary(world.subject, {}))
    assert "visits_complete_from" not in recent


def test_who_follows_a_link_asks_for_pages_of_visits_and_not_for_classes(world: World) -> None:
    some(world)
    guest = Questions(world.store, world.settle, lambda: world.now, public=True)
    assert [one.key for one in guest.ranking(world.subject, "entry", {}).results] == ["/b", "/a"]
    assert guest.summary(world.subject, {}).results.visits == 3
    with pytest.raises(NoSuchView):
        guest.ranking(world.subject, "visit_length", {})


def test_pages_of_visits_are_a_table(world: World) -> None:
    header = "key,other,visits,bounces,pages,visit_s"
    assert as_csv(world.questions.ranking(world.subject, "entry", {}), "ranking").decode() == f"{header}\r\n"
    some(world)
    answer = world.questions.ranking(world.subject, "entry", {"limit": ["1"]})
    assert as_csv(answer, "ranking").decode() == f"{header}\r\n/b,,2,1,3,600.0\r\n,true,1,0,3,1200.0\r\n"
    compared = world.questions.ranking(world.subject, "exit", {**COMPARED, "limit": ["1"]})
    assert (
        as_csv(compared, "ranking")
        .decode()
        .startswith(
            f"{header},previous_visits,previous_bounces,previous_pages,previous_visit_s\r\n/a,,1,0,2,1200.0,0,0,0,\r\n"
        )
    )


def test_a_question_about_a_closed_day_is_answered_as_before(world: World) -> None:
    some(world)
    asked = {"from": ["2024-05-15"], "to": ["2024-05-15"]}
    before = shown(world.questions.summary(world.subject, asked))["results"]
    assert world.store.close_days(int(world.now * 1000) + 4 * DAY_MS)
    assert shown(world.questions.summary(world.subject, asked))["results"] == before


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('field = "path"', "a view of visits has for its field one of entry, exit, length_s, pages"),
        ('visitors = "distinct"', 'a view of visits says visitors = "none"'),
    ],
)
def test_a_file_of_a_view_of_visits_is_checked(line: str, wrong: str) -> None:
    lines = {"field": '"pages"', "visitors": '"none"', "kind": '"visit"', "title": '"Pages"'}
    name, _, value = line.partition(" = ")
    text = "\n".join(f"{key} = {said}" for key, said in {**lines, name: value}.items())
    with pytest.raises(ViewError, match=wrong):
        parse_view("pages", text)
    assert parse_view("pages", "\n".join(f"{key} = {said}" for key, said in lines.items())).field == "pages"
