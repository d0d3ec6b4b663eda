# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon import logs` against a real server: every line counts once, whatever its file is called and how it grew."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import zstandard

from .server_process import ServerProcess, WebService

TMON: Final = [sys.executable, "-m", "tmon.cli", "import", "logs"]
PERIOD: Final = {"from": "2015-05-17", "to": "2015-05-22"}
"""Up to, not including, by the API's manner of whole days."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("import-logs")) as running:
        yield running


@pytest.fixture
def service(server: ServerProcess, request: pytest.FixtureRequest) -> WebService:
    return server.webservice(request.node.name[-60:])


def run(
    server: ServerProcess, service: WebService, *arguments: str | Path, input: bytes = b""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*TMON, *map(str, arguments)],
        env={**os.environ, "TMON_DSN": server.dsn(service)},
        input=input,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def imported(
    server: ServerProcess, service: WebService, *arguments: str | Path, input: bytes = b""
) -> dict[str, Any]:
    """The counts over all files of an import that is a success."""
    done = run(server, service, "--json", *arguments, input=input)
    assert (done.returncode, done.stderr) == (0, "")
    total: dict[str, Any] = json.loads(done.stdout)["total"]
    return total


def line(number: int, path: str = "/", day: int = 17) -> bytes:
    return (
        f"203.0.113.{number % 250} - - [{day:02}/May/2015:10:{number // 60 % 60:02}:{number % 60:02} +0000] "
        f'"GET {path} HTTP/1.1" 200 {number} "-" "curl/8.5.0"\n'
    ).encode()


def lines(count: int, path: str = "/") -> bytes:
    return b"".join(line(number, path) for number in range(count))


def requests(server: ServerProcess, service: WebService) -> int:
    count: int = server.ask(service, "summary", **{"from": "2015-01-01", "to": "2016-01-01"})["results"][
        "requests"
    ]
    return count


def test_a_real_log_has_the_totals_that_awk_tells(
    server: ServerProcess, service: WebService, data_dir: Path
) -> None:
    log = data_dir / "logs" / "elastic_apache_logs.log"
    assert imported(server, service, log)["accepted"] == 10_000
    day = "{split($4, at, /[[\\/:]/); print at[2]}"
    for program, view in (("{print $9}", "status"), ('{split($7, p, "?"); print p[1]}', "url")):
        told = Counter(awk(program, log))
        rows = server.ask(service, f"users/{view}", **PERIOD, limit=10)["results"]
        assert {row["key"]: row["requests"] for row in rows if not row.get("other")} == dict(
            told.most_common(len(rows) - any(row.get("other") for row in rows))
        )
    days = server.ask(service, "requests/day/10", **PERIOD)["results"]
    assert {point["t"][8:10]: point["requests"] for point in days if point["requests"]} == dict(
        Counter(awk(day, log))
    )
    assert imported(server, service, log) == {
        "lines": 10_000,
        "accepted": 0,
        "before": 10_000,
        "rejected": 0,
        "why_rejected": {},
        "unparsed": {},
        "directives": 0,
        "skipped": {},
        "unended": 0,
    }
    assert requests(server, service) == 10_000


def awk(program: str, log: Path) -> list[str]:
    done = subprocess.run(
        ["awk", program, str(log)], capture_output=True, check=True, text=True, env={"LC_ALL": "C"}
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_the_same_content_counts_once_under_any_name_and_compression(
    server: ServerProcess, service: WebService, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    content = lines(300)
    (tmp_path / "access.log").write_bytes(content)
    (tmp_path / "access.log.1.z").write_bytes(compress(content))
    assert imported(server, service, tmp_path / "access.log")["accepted"] == 300
    (tmp_path / "access.log").rename(tmp_path / "renamed")
    assert imported(server, service, tmp_path / "renamed", tmp_path / "access.log.1.z")["before"] == 600
    assert imported(server, service, "-", input=compress(content))["before"] == 300
    assert requests(server, service) == 300


def test_a_log_is_imported_again_and_again_while_it_grows_line_by_line(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    with log.open("wb") as file:
        for number in (1, 2, 3, 4, 5, 9, 16, 17, 18, 40):
            file.seek(0, os.SEEK_END)
            have = log.read_bytes().count(b"\n")
            file.write(b"".join(line(one) for one in range(have, number)) + line(number)[:30])
            file.flush()
            assert imported(server, service, log) | {"lines": 0} == {
                "lines": 0,
                "accepted": number - have,
                "before": have,
                "rejected": 0,
                "why_rejected": {},
                "unparsed": {},
                "directives": 0,
                "skipped": {},
                "unended": 1,
            }
            file.truncate(file.tell() - 30)
    assert requests(server, service) == 40


def test_logs_that_begin_alike_are_told_apart(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    check = line(0, "/healthz") * 4
    (tmp_path / "one").write_bytes(check + lines(50, "/one"))
    (tmp_path / "two").write_bytes(check + lines(50, "/two"))
    total = imported(server, service, tmp_path / "one", tmp_path / "two")
    assert (total["accepted"], total["before"]) == (104, 4)
    rows = server.ask(service, "users/url", **PERIOD)["results"]
    assert {row["key"]: row["requests"] for row in rows} == {"/one": 50, "/two": 50, "/healthz": 4}


def test_what_is_not_understood_is_counted_by_reason_and_kept_as_samples(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    log, samples = tmp_path / "access.log", tmp_path / "samples"
    log.write_bytes(
        lines(30) + b"\x16\x03\x01\x02\x00\n" + b"no line of a log\n" * 3 + b"\xff" * 50 + b"\n" + line(31)
    )
    done = run(server, service, log, "--samples", samples)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{log} (combined): 36 lines: 31 counted now, 5 not understood (")
    assert (
        "  for example at byte 2,590, TLS handshake: '\\x16\\x03\\x01\\x02\\x00'" in done.stdout.splitlines()
    )
    assert len(samples.read_text().splitlines()) == 1 + 5
    assert samples.stat().st_mode & 0o777 == 0o600
    assert requests(server, service) == 31


def test_zeros_where_a_file_was_cut_hide_no_line(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(b"\0" * 5_000 + lines(3))
    assert imported(server, service, tmp_path / "log")["accepted"] == 3


def test_an_import_that_is_killed_goes_on_where_it_was(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(lines(40_000))
    for _ in range(3):
        process = subprocess.Popen(
            [*TMON, str(log)], env={**os.environ, "TMON_DSN": server.dsn(service)}, stdout=subprocess.DEVNULL
        )
        before, deadline = requests(server, service), time.monotonic() + 30
        while requests(server, service) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    total = imported(server, service, log)
    assert total["accepted"] + total["before"] == 40_000
    assert requests(server, service) == 40_000


def test_one_file_that_cannot_be_read_keeps_no_other_from_being_imported(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    (tmp_path / "good").write_bytes(lines(20))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(lines(2_000, "/cut"))[:-100])
    done = run(server, service, tmp_path / "missing", tmp_path / "cut.gz", tmp_path / "good")
    assert done.returncode == 1
    assert f"{tmp_path / 'missing'} can't be read: No such file or directory" in done.stderr
    assert f"{tmp_path / 'cut.gz'} is damaged or cut short" in done.stderr
    assert f"{tmp_path / 'good'} (combined): 20 lines: 20 counted now" in done.stdout
    rows = server.ask(service, "users/url", **PERIOD)["results"]
    counted = {row["key"]: row["requests"] for row in rows}
    assert counted["/"] == 20
    assert 0 < counted["/cut"] < 2_000


def test_a_name_that_is_no_text_is_shown_escaped(
    server: ServerProcess, service: WebService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    log = tmp_path / "\udcff.log"
    log.write_bytes(lines(3))
    done = run(server, service, log, tmp_path / "\udcfe.log")
    assert done.stdout.startswith(f"{tmp_path}/\\udcff.log (combined): 3 lines: 3 counted now")
    assert "\\udcfe.log can't be read: No such file or directory" in done.stderr


def test_rules_leave_out_and_change_what_they_describe(
    server: ServerProcess, service: WebService, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(
        lines(5, "/shop?page=2&session=abc")
        + lines(4, "/style.css")
        + lines(3, "/internal/x")
        + lines(2, "/who?user=ann")
    )
    rules = ("--without-assets", "--without-path", "/internal/*", "--drop-parameter", "session")
    total = imported(server, service, log, *rules, "--username-from", "url", "[?&]user=([^&]+)")
    assert (total["accepted"], total["skipped"]) == (7, {"static asset": 4, "path filtered": 3})
    events = server.ask(service, "events", limit=100)["results"]
    assert Counter((event["url"], event.get("username")) for event in events) == {
        ("/shop?page=2", None): 5,
        ("/who?user=ann", "ann"): 2,
    }
    wrong = run(server, service, log, "--only-status", "many")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_a_format_string_is_taken(server: ServerProcess, service: WebService, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b'[17/May/2015:10:00:00 +0000] 203.0.113.7 "GET /a HTTP/1.1" 200\n' * 3)
    written = '[$time_local] $remote_addr "$request" $status'
    assert imported(server, service, tmp_path / "log", "--format", written)["accepted"] == 3


def test_wrong_usage_is_told(server: ServerProcess, service: WebService, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(lines(1))
    unknown = run(server, service, tmp_path / "log", "--format", "nonsense")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "'nonsense' is no format" in unknown.stderr
    assert run(server, service, tmp_path / "log", "--timezone", "Mars/Olympus").returncode == 2
    assert run(server, service, "-", "-").returncode == 2
