# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a dashboard's questions take, asked of the query room and over HTTP with a token.

For each period those are the ranking of every view, the summary, and the series that a dashboard draws for it; and
parts of its map.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from tmon.server.catalogue import read_views
from tmon.server.query import Questions, Subject
from tmon.server.store.sqlite import open_store
from tmon.settings.paths import shipped

from .serving import Asker, Server, WebService
from .table import Table, median, progress
from .year import calendar

TARGET_MS: Final = 20.0
TARGET_FILTER_MS: Final = 1_000.0
PERIODS: Final = {
    "24 hours": ("-24h", ("minute/1440", "hour/24")),
    "7 days": ("-7d", ("hour/168",)),
    "30 days": ("-30d", ("day/30", "hour/720")),
    "365 days": ("-365d", ("day/365",)),
}
BOXES: Final = ("90/180/-90/-180", "48.3/16.5/48.1/16.2", "-40/-120/-50/-140")
"""The world, a city, and an ocean."""
FILTERED: Final = (
    ("summary", "country:DE"),
    ("users/url", "country:DE"),
    ("users/city", "browser:Chrome*"),
    ("users/referrer", "!bot:true"),
    ("requests/day/365", "status:404"),
)

Given = Mapping[str, Sequence[str]]


class Question(NamedTuple):
    """A path below /<wsid>/data/ and its parameters."""

    path: str
    given: Given

    @property
    def url(self) -> str:
        pairs = [(name, value) for name, values in self.given.items() for value in values]
        return f"{quote(self.path)}?{urlencode(pairs)}" if pairs else self.path

    @property
    def name(self) -> str:
        return self.path.removeprefix("users/").removeprefix("requests/")


def by_period() -> dict[str, list[Question]]:
    """The dashboard's questions, by the period that they are about."""
    views = read_views([shipped("views")])
    questions = {
        name: [
            *(Question(f"users/{view}", {"from": [since]}) for view in views),
            Question("summary", {"from": [since]}),
            *(Question(f"requests/{series}", {}) for series in series),
        ]
        for name, (since, series) in PERIODS.items()
    }
    questions["no period"] = [
        Question("requests/second/300", {}),
        Question("events", {"limit": ["100"]}),
        Question("sources", {}),
        *(Question(f"users/locations/{box}", {}) for box in BOXES),
    ]
    questions["7 days beside the 7 before"] = [
        Question(one.path, {**one.given, "compare": ["previous"]}) for one in questions["7 days"]
    ]
    return questions


def filtered() -> list[Question]:
    """Questions with a filter, over the whole year."""
    return [
        Question(
            path, {"filter": [text]} if path.startswith("requests") else {"from": ["-365d"], "filter": [text]}
        )
        for path, text in FILTERED
    ]


class Times(NamedTuple):
    """Medians in ms of each question of a group."""

    by_name: dict[str, float]
    longest_ms: float
    """The longest that any one of them ever took."""

    @property
    def worst(self) -> tuple[str, float]:
        return max(self.by_name.items(), key=lambda item: item[1])

    def text(self) -> str:
        name, worst = self.worst
        middle = median(list(self.by_name.values()))
        return f"p50 {middle:.1f}, worst {worst:.1f} ({name}), max {self.longest_ms:.1f} ms"


def measure(
    table: Table, title: str, data: Path, service: WebService, *, askings: int, with_filter: bool
) -> None:
    """Fill a section about the questions to a store of that size."""
    groups = by_period()
    if with_filter:
        groups["filter"] = filtered()
    progress(f"{title}: questions to the query room")
    store = open_store(data)
    try:
        direct = _direct(Questions(store, lambda seconds: True), Subject(service.wsid, calendar()))
        inside = {name: _timed(questions, direct, askings) for name, questions in groups.items()}
    finally:
        store.close()
    progress(f"{title}: questions over HTTP")
    with Server(data) as server:
        asker = Asker(server, service)
        http = {
            name: _timed(questions, lambda question: asker.ask(question.url), askings)
            for name, questions in groups.items()
        }
        asker.close()
    table.section(
        f"{title}, times in ms: medians of {askings} askings (p50 and worst over the questions), max of all askings"
    )
    for name, questions in groups.items():
        target = TARGET_FILTER_MS if name == "filter" else TARGET_MS
        what = "filtered, 365 days" if name == "filter" else name
        table.at_most(
            f"{what}, {len(questions)} questions",
            inside[name].worst[1],
            target,
            inside[name].text(),
            f"over HTTP: {http[name].text()}; target {target:g} ms",
        )


def _timed(questions: Iterable[Question], ask: Callable[[Question], Any], askings: int) -> Times:
    taken: dict[str, list[float]] = {}
    for _ in range(askings):
        for question in questions:
            begin = time.perf_counter()
            ask(question)
            key = f"{question.name} {' '.join(question.given.get('filter', ()))}".strip()
            taken.setdefault(key, []).append(1000 * (time.perf_counter() - begin))
    return Times({name: median(times) for name, times in taken.items()}, max(map(max, taken.values())))


def _direct(questions: Questions, subject: Subject) -> Callable[[Question], bytes]:
    """Ask the query room and encode the answer, as the dashboard does."""

    def ask(question: Question) -> bytes:
        kind, *rest = question.path.split("/")
        match kind:
            case "users" if rest[0] == "locations":
                answer = questions.locations(subject, rest[1:], question.given)
            case "users":
                answer = questions.ranking(subject, rest[0], question.given)
            case "requests":
                answer = questions.series(subject, rest[0], rest[1], question.given)
            case "summary":
                answer = questions.summary(subject, question.given)
            case "events":
                answer = questions.events(subject, question.given)
            case _:
                answer = questions.sources(subject, question.given)
        return msgspec.json.encode(answer)

    return ask
