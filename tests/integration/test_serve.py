# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve` as a process: first steps, everything wired together, stopping, being killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.collecting import EVENT, Answer, read_answer

from tmon.client_api import Dsn
from tmon.client_api.envelope import seal

TMON = (sys.executable, "-W", "error", "-m", "tmon.cli")
FIRST_STEPS = re.compile(
    r"administrator: admin\n"
    r"password:      (?P<password>\w{20})   \(shown only now\)\n"
    r"web service:   1 \(first\)\n"
    r"DSN:           (?P<dsn>tmon\+http://[0-9a-f]{64}@127\.0\.0\.1:\d+/1)\n"
    r"\Z"
)


@dataclass
class Serving:
    """A server process, and where it is."""

    process: subprocess.Popen[str]
    url: str
    said: str

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            return read_answer(connection.getresponse())
        finally:
            connection.close()

    def post(self, dsn: Dsn, envelope: bytes) -> Answer:
        return self.request(
            "POST", f"/data/collect/{dsn.wsid}", envelope, Content_Type="application/octet-stream"
        )

    def send(self, dsn: Dsn, document: Any) -> Answer:
        return self.post(dsn, sealed(dsn, document))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)


def sealed(dsn: Dsn, document: Any) -> bytes:
    return seal(json.dumps(document).encode(), dsn.key, dsn.wsid)


@contextlib.contextmanager
def serve(data: Path, *arguments: str, **environ: str) -> Iterator[Serving]:
    """`tmon serve` on a free port, until the end of the context."""
    with subprocess.Popen(
        [*TMON, "serve", "--port", "0", "--data", str(data), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                if line.startswith("T-Mon serves "):
                    yield Serving(process, line.split()[2], said)
                    break
                said += line
            else:
                pytest.fail(f"it ended with {process.wait()} after {said!r}")
        finally:
            if process.poll() is None:
                process.kill()


def tmon(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TMON, *arguments, "--data", str(data)], capture_output=True, text=True, check=False, timeout=120
    )


def first_dsn(serving: Serving) -> Dsn:
    steps = FIRST_STEPS.match(serving.said)
    assert steps is not None, serving.said
    return Dsn.parse(steps["dsn"])


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Dsn, Path]]:
    """One server for the tests that do it no harm."""
    data = tmp_path_factory.mktemp("serve") / "data"
    with serve(data) as serving:
        yield serving, first_dsn(serving), data


def test_an_empty_folder_gets_an_administrator_and_a_web_service_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serve(data) as serving:
        dsn = first_dsn(serving)
        assert serving.send(dsn, EVENT).json["accepted"] == 1
        assert serving.end() == 0
    with serve(data) as serving:
        assert serving.said == ""
        assert serving.send(dsn, EVENT).json["accepted"] == 1
        assert serving.end(signal.SIGINT) == 0


def test_outside_of_testing_no_password_is_printed(tmp_path: Path) -> None:
    with serve(tmp_path / "data", TMON_STAGE="staging", TMON_SECRET_KEY="s" * 50) as serving:
        assert serving.said == "There is no account yet. Make one with: tmon user create NAME --admin\n"


def test_the_printed_password_opens_the_administration(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, _, _ = shared
    steps = FIRST_STEPS.match(serving.said)
    assert steps is not None
    page = serving.request("GET", "/login")
    cookie = page.headers["set-cookie"].partition(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert token is not None
    answer = serving.request(
        "POST",
        "/login",
        f"csrfmiddlewaretoken={token[1]}&username=admin&password={steps['password']}".encode(),
        Content_Type="application/x-www-form-urlencoded",
        Cookie=cookie,
    )
    assert answer.status == 302
    session = re.search(r"sessionid=\w+", answer.headers["set-cookie"])
    assert session is not None
    assert serving.request("GET", "/admin/", Cookie=session[0]).status == 200


def test_health_readiness_and_metrics(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, _, _ = shared
    assert serving.request("GET", "/healthz").status == 200
    assert serving.request("GET", "/readyz").json == {"status_code": 200, "status": "ready"}
    metrics = serving.request("GET", "/metrics").content.decode()
    for name in (
        "tmon_writer_queue_events",
        "tmon_commit_seconds_bucket",
        "tmon_views_behind_events",
        "tmon_views_behind_seconds",
        "tmon_answers_total",
        "tmon_failed_opens_total",
        "tmon_periodic_failing",
        "process_resident_memory_bytes",
    ):
        assert re.search(rf"^{name}\b", metrics, re.MULTILINE), name


def test_the_first_page_is_there_and_unknown_ones_are_not(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, _, _ = shared
    assert serving.request("GET", "/").status == 200
    assert serving.request("GET", "/nothing/here").status == 404


def test_what_was_sent_is_read_at_once(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, dsn, data = shared
    token = json.loads(tmon(data, "token", "create", "admin", "--json").stdout)["token"]

    def count() -> int:
        answer = serving.request("GET", f"/{dsn.wsid}/data/summary", Authorization=f"Bearer {token}")
        assert answer.status == 200, answer.content
        return int(answer.json["results"]["requests"])

    before = count()
    for number in range(1, 6):
        assert serving.send(dsn, [EVENT] * 10).json["accepted"] == 10
        assert count() == before + 10 * number


def test_a_web_service_made_while_it_serves_is_known_at_once(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, _, data = shared
    made = json.loads(tmon(data, "webservice", "create", "young", "--owner", "admin", "--json").stdout)
    dsn = Dsn.parse(made["dsn"])
    assert serving.send(dsn, EVENT).json["accepted"] == 1
    rotated = json.loads(tmon(data, "webservice", "rotate-key", str(dsn.wsid), "--json").stdout)
    assert serving.send(Dsn.parse(rotated["dsn"]), EVENT).json["accepted"] == 1
    assert tmon(data, "webservice", "revoke-key", str(dsn.wsid)).returncode == 0
    wait_until(lambda: serving.send(dsn, EVENT).status == 403)


def test_a_view_that_is_added_is_synced_by_the_running_server(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, dsn, data = shared
    (data / "views").mkdir(exist_ok=True)
    (data / "views" / "colour.toml").write_text('title = "Colours"\nfield = "colour"\n')
    done = tmon(data, "views", "sync")
    assert (done.returncode, done.stdout) == (0, "changed: colour\n"), done.stderr
    assert serving.send(dsn, {**EVENT, "colour": "red"}).status == 200


def test_deleting_a_web_service_drops_its_data_and_takes_nothing_more(
    shared: tuple[Serving, Dsn, Path],
) -> None:
    serving, _, data = shared
    made = json.loads(tmon(data, "webservice", "create", "short-lived", "--owner", "admin", "--json").stdout)
    dsn = Dsn.parse(made["dsn"])
    assert serving.send(dsn, [EVENT] * 7).json["accepted"] == 7
    done = tmon(data, "webservice", "delete", str(dsn.wsid), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == 7
    assert serving.send(dsn, EVENT).status == 403


def test_erasing_a_user_name_says_how_much(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, dsn, data = shared
    serving.send(dsn, [{**EVENT, "username": "ada"}] * 3)
    done = tmon(data, "webservice", "erase", str(dsn.wsid), "ada", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == 3


def test_the_folder_has_one_server_at_a_time(shared: tuple[Serving, Dsn, Path]) -> None:
    serving, _, data = shared
    second = tmon(data, "serve", "--port", "0")
    assert second.returncode == 1
    assert second.stderr.startswith("tmon: ")
    assert f"belongs to a running T-Mon (process {serving.process.pid})" in second.stderr
    assert second.stdout == ""


def test_a_port_that_is_taken_is_reported_and_no_account_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tmon(tmp_path / "data", "serve", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"tmon: cannot listen on 127.0.0.1:{port}: ")
    with serve(tmp_path / "data") as serving:
        assert FIRST_STEPS.match(serving.said)


@pytest.mark.parametrize(
    "arguments",
    [("--processes", "65"), ("--processes", "0"), ("--port", "65536"), ("--port", "x")],
)
def test_wrong_usage_is_2_and_makes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = tmon(tmp_path / "data", "serve", *arguments)
    assert done.returncode == 2
    assert done.stderr
    assert not (tmp_path / "data").exists()


def test_a_wrong_view_file_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "data" / "views").mkdir(parents=True)
    (tmp_path / "data" / "views" / "x.toml").write_text("title = 5\n")
    done = tmon(tmp_path / "data", "serve", "--port", "0")
    assert done.returncode == 1
    assert "views/x.toml" in done.stderr.splitlines()[-1]


def test_a_memory_store_serves_too(tmp_path: Path) -> None:
    with serve(tmp_path / "data", TMON_STORE="memory:") as serving:
        assert serving.send(first_dsn(serving), EVENT).status == 200
        assert serving.end() == 0


class Load:
    """Threads that send envelopes until the server is gone, and what was acknowledged."""

    def __init__(self, serving: Serving, dsn: Dsn, events: int, threads: int = 6) -> None:
        self.acknowledged: list[bytes] = []
        self.strange: list[int] = []
        self._threads = [
            threading.Thread(target=self._run, args=(serving, dsn, events)) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, serving: Serving, dsn: Dsn, events: int) -> None:
        while True:
            envelope = sealed(dsn, [EVENT] * events)
            try:
                answer = serving.post(dsn, envelope)
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                self.acknowledged.append(envelope)
            elif answer.status != 503:
                self.strange.append(answer.status)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


def test_told_to_stop_under_load_it_has_stored_every_envelope_that_it_acknowledged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serve(data) as serving:
        dsn = first_dsn(serving)
        load = Load(serving, dsn, events=5)
        wait_until(lambda: len(load.acknowledged) > 200)
        assert serving.end() == 0
        load.join()
    assert load.strange == []
    with serve(data) as serving:
        for envelope in load.acknowledged:
            answer = serving.post(dsn, envelope)
            assert (answer.status, answer.json["accepted"], answer.json["duplicate"]) == (200, 5, True)


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with serve(tmp_path / "data") as serving:
        parts = urlsplit(serving.url)
        with socket.create_connection((str(parts.hostname), parts.port or 0)) as connection:
            connection.sendall(b"POST /data/collect HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
            wait_until(lambda: b"tmon_requests_under_way 2.0" in serving.request("GET", "/metrics").content)
            serving.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                serving.process.wait(0.3)
            assert serving.process.poll() is None
            assert serving.end() == 1
