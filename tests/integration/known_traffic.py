# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that their number tells everything about, the envelopes that bring them, and what a server has to say of them.

What is counted is worked out here from the events alone, and compared with every answer row by row.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.server_process import ServerProcess, WebService

Record = dict[str, Any]

# Networks for documentation (RFC 5737, RFC 3849), placed by a GeoIP file of the test's own.
PLACES = {
    "192.0.2.0/24": ("AT", "Vienna", "Vienna"),
    "198.51.100.0/24": ("DE", "Hesse", "Kassel"),
    "2001:db8::/32": ("NP", "Bagmati", "Patan"),
}
ADDRESSES = {
    "192.0.2.1": "192.0.2.0/24",
    "192.0.2.77": "192.0.2.0/24",
    "198.51.100.9": "198.51.100.0/24",
    "2001:db8::17": "2001:db8::/32",
    "203.0.113.4": "",
    None: "",
}
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": ("Linux", "Firefox", "desktop"),
    IPHONE: ("iOS", "Mobile Safari", "phone"),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("", "Googlebot", "bot"),
    None: ("", "", "other"),
}
REFERRERS = {"https://www.example.net/list?p=2": "example.net", "https://search.example/": "search.example"}
CLASSES = {None: "", 0.25: "0", 1: "1", 600_000: "567000"}


def event(number: int, ts: int) -> Record:
    """An event that this number tells everything about."""
    made: Record = {
        "url": f"/shelf/{number % 23}",
        "ip": list(ADDRESSES)[number % 6],
        "useragent": list(AGENTS)[number // 6 % 4],
        "ts": ts - number % 900,
        "status": (200, 200, 304, 404, 503)[number % 5],
        "method": ("GET", "GET", "POST")[number % 3],
        "host": ("a.example", "b.example")[number % 2],
        "bytes": number % 1000,
        "number": number,
        "shelf": f"s{number % 11}",
    }
    if number % 4:
        made["username"] = f"user{number % 7}"
        made["duration_ms"] = (0.25, 1, 600_000)[number % 3]
    if number % 8 == 0:
        made["url"] += f"?utm_source=letter&utm_medium=mail&utm_campaign=c{number % 3}"
    if number % 5 < 2:
        made["referrer"] = list(REFERRERS)[number % 5]
    return made


def campaign(record: Record, name: str) -> str:
    found = dict(part.split("=") for part in record["url"].partition("?")[2].split("&") if part)
    return found.get(name, "")


def place(record: Record) -> tuple[str, str, str]:
    return PLACES.get(ADDRESSES[record["ip"]], ("", "", ""))


VIEWS: dict[str, Callable[[Record], str]] = {
    "country": lambda record: place(record)[0],
    "region": lambda record: place(record)[1],
    "city": lambda record: place(record)[2],
    "os": lambda record: AGENTS[record["useragent"]][0],
    "browser": lambda record: AGENTS[record["useragent"]][1],
    "device": lambda record: AGENTS[record["useragent"]][2],
    "bot": lambda record: "true" if is_bot(record) else "false",
    "url": lambda record: record["url"].partition("?")[0],
    "host": lambda record: record["host"],
    "referrer": lambda record: REFERRERS.get(record.get("referrer", ""), ""),
    "utm_source": lambda record: campaign(record, "utm_source"),
    "utm_medium": lambda record: campaign(record, "utm_medium"),
    "utm_campaign": lambda record: campaign(record, "utm_campaign"),
    "method": lambda record: record["method"],
    "status": lambda record: str(record["status"]),
    "username": lambda record: record.get("username", ""),
    "source": lambda record: record["source"],
    "latency": lambda record: CLASSES[record.get("duration_ms")],
}
WITHOUT_VISITORS = {"latency"}
GRAINS = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day"}


def is_bot(record: Record) -> bool:
    return AGENTS[record["useragent"]][2] == "bot"


def visitor(record: Record) -> tuple[int, str, str | None] | None:
    """Who counts once a day (UTC); nobody is recognised without an address."""
    if is_bot(record) or record["ip"] is None:
        return None
    return record["ts"] // 86_400, record["ip"], record["useragent"]


def visits_of(records: Iterable[Record]) -> list[list[tuple[int, str]]]:
    """The times and paths of each visit's page requests, in their order."""
    people: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    for record in records:
        is_page = record["method"] == "GET" and record["status"] in (200, 304)
        if is_page and visitor(record) is not None:
            people[visitor(record)].append((record["ts"], record["url"].partition("?")[0]))
    visits: list[list[tuple[int, str]]] = []
    for pages in map(sorted, people.values()):
        for n, page in enumerate(pages):
            if n == 0 or page[0] - pages[n - 1][0] > 1_800:
                visits.append([])
            visits[-1].append(page)
    return visits


@dataclass
class Tally:
    """What is counted of some events."""

    requests: int = 0
    bots: int = 0
    errors: int = 0
    duration_ms: float = 0.0
    timed: int = 0
    bytes: int = 0
    visitors: set[Any] = field(default_factory=set)

    def add(self, record: Record) -> None:
        self.requests += 1
        self.bots += is_bot(record)
        self.errors += record["status"] >= 500
        self.duration_ms += record.get("duration_ms", 0)
        self.timed += "duration_ms" in record
        self.bytes += record["bytes"]
        self.visitors.add(visitor(record))

    def row(self) -> dict[str, Any]:
        """As the reading API shows it."""
        mean = pytest.approx(self.duration_ms / self.timed, abs=0.001) if self.timed else None
        return {
            "requests": self.requests,
            "visitors": len(self.visitors - {None}),
            "bots": self.bots,
            "errors": self.errors,
            "duration_ms": mean,
            "bytes": self.bytes,
        }


class Truth:
    """What a server has to say when it has counted certain envelopes, each once."""

    def __init__(self, views: Mapping[str, Callable[[Record], str]] = VIEWS) -> None:
        self._views = views
        self._letters: dict[int, Letter] = {}
        self._total = Tally()
        self._rows: dict[str, dict[str, Tally]] = {view: defaultdict(Tally) for view in views}
        self._points: dict[int, dict[int, Tally]] = {length_s: defaultdict(Tally) for length_s in GRAINS}

    def add(self, letters: Iterable[Letter]) -> None:
        """Count those that are not counted yet."""
        for letter in letters:
            if id(letter) in self._letters:
                continue
            self._letters[id(letter)] = letter
            for record in letter.records:
                self._total.add(record)
                for view, key in self._views.items():
                    self._rows[view][key(record)].add(record)
                for length_s, points in self._points.items():
                    points[record["ts"] // length_s * length_s].add(record)

    def check(self, server: ServerProcess, service: WebService) -> None:
        """Compare all that the server says about the web service."""
        for view, tallies in self._rows.items():
            expected = {key: tally.row() for key, tally in tallies.items()}
            if view in WITHOUT_VISITORS:
                expected = {key: {**row, "visitors": 0} for key, row in expected.items()}
            assert ranked(server, service, view) == expected, view
        self._check_totals(server, service)
        for length_s, grain in GRAINS.items():
            self._check_series(server, service, length_s, grain)
        self._check_ledger(server, service)

    def _check_totals(self, server: ServerProcess, service: WebService) -> None:
        summary = server.ask(service, "summary", since="-2d")
        expected = self._total.row()
        del expected["duration_ms"]
        assert {name: summary["results"][name] for name in expected} == expected
        assert summary["complete_from"] is None
        visits = visits_of(record for letter in self._letters.values() for record in letter.records)
        assert summary["results"]["visits"] == len(visits)
        assert summary["results"]["pages"] == sum(map(len, visits))
        for view, at in (("entry", 0), ("exit", -1)):
            rows = ranked(server, service, view)
            found = {key: row["visits"] for key, row in rows.items()}
            assert found == Counter(visit[at][1] for visit in visits), view

    def _check_series(self, server: ServerProcess, service: WebService, length_s: int, grain: str) -> None:
        points = server.ask(service, f"requests/{grain}/{2 if grain == 'day' else 3_600}")["results"]
        visits = sum(point.pop("visits", 0) for point in points)
        bounces = sum(point.pop("bounces", 0) for point in points)
        if grain in ("hour", "day"):
            known = visits_of(record for letter in self._letters.values() for record in letter.records)
            assert (visits, bounces) == (len(known), sum(len(visit) == 1 for visit in known)), grain
        found = {point.pop("t"): point for point in points if point["requests"]}
        expected = {
            datetime.fromtimestamp(start, UTC).isoformat(): tally.row()
            for start, tally in self._points[length_s].items()
        }
        if grain != "day":
            # Which of a visitor's events came first is up to the senders and the crash; their number is not.
            assert sum(point.pop("visitors") for point in found.values()) == len(
                self._total.visitors - {None}
            )
            for row in expected.values():
                del row["visitors"]
        assert found == expected, grain

    def _check_ledger(self, server: ServerProcess, service: WebService) -> None:
        expected: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for letter in self._letters.values():
            stored, rejected = len(letter.records), letter.invalid
            expected[letter.source, letter.run].update(
                sent=stored + rejected, stored=stored, rejected=rejected
            )
        found = {}
        for row in server.ask(service, "sources")["results"]:
            assert row["reasons"] == ({"url missing": row["rejected"]} if row["rejected"] else {})
            assert (row["repeated"], row["missing"], row["refused"], row["lost"]) == (0, 0, 0, {})
            found[row["source"], row["run"]] = {name: row[name] for name in ("sent", "stored", "rejected")}
        assert found == expected


def ranked(server: ServerProcess, service: WebService, view: str) -> dict[str, Any]:
    answer = server.ask(service, f"users/{view}", since="-2d", limit=10_000)
    assert answer["complete_from"] is None
    rows = answer["results"]
    assert not [row for row in rows if "other" in row]
    found = {row.pop("key"): row for row in rows}
    assert len(found) == len(rows)
    return found


@dataclass(eq=False)
class Letter:
    """An envelope of the test: its sealed bytes, what it holds, and whether it was acknowledged."""

    sealed: bytes
    records: list[Record]
    invalid: int = 0
    source: str = ""
    run: str = ""
    stream: bool = False
    acknowledged: bool = False

    @property
    def answer(self) -> dict[str, Any]:
        """What the server answers to it."""
        answer: Record = {"status_code": 200, "accepted": len(self.records)}
        if self.stream:
            answer["repeated"] = 0
        error = {"index": len(self.records), "error": "url: missing"}
        return {
            **answer,
            "rejected_count": self.invalid,
            "rejected": [error] if self.invalid else [],
        }


@dataclass
class Sender:
    """A client that makes envelopes of one kind and numbers their events."""

    service: WebService
    first: int
    kind: str
    sizes: tuple[int, ...]
    ts: int
    letters: list[Letter] = field(default_factory=list)
    sent: int = 0
    made: int = 0

    def next(self) -> Letter:
        """A fresh envelope; a stream's goes on where the last one ended."""
        size = self.sizes[len(self.letters) % len(self.sizes)]
        numbers = range(self.first + self.made, self.first + self.made + size)
        records = [event(number, self.ts) for number in numbers]
        self.made += size
        document: Any
        letter = Letter(b"", records)
        if self.kind == "bare":
            document = records[0] if size == 1 else records
        else:
            letter.source, letter.run = self.kind, f"run {self.first}"
            letter.invalid = 1 if self.kind == "booked" and size and len(self.letters) % 3 == 0 else 0
            letter.stream = self.kind == "stream"
            self.sent += size + letter.invalid
            document = {"source": letter.source, "run": letter.run, "sent": self.sent, "sent_at": time.time()}
            document["seq"] = len(self.letters) + 1
            document["events"] = [*records, *[{"ip": None, "useragent": None}] * letter.invalid]
            if letter.stream:
                document["stream"] = f"journal {self.first}"
                document["events"] = [{**record, "offset": record["number"]} for record in records]
        letter.sealed = self.service.seal(document)
        for record in records:
            record["source"] = letter.source
        self.letters.append(letter)
        return letter
