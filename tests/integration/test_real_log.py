# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand real requests of 2015, sent with their own times: the API says what awk says, also years later.

The log is not part of this project (it holds real addresses); without it these tests are skipped.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.integration.server_process import ServerProcess, WebService, until

from tmon.client_api import Client
from tmon.server.pipeline.agent import read

pytestmark = pytest.mark.slow

# One line ends in the middle of its user agent.
LINE = re.compile(
    r'(?P<ip>\S+) \S+ \S+ \[(?P<time>[^]]+)\] "(?P<method>\S+) (?P<url>\S+) [^"]*" (?P<status>\d+) (?P<bytes>\d+|-) '
    r'"(?P<referrer>[^"]*)" "(?P<useragent>[^"]*)"?'
)
ASSET = re.compile(r"\.(css|deb|exe|gif|gz|ico|jar|jpe?g|js|png|svg|ttf|txt|woff|xml)$", re.IGNORECASE)
"""Those that the log has."""
PERIOD = {"since": "2015-05-17", "to": "2015-05-20"}
DAYS = ["17/May/2015", "18/May/2015", "19/May/2015", "20/May/2015"]

# What core does in the course of weeks, with clocks that say what it will be by then.
WEEKS_LATER = """
import sys, threading, time
from concurrent.futures import Future
from tmon.settings import prepare

settings = prepare()

from tmon.server.core import close_days, expire
from tmon.server.store import open_store
from tmon.server.tenants import Salts
from tmon.server.writer import WriterLock

def call(work):
    done = Future()
    done.set_result(work())
    return done

day_ms = 86_400_000
now_ms = int(time.time() * 1000)
with WriterLock(settings.data):
    store = open_store(settings.store, settings.data)
    print(close_days(store, call, Salts(), now_ms + 3 * day_ms))
    store.settle()
    expire(store, call, {}, now_ms + 40 * day_ms, threading.Event(), pause_s=0)
    store.close()
"""


def events_of(log: Path) -> list[dict[str, Any]]:
    """The log's lines as events."""
    events = []
    with log.open(encoding="utf-8", newline="\n") as lines:
        for offset, line in enumerate(lines):
            match = LINE.match(line.rstrip("\n"))
            assert match is not None, line
            event: dict[str, Any] = match.groupdict()
            event["ts"] = datetime.strptime(event.pop("time"), "%d/%b/%Y:%H:%M:%S %z").timestamp()
            event["status"] = int(event["status"])
            event["bytes"] = 0 if event["bytes"] == "-" else int(event["bytes"])
            if event["referrer"] == "-":
                del event["referrer"]
            events.append({**event, "offset": offset})
    return events


def send(server: ServerProcess, service: WebService, events: list[dict[str, Any]]) -> None:
    """The first half as an importer sends a file, the rest as a program that reports what happens in it."""
    half = len(events) // 2
    with Client(server.dsn(service), source="importer") as client:
        for at in range(0, half, 700):
            answer = client.send_batch(events[at : min(at + 700, half)], stream="access.log", timeout=60)
            assert (answer.accepted, answer.rejected_count) == (len(events[at : min(at + 700, half)]), 0)
    with Client(server.dsn(service), source="program") as client:
        for event in events[half:]:
            client.request(**{name: value for name, value in event.items() if name != "offset"})
        assert client.flush(60)
        assert (client.stats().accepted, client.stats().lost) == (len(events) - half, {})


def awk(program: str, log: Path) -> list[list[str]]:
    """What awk prints of the log, line by line in fields."""
    done = subprocess.run(
        ["awk", program, str(log)], capture_output=True, check=True, text=True, env={"LC_ALL": "C"}
    )
    return [line.split(" ") for line in done.stdout.splitlines()]


def asked(server: ServerProcess, service: WebService) -> dict[str, Any]:
    """Every unfiltered question about the four days, without what tells when it was asked."""
    answers: dict[str, Any] = {
        view: server.ask(service, f"users/{view}", **PERIOD, limit=10_000)
        for view in (
            "country",
            "city",
            "os",
            "browser",
            "device",
            "url",
            "referrer",
            "method",
            "status",
            "bot",
            "entry",
            "exit",
            "visit_length",
        )
    }
    answers["summary"] = server.ask(service, "summary", **PERIOD)
    answers["day"] = server.ask(service, "requests/day/10", **PERIOD)
    for answer in answers.values():
        del answer["as_of"]
        answer.pop("open_from", None)  # until the days are closed
        assert answer["complete_from"] is None
    return answers


class Sent:
    """The log, a server that has it, and its answers before and after retention has run."""

    def __init__(self, log: Path, server: ServerProcess) -> None:
        self.log = log
        self.events = events_of(log)
        self.server = server
        self.service = server.webservice("semicomplete")
        send(server, self.service, self.events)
        self.answers = asked(server, self.service)
        self.stored = server.events(self.service)
        server.stop()
        self.closed_days = server.run(sys.executable, "-W", "error", "-c", WEEKS_LATER)
        server.start()
        until(lambda: server.metric("tmon_views_behind_events") == 0, "everything is counted")


@pytest.fixture(scope="module")
def sent(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    log = data_dir / "logs" / "elastic_apache_logs.log"
    if not log.is_file():
        pytest.skip("logs/elastic_apache_logs.log is missing from TMON_TEST_DATA")
    with ServerProcess(tmp_path_factory.mktemp("real") / "data") as server:
        yield Sent(log, server)
        assert server.troubles == []


def test_requests_and_bytes_by_status_are_those_of_awk(sent: Sent) -> None:
    counted = awk(
        '{n[$9]++; b[$9] += $10} END {for (s in n) printf "%s %d %.0f\\n", s, n[s], b[s]}', sent.log
    )
    rows = sent.answers["status"]["results"]
    assert {row["key"]: (row["requests"], row["bytes"]) for row in rows} == {
        status: (int(requests), int(size)) for status, requests, size in counted
    }
    assert {row["key"]: row["errors"] for row in rows if row["errors"]} == {"500": 3}


def test_requests_by_day_are_those_of_awk(sent: Sent) -> None:
    counted = awk("{n[substr($4, 2, 11)]++} END {for (d in n) print d, n[d]}", sent.log)
    points = sent.answers["day"]["results"]
    assert [point["t"] for point in points] == [f"2015-05-{day}T00:00:00+00:00" for day in (17, 18, 19, 20)]
    by_day = {day: int(requests) for day, requests in counted}
    assert [point["requests"] for point in points] == [by_day[day] for day in DAYS]


def test_the_top_ten_paths_are_those_of_awk(sent: Sent) -> None:
    counted = awk(r'{sub(/\?.*/, "", $7); n[$7]++} END {for (p in n) print n[p], p}', sent.log)
    top = sorted(counted, key=lambda row: (-int(row[0]), row[1]))
    rows = sent.server.ask(sent.service, "users/url", **PERIOD)["results"]
    assert [[str(row["requests"]), row["key"]] for row in rows[:10]] == top[:10]
    assert rows[10]["other"]
    assert rows[10]["requests"] == sum(int(requests) for requests, _ in top[10:])
    every = sent.answers["url"]["results"]
    assert [[str(row["requests"]), row["key"]] for row in every] == top


def test_the_summary_is_that_of_awk(sent: Sent) -> None:
    ((requests, size, errors),) = awk(
        '{b += $10; e += $9 >= 500} END {printf "%d %.0f %d\\n", NR, b, e}', sent.log
    )
    summary = sent.answers["summary"]["results"]
    assert (summary["requests"], summary["bytes"], summary["errors"]) == (
        int(requests),
        int(size),
        int(errors),
    )
    assert (summary["p50_ms"], summary["p95_ms"], summary["p99_ms"]) == (None, None, None)


def test_visitors_of_a_day_are_its_distinct_pairs_of_address_and_user_agent(sent: Sent) -> None:
    people: dict[int, set[tuple[str, str]]] = defaultdict(set)
    bots: Counter[int] = Counter()
    for event in sent.events:
        day = int(event["ts"]) // 86_400
        if read(event["useragent"]).bot:
            bots[day] += 1
        else:
            people[day].add((event["ip"], event["useragent"]))
    points = sent.answers["day"]["results"]
    assert [point["visitors"] for point in points] == [len(people[day]) for day in sorted(people)]
    assert [point["bots"] for point in points] == [bots[day] for day in sorted(people)]
    visitors = sum(map(len, people.values()))
    assert sent.answers["summary"]["results"]["visitors"] == visitors
    # Where the key follows from address and user agent everybody has one key.
    for view in ("country", "city", "os", "browser", "device", "bot"):
        assert sum(row["visitors"] for row in sent.answers[view]["results"]) == visitors, view


def test_visitors_of_a_page_are_told_apart_for_each_page(sent: Sent) -> None:
    people: dict[str, set[tuple[int, str, str]]] = defaultdict(set)
    for event in sent.events:
        if not read(event["useragent"]).bot:
            path = event["url"].partition("?")[0]
            people[path].add((int(event["ts"]) // 86_400, event["ip"], event["useragent"]))
    rows = sent.answers["url"]["results"]
    assert {row["key"]: row["visitors"] for row in rows if row["visitors"]} == {
        path: len(visits) for path, visits in people.items()
    }


def visits_of(events: list[dict[str, Any]]) -> list[list[tuple[float, str]]]:
    """The times and paths of each visit's page requests, in their order."""
    people: dict[tuple[int, str, str], list[tuple[float, str]]] = defaultdict(list)
    for event in events:
        path = event["url"].partition("?")[0]
        is_page = event["method"] == "GET" and (200 <= event["status"] < 300 or event["status"] == 304)
        if is_page and not ASSET.search(path) and not read(event["useragent"]).bot:
            person = int(event["ts"]) // 86_400, event["ip"], event["useragent"]
            people[person].append((event["ts"], path))
    visits = []
    for pages in people.values():
        pages.sort()
        begins = [n for n, page in enumerate(pages) if n == 0 or page[0] - pages[n - 1][0] > 1_800]
        visits += [pages[n:m] for n, m in zip(begins, [*begins[1:], len(pages)], strict=True)]
    return visits


def test_visits_are_those_of_the_log(sent: Sent) -> None:
    visits = visits_of(sent.events)
    lengths = sorted(visit[-1][0] - visit[0][0] for visit in visits)
    summary = sent.answers["summary"]["results"]
    assert (summary["visits"], summary["pages"]) == (len(visits), sum(map(len, visits)))
    assert summary["bounces"] == sum(len(visit) == 1 for visit in visits)
    assert summary["visit_s"] == pytest.approx(sum(lengths) / len(lengths), abs=0.001)
    assert summary["median_visit_s"] == pytest.approx(lengths[(len(lengths) - 1) // 2], rel=0.05)
    for view, at in (("entry", 0), ("exit", -1)):
        rows = sent.answers[view]["results"]
        assert {row["key"]: row["visits"] for row in rows} == Counter(visit[at][1] for visit in visits), view
    points = sent.answers["day"]["results"]
    begun = Counter(int(visit[0][0]) // 86_400 for visit in visits)
    assert [point["visits"] for point in points] == [begun[day] for day in sorted(begun)]


def test_visits_are_the_same_in_any_order(sent: Sent) -> None:
    shuffled = sent.server.webservice("shuffled")
    events = [{name: value for name, value in one.items() if name != "offset"} for one in sent.events]
    random = Random(7)
    random.shuffle(events)
    with Client(sent.server.dsn(shuffled), source="shuffled") as client:
        while events:
            size = random.choice([1, 30, 500, 2_000])
            answer = client.send_batch(events[:size], timeout=60)
            assert answer.accepted == len(events[:size])
            del events[:size]
    for view in ("entry", "exit", "visit_length"):
        rows = sent.server.ask(shuffled, f"users/{view}", **PERIOD, limit=10_000)["results"]
        assert rows == sent.answers[view]["results"], view
    summary = sent.server.ask(shuffled, "summary", **PERIOD)["results"]
    assert summary == sent.answers["summary"]["results"]


def test_the_events_are_those_of_the_log(sent: Sent) -> None:
    def line(event: dict[str, Any], ts: float) -> tuple[Any, ...]:
        names = ("url", "method", "status", "bytes", "referrer", "useragent")
        return (int(ts), *(event.get(name) for name in names))

    stored = Counter(line(event, datetime.fromisoformat(event["ts"]).timestamp()) for event in sent.stored)
    assert stored == Counter(line(event, event["ts"]) for event in sent.events)
    assert not [event for event in sent.stored if "ip" in event]


def test_answers_stay_when_the_events_are_gone(sent: Sent) -> None:
    assert sent.closed_days == "4\n"
    assert sent.server.events(sent.service) == []
    assert asked(sent.server, sent.service) == sent.answers


def test_filtered_answers_say_since_when_they_are_complete(sent: Sent) -> None:
    for path in ("users/url", "summary", "requests/day/10"):
        answer = sent.server.ask(sent.service, path, **PERIOD, filter="status:404")
        assert answer["complete_from"] == "2015-05-21", path
    later = sent.server.ask(sent.service, "summary", since="2015-05-21", to="2015-05-31", filter="status:404")
    assert later["complete_from"] is None


def test_what_is_read_again_weeks_later_counts_no_more(sent: Sent) -> None:
    with Client(sent.server.dsn(sent.service), source="importer") as client:
        for at in range(0, 5_000, 999):
            part = sent.events[at : min(at + 999, 5_000)]
            answer = client.send_batch(part, stream="access.log", timeout=60)
            assert (answer.accepted, answer.repeated) == (0, len(part))
    assert asked(sent.server, sent.service) == sent.answers
