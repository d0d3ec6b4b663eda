# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is killed with SIGKILL loses nothing that it acknowledged and counts nothing twice or by halves.

What every view should say is worked out here, from the events alone, and compared row by row.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.known_traffic import PLACES, VIEWS, Letter, Record, Sender, Truth
from tests.integration.server_process import Answer, ServerProcess, WebService, until
from tests.unit.pipeline.mmdb import write_mmdb

pytestmark = pytest.mark.slow

LATER: dict[str, tuple[str, Callable[[Record], str]]] = {
    "answer": ('field = "status"', lambda record: str(record["status"])),
    "page": ('field = "path"', lambda record: record["url"].partition("?")[0]),
    "program": ('field = "useragent"\nvisitors = "first"', lambda record: record["useragent"] or ""),
    "shelf": ('field = "shelf"', lambda record: record["shelf"]),
    "size": (
        'field = "bytes"\nclasses = { from = 10, to = 1000, ratio = 10 }',
        lambda record: "0" if record["bytes"] < 10 else "10" if record["bytes"] < 100 else "100",
    ),
}


class Load:
    """Senders that send, one thread each, until the server is gone; somebody asks meanwhile."""

    def __init__(self, server: ServerProcess, service: WebService, senders: list[Sender]) -> None:
        self.acknowledged = 0
        self.failures: list[BaseException] = []
        self._server, self._service = server, service
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._guarded, args=(self._send, one)) for one in senders]
        self._threads.append(threading.Thread(target=self._guarded, args=(self._ask, None)))
        for thread in self._threads:
            thread.start()

    def killed(self, acknowledgements: int, then_s: float, scratch: Path) -> Positions:
        """Kill the server so many seconds after so many acknowledgements, whatever it is doing."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self.failures or self.acknowledged >= acknowledgements, timeout=60
            )
        # The moment is the point here, not a condition: it decides what the kill interrupts.
        threading.Event().wait(then_s)
        at = killed(self._server, scratch)
        for thread in self._threads:
            thread.join()
        assert self.failures == []
        return at

    def _guarded(self, work: Callable[[Any], None], argument: Any) -> None:
        try:
            with contextlib.suppress(OSError, http.client.HTTPException):
                work(argument)
        except BaseException as failure:  # noqa: BLE001 - shown by the test's own thread
            with self._changed:
                self.failures.append(failure)
                self._changed.notify_all()

    def _send(self, sender: Sender) -> None:
        connection = self._server.connect()
        with contextlib.closing(connection):
            while True:
                letter = sender.next()
                answer = connection.collect(sender.service.wsid, letter.sealed)
                assert (answer.status, answer.json()) == (200, letter.answer)
                letter.acknowledged = True
                with self._changed:
                    self.acknowledged += 1
                    self._changed.notify_all()

    def _ask(self, _: None) -> None:
        connection = self._server.connect()
        target = f"/{self._service.wsid}/data/users/url"
        with contextlib.closing(connection):
            while True:
                answer = connection.send("GET", target, Authorization=f"Bearer {self._server.token}")
                assert answer.status == 200


def present(letters: list[Letter], numbers: Counter[int]) -> list[Letter]:
    """The envelopes that the log has. All that were acknowledged are there, and each is there wholly or not at all.

    Whether one without events is there cannot be seen, and changes no figure.
    """
    found = []
    for letter in letters:
        held = {numbers[record["number"]] for record in letter.records} or {int(letter.acknowledged)}
        assert held in ({1}, {0}), f"an envelope is there by halves or twice: {held}"
        if held == {1}:
            found.append(letter)
        else:
            assert not letter.acknowledged, "an acknowledged envelope is not there"
    assert numbers.total() == sum(len(letter.records) for letter in found)
    return found


@dataclass
class Positions:
    """How far the files of a server are: the log's last entry, what the views have counted, and those that fill."""

    log_end: int
    counted: int
    filling: dict[str, int]

    @classmethod
    def read(cls, data: Path) -> Positions:
        with (
            contextlib.closing(sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True)) as log,
            contextlib.closing(sqlite3.connect(f"file:{data}/views.db?mode=ro", uri=True)) as views,
        ):
            (following,) = log.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()
            at = dict(views.execute("SELECT owner, position FROM followers").fetchall())
            filling = views.execute("SELECT name, owner FROM views WHERE owner <> 0").fetchall()
        return cls(following - 1, at[0], {name: at[owner] for name, owner in filling})


def killed(server: ServerProcess, scratch: Path) -> Positions:
    """Kill the server and look how far it was, at a copy of its files: they stay as the crash left them."""
    server.kill()
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for file in (*server.data.glob("log.db*"), *server.data.glob("views.db*")):
        shutil.copy(file, scratch)
    return Positions.read(scratch)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("crashes")
    records: Mapping[str, Any] = {
        network: {"country_code": country, "state1": region, "city": city, "latitude": 1.0, "longitude": 2.0}
        for network, (country, region, city) in PLACES.items()
    }
    write_mmdb(folder / "places.mmdb", records)
    with ServerProcess(folder / "data", TMON_GEOIP=str(folder / "places.mmdb")) as process:
        yield process


@pytest.fixture
def server(process: ServerProcess) -> ServerProcess:
    """The server, which the test before may have left killed."""
    if not process.runs:
        process.start()
    return process


@pytest.fixture
def shop(server: ServerProcess, request: pytest.FixtureRequest) -> WebService:
    """A web service of the test's own."""
    return server.webservice(request.node.name)


def test_what_was_acknowledged_before_a_kill_counts_once_in_every_view(
    server: ServerProcess, shop: WebService, tmp_path: Path
) -> None:
    chance = random.Random()
    now = int(time.time())
    senders = [
        Sender(shop, 1_000_000, "bare", (1,), now),
        Sender(shop, 2_000_000, "bare", (40, 1, 7), now),
        Sender(shop, 3_000_000, "booked", (60, 3, 0, 200), now),
        Sender(shop, 4_000_000, "stream", (25, 130), now),
        Sender(shop, 5_000_000, "booked", (2_500,), now),
    ]
    truth = Truth()
    numbers: Counter[int] = Counter()
    last = unanswered = uncounted = 0
    for _ in range(6):
        load = Load(server, shop, senders)
        at = load.killed(chance.randint(1, 30), chance.uniform(0, 0.3), tmp_path / "scratch")
        uncounted += at.counted < at.log_end
        server.start()

        found = server.events(shop, after=last)
        last = max([last, *(row["seq"] for row in found)])
        numbers.update(row["number"] for row in found)
        letters = [letter for sender in senders for letter in sender.letters]
        there = present(letters, numbers)
        truth.add(there)
        truth.check(server, shop)

        for letter in letters:
            if letter.acknowledged:
                continue
            unanswered += 1
            answer = server.collect(shop, letter.sealed)
            content = answer.json()
            was_there = content.pop("duplicate", False)
            assert (answer.status, content) == (200, letter.answer)
            assert was_there == (letter in there) or not letter.records
            letter.acknowledged = True
        for letter in chance.sample(there, min(len(there), 5)):
            answer = server.collect(shop, letter.sealed)
            assert (answer.status, answer.json()) == (200, {**letter.answer, "duplicate": True})

    every = server.events(shop)
    assert [row["seq"] for row in every] == sorted(row["seq"] for row in every)
    letters = [letter for sender in senders for letter in sender.letters]
    assert present(letters, Counter(row["number"] for row in every)) == letters
    truth.add(letters)
    truth.check(server, shop)
    assert unanswered > 0, "no kill has cut an answer off: kill earlier or send more"
    assert uncounted > 0, "no kill has fallen between log and views: kill earlier or send more"
    assert troubles(server) == []


def batches(service: WebService, first: int, count: int, size: int) -> list[Letter]:
    sender = Sender(service, first, "bare", (size,), int(time.time()))
    return [sender.next() for _ in range(count)]


def deliver(server: ServerProcess, service: WebService, letters: list[Letter]) -> None:
    for letter in letters:
        answer: Answer = server.collect(service, letter.sealed)
        assert (answer.status, answer.json()) == (200, letter.answer)


def troubles(server: ServerProcess) -> list[str]:
    """What the server has logged, without what comes of `paused_views`."""
    return [line for line in server.troubles if "database is locked" not in line]


@contextlib.contextmanager
def paused_views(data: Path) -> Iterator[None]:
    """Nobody else can write views.db: whoever follows the log has to wait."""
    with contextlib.closing(sqlite3.connect(data / "views.db", isolation_level=None)) as views:
        views.execute("BEGIN IMMEDIATE")
        yield
        views.execute("ROLLBACK")


@contextlib.contextmanager
def next_commit(database: Path) -> Iterator[Callable[[], bool]]:
    """A function that says whether somebody has committed anything to a database since the start of the context."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as watcher:

        def version() -> Any:
            return watcher.execute("PRAGMA data_version").fetchone()

        before = version()
        yield lambda: version() != before


def test_a_kill_between_log_and_views_is_made_good_after_the_start(
    server: ServerProcess, shop: WebService, tmp_path: Path
) -> None:
    letters = batches(shop, 1_000_000, 5, 9_000)
    until(lambda: server.metric("tmon_views_behind_events") == 0, "the views have caught up")
    with paused_views(server.data):
        deliver(server, shop, letters)
        at = killed(server, tmp_path / "scratch")
    waiting = [at.log_end - at.counted]
    for _ in range(10):
        if at.counted == at.log_end:
            break
        # Killed again right after it has committed something to the views, whatever that is.
        with next_commit(server.data / "views.db") as committed:
            server.launch()
            until(committed, "it goes on counting")
            at = killed(server, tmp_path / "scratch")
        waiting.append(at.log_end - at.counted)
    assert waiting[0] == 5 * 9_001
    assert 0 < waiting[1] < 5 * 9_001
    assert waiting[-1] == 0

    server.start()
    truth = Truth()
    truth.add(letters)
    truth.check(server, shop)
    assert troubles(server) == []


def test_a_view_that_is_killed_while_it_fills_counts_everything_once(
    server: ServerProcess, shop: WebService, tmp_path: Path
) -> None:
    letters = batches(shop, 1_000_000, 4, 9_000)
    deliver(server, shop, letters)
    until(lambda: server.metric("tmon_views_behind_events") == 0, "the views have caught up")
    folder = server.data / "views"
    folder.mkdir()
    for name, (lines, _) in LATER.items():
        (folder / f"{name}.toml").write_text(f'title = "{name}"\n{lines}')

    assert server.command("views", "sync") == "changed: answer, page, program, shelf, size\n"
    filling = [killed(server, tmp_path / "scratch").filling]
    for round_ in range(3):
        server.launch()
        until(lambda: Positions.read(server.data).filling != filling[-1], "the views go on filling")
        filling.append(killed(server, tmp_path / "scratch").filling)
        if round_ == 0:  # what arrives meanwhile counts in the views that fill, too
            server.start()
            late = batches(shop, 2_000_000, 3, 300)
            deliver(server, shop, late)
            letters += late
            filling.append(killed(server, tmp_path / "scratch").filling)
    assert set(filling[0]) == set(LATER)
    assert any(position > 0 for stage in filling for position in stage.values())
    assert len(filling[-1]) > 0, "the last kill has come after all were filled: send more"

    server.start()
    until(lambda: server.metric("tmon_views_filling") == 0, "the views are filled")
    truth = Truth({**VIEWS, **{name: key for name, (_, key) in LATER.items()}})
    truth.add(letters)
    truth.check(server, shop)
    assert troubles(server) == []
