# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of docs/examples: judged by the conformance kit, and counted by a real server to the last event.

Each runs where its language is installed or can be; all run at once, since they mostly wait.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.dotnet import compiled
from tests.integration.kit_runs import KitRuns
from tests.integration.server_process import ServerProcess, WebService
from tests.integration.test_envelope_interoperates import node  # noqa: F401 (a fixture)
from tests.system_packages import program

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
FILES = {
    "Node": "send.mjs",
    "PHP": "send.php",
    "Go": "send.go",
    "Java": "Send.java",
    "C#": "Send.cs",
}
NEED_NOT = {"base64", "zlib", "http-gzip", "gzip-answer", "stream"}
"""What a client may do without, and some of them do."""
GOOD, REJECTED, INVALID = 2_345, 3, 4


class Ready(NamedTuple):
    """How an example is started; `missing` says why it is not."""

    command: list[str]
    environment: dict[str, str]
    missing: str = ""


class Sent(NamedTuple):
    """What an example did with the lines that it was given for a real server."""

    service: WebService
    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, node: str) -> dict[str, Ready]:  # noqa: F811 (the fixture)
    """Each example, compiled where its language does that ahead."""

    def go(folder: Path) -> Ready:
        built = folder / "send"
        environment = {**os.environ, "HOME": str(folder), "GOCACHE": str(folder / "cache")}
        command = [program("go", "golang-go"), "build", "-o", str(built), str(EXAMPLES / "send.go")]
        subprocess.run(command, env=environment, cwd=folder, check=True)
        return Ready([str(built)], {})

    ways: dict[str, Callable[[Path], Ready]] = {
        "Node": lambda folder: Ready([node, str(EXAMPLES / "send.mjs")], {}),
        "PHP": lambda folder: Ready([program("php", "php-cli"), str(EXAMPLES / "send.php")], {}),
        "Go": go,
        "Java": lambda folder: Ready(
            [program("java", "default-jdk-headless"), str(EXAMPLES / "Send.java")], {}
        ),
        "C#": lambda folder: Ready(*compiled(EXAMPLES / "Send.cs", folder)),
    }
    found = {}
    for language, way in ways.items():
        try:
            found[language] = way(tmp_path_factory.mktemp("example"))
        except pytest.skip.Exception as skipped:
            found[language] = Ready([], {}, str(skipped))
    return found


@pytest.fixture(scope="module")
def runs(ready: dict[str, Ready]) -> Iterator[KitRuns]:
    with KitRuns() as started:
        for language, example in ready.items():
            if not example.missing:
                started.start(language, example.command, environment=example.environment)
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("examples") / "data") as running:
        yield running
        assert running.troubles == []


@pytest.fixture(scope="module")
def sent(
    ready: dict[str, Ready],
    runs: KitRuns,
    server: ServerProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Sent]:
    """What became of the same lines, by example. The kit's runs go on meanwhile."""
    file = tmp_path_factory.mktemp("lines") / "events.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines(time.time())), encoding="utf-8")
    started = {}
    for language, example in ready.items():
        if example.missing:
            continue
        service = server.webservice(f"in {language}")
        environment = {**os.environ, **example.environment, "TMON_DSN": server.dsn(service)}
        with file.open("rb") as stdin:
            started[language] = (
                service,
                subprocess.Popen(
                    example.command,
                    env=environment,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                ),
            )
    done = {}
    for language, (service, process) in started.items():
        out, err = process.communicate(timeout=120)
        done[language] = Sent(service, process.returncode, out, err)
    return done


def lines(now: float) -> Iterator[str]:
    """Events that a server takes, among them some that it rejects and lines that are none."""
    for number in range(GOOD):
        event = {
            "url": f"/{number % 7}",
            "ip": "203.0.113.7",
            "useragent": "caf\u00e9 \U0001f600",
            "status": 200,
        }
        if number % 2:
            event["ts"] = round(now - number / 10, 1)
        yield json.dumps(event, ensure_ascii=number % 3 == 0)
        if number % 1000 == 500:
            yield '{"ip": null, "useragent": null, "url_is": "missing"}'
    yield '{"ip": null, "useragent": null, "ts": "yesterday", "url": "/"}'
    yield '{"url": "/", "ip": null, "useragent": null'
    yield ""
    yield '{"url": "/", "ip": null, "useragent": null, "x": NaN}'
    yield '{"url": "/", "ip": null, "useragent": null, "x": 1e999}'
    yield '[{"url": "/", "ip": null, "useragent": null}]'


@pytest.mark.parametrize("language", FILES)
def test_a_server_counts_what_an_example_sends_to_the_last_event(
    ready: dict[str, Ready], server: ServerProcess, sent: dict[str, Sent], language: str
) -> None:
    if ready[language].missing:
        pytest.skip(ready[language].missing)
    service, status, out, err = sent[language]
    assert status == 1, err  # not everything was accepted
    assert re.match(rf"{GOOD} accepted, {REJECTED} rejected, lost: .*{INVALID}", out), out
    assert server.ask(service, "summary")["results"]["requests"] == GOOD
    (run,) = server.ask(service, "sources")["results"]
    books: dict[str, Any] = {
        "sent": GOOD + REJECTED + INVALID,
        "stored": GOOD,
        "repeated": 0,
        "rejected": REJECTED,
        "missing": INVALID,
        "lost": {"invalid_line": INVALID},
        "refused": 0,
        "closed": True,
    }
    assert {name: run[name] for name in books} == books
    assert service.secret.hex() not in out + err


@pytest.mark.parametrize("language", FILES)
def test_an_example_conforms(ready: dict[str, Ready], runs: KitRuns, language: str) -> None:
    if ready[language].missing:
        pytest.skip(ready[language].missing)
    judged = runs.judged(language)
    assert judged.with_verdict("fail") == {}
    assert set(judged.with_verdict("not seen")) <= NEED_NOT
    assert judged.status == 0, judged.said


@pytest.mark.parametrize("language", FILES)
def test_an_example_without_a_usable_dsn_says_so(ready: dict[str, Ready], language: str) -> None:
    if ready[language].missing:
        pytest.skip(ready[language].missing)
    secret = "0123456789abcdef" * 4
    environment = {**os.environ, **ready[language].environment, "TMON_DSN": f"http://{secret}@localhost/7"}
    done = subprocess.run(
        ready[language].command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "TMON_DSN is not set, or is no DSN" in done.stderr
    assert secret not in done.stdout + done.stderr


def test_every_example_is_tested_and_may_be_copied() -> None:
    assert sorted(FILES.values()) == sorted(one.name for one in EXAMPLES.iterdir())
    for one in EXAMPLES.iterdir():
        assert "SPDX-License-Identifier: 0BSD" in one.read_text("utf-8").splitlines()[0]
