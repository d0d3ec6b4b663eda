# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon send` and `tmon verify` as subprocesses against a real HTTP server."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Scripted, ScriptedCollector

SECRET = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"
TMON = [sys.executable, "-m", "tmon.cli"]


def _tmon(
    *arguments: str, dsn: str = "", input: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    named = {"TMON_DSN": dsn} if dsn else {}
    run = subprocess.run(
        [*TMON, *arguments],
        env={**os.environ, **named, **environment},
        input=input,
        capture_output=True,
        timeout=60,
        check=False,
    )
    result = subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())
    assert SECRET not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result


def _lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


# --- tmon send


def test_events_from_a_file_are_sent_with_their_own_times(
    collector: ScriptedCollector, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(
        _lines({"url": "/a", "ts": 1431857100}, {"url": "/b", "ts": "2015-05-17T10:05:00+02:00"})
    )
    run = _tmon("send", str(file), dsn=collector.dsn)
    assert (run.returncode, run.stdout, run.stderr) == (0, "2 events accepted\n", "")
    assert collector.stored == [
        {"url": "/a", "ts": 1431857100},
        {"url": "/b", "ts": "2015-05-17T10:05:00+02:00"},
    ]


def test_events_from_standard_input_are_sent_in_batches(collector: ScriptedCollector) -> None:
    run = _tmon("send", dsn=collector.dsn, input=_lines(*({"n": number} for number in range(1200))))
    assert (run.returncode, run.stdout) == (0, "1,200 events accepted\n")
    assert [event["n"] for event in collector.stored] == list(range(1200))
    assert [len(document["events"]) for document in collector.documents] == [500, 500, 200, 0]
    assert collector.documents[-1]["close"] is True


def test_an_event_without_a_time_gets_the_time_of_reading(collector: ScriptedCollector) -> None:
    _tmon("send", dsn=collector.dsn, input=_lines({"url": "/"}))
    assert collector.stored[0]["ts"] > 1_700_000_000


def test_the_dsn_may_stand_on_the_command_line(collector: ScriptedCollector) -> None:
    run = _tmon("send", "--dsn", collector.dsn, input=_lines({"url": "/"}))
    assert (run.returncode, run.stdout) == (0, "1 events accepted\n")


def test_nothing_to_send_is_done_at_once(collector: ScriptedCollector) -> None:
    run = _tmon("send", dsn=collector.dsn, input=b"\n  \n")
    assert (run.returncode, run.stdout) == (0, "0 events accepted\n")
    assert collector.posts == []


def test_lines_that_come_slowly_do_not_wait_for_a_full_batch(collector: ScriptedCollector) -> None:
    with subprocess.Popen(
        [*TMON, "send"],
        env={**os.environ, "TMON_DSN": collector.dsn},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(_lines({"n": 1}))
        process.stdin.flush()
        collector.wait_for(lambda: len(collector.stored) == 1)
        out, err = process.communicate(_lines({"n": 2}), timeout=30)
    assert (process.returncode, out, err) == (0, b"2 events accepted\n", b"")


def test_an_interrupt_while_waiting_sends_what_was_read(collector: ScriptedCollector) -> None:
    with subprocess.Popen(
        [*TMON, "send"],
        env={**os.environ, "TMON_DSN": collector.dsn},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(_lines({"n": 1}))
        process.stdin.flush()
        collector.wait_for(lambda: len(collector.stored) == 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, b"1 events accepted\n", b"")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not JSON: Expecting property name enclosed in double quotes at character 2"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"n": NaN}', "not JSON: NaN is no JSON number"),
        (b'{"n": -Infinity}', "not JSON: -Infinity is no JSON number"),
        (b'{"n": 1e999}', "'n' is inf, which JSON cannot hold"),
        (b'{"n": 18446744073709551616}', "'n' is an integer that does not fit 64 bits"),
        (b'{"n": "\\ud800"}', "a name or value holds a lone surrogate, which UTF-8 cannot hold"),
        (b'{"n": {"a": 1}}', "'n' is a dict; values are strings, numbers and booleans"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        (b'{"n": "' + b"x" * 1_200_000 + b'"}', "longer than 1,048,576 bytes"),
    ],
)
def test_an_invalid_line_is_named_and_the_others_are_sent(
    collector: ScriptedCollector, line: bytes, problem: str
) -> None:
    run = _tmon("send", dsn=collector.dsn, input=b'{"n": 1}\n' + line + b'\n{"n": 3}\n')
    assert run.returncode == 1
    assert [event["n"] for event in collector.stored] == [1, 3]
    named, summary = run.stderr.splitlines()
    assert named == f"line 2: {problem}"
    assert (
        "1 of 3 lines were not accepted: 1 invalid, 0 rejected by the server (the first: line 2:" in summary
    )


def test_of_many_invalid_lines_only_the_first_are_named(collector: ScriptedCollector) -> None:
    run = _tmon("send", dsn=collector.dsn, input=b"no\n" * 1000)
    assert run.returncode == 1
    lines = run.stderr.splitlines()
    assert lines[19].startswith("line 20: ")
    assert lines[20] == "further lines like these are counted, not listed"
    assert "1,000 of 1,000 lines were not accepted: 1,000 invalid" in lines[21]
    assert len(lines) == 22


def test_lines_that_the_server_rejects_are_named_by_their_number_in_the_file(
    collector: ScriptedCollector,
) -> None:
    collector.rejects = lambda event: "" if "url" in event else "url is missing"
    run = _tmon("send", dsn=collector.dsn, input=b"\n" + _lines({"url": "/"}, {"n": 1}, {"url": "/"}))
    assert run.returncode == 1
    assert run.stderr.splitlines()[0] == "line 3: url is missing"
    assert "1 of 3 lines were not accepted: 0 invalid, 1 rejected by the server" in run.stderr


def test_lines_that_are_all_rejected_are_counted_and_the_next_batch_goes_on(
    collector: ScriptedCollector,
) -> None:
    collector.rejects = lambda event: "" if "url" in event else "url is missing"
    lines = [{"n": number} for number in range(500)] + [{"url": "/"}]
    run = _tmon("send", dsn=collector.dsn, input=_lines(*lines))
    assert run.returncode == 1
    assert "500 of 501 lines were not accepted: 0 invalid, 500 rejected" in run.stderr
    assert len(collector.stored) == 1


def test_a_server_that_is_away_is_tried_until_the_time_is_over(collector: ScriptedCollector) -> None:
    collector.go_away()
    run = _tmon("send", "--timeout", "0.1", dsn=collector.dsn, input=_lines({"n": 1}))
    collector.come_back()
    assert run.returncode == 1
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert f"http://127.0.0.1:{collector.port}" in line
    assert line.endswith("(0 events were accepted before)")


def test_a_server_in_trouble_gets_the_lines_once_it_is_well(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(503))
    run = _tmon("send", dsn=collector.dsn, input=_lines({"n": 1}))
    assert (run.returncode, run.stdout, run.stderr) == (0, "1 events accepted\n", "")


def test_a_server_that_refuses_the_sender_ends_it_with_the_reason(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(403))
    run = _tmon("send", dsn=collector.dsn, input=_lines({"n": 1}))
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert "refused with 403: the web service is unknown or the secret" in line


def test_a_file_that_is_missing_is_named(collector: ScriptedCollector) -> None:
    run = _tmon("send", "/nowhere/events", dsn=collector.dsn)
    assert (run.returncode, run.stderr) == (1, "tmon: /nowhere/events: No such file or directory\n")


@pytest.mark.parametrize("command", ["send", "verify"])
def test_a_missing_or_wrong_dsn_is_wrong_usage(command: str) -> None:
    missing = _tmon(command)
    wrong = _tmon(command, "--dsn", f"tmon+http://{SECRET}0@127.0.0.1:8000/7")
    assert (missing.returncode, wrong.returncode) == (2, 2)
    assert "set TMON_DSN to" in missing.stderr
    assert "65 characters" in wrong.stderr


@pytest.mark.parametrize("command", ["send", "verify"])
def test_the_help_warns_of_secrets_on_the_command_line(command: str) -> None:
    run = _tmon(command, "--help")
    assert run.returncode == 0
    assert "better set TMON_DSN" in " ".join(run.stdout.split())
    assert "process list" in " ".join(run.stdout.split())


def test_a_terminal_shows_how_far_it_is(collector: ScriptedCollector) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*TMON, "send"],
        env={**os.environ, "TMON_DSN": collector.dsn},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        out, _ = process.communicate(_lines({"n": 1}), timeout=30)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"1 events accepted" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert out == b"1 events accepted\n"


# --- tmon verify


def test_a_canary_is_accepted_and_counted_once(collector: ScriptedCollector) -> None:
    run = _tmon("verify", dsn=collector.dsn)
    assert (run.returncode, run.stderr) == (0, "")
    (event,) = collector.stored
    assert event["url"].startswith("/tmon-verify/")
    first, second = collector.posts
    assert first.body == second.body
    canary, accepted, once, unread = run.stdout.splitlines()
    assert canary == (
        f"canary: a real request for {event['url']}, which stays in the statistics of web service 7"
    )
    assert accepted.startswith("accepted: ")
    assert once.startswith("counted once: ")
    assert unread.startswith("not checked: whether it can be read")
    assert collector.gets == []


def test_with_a_token_the_canary_is_also_read(collector: ScriptedCollector) -> None:
    collector.token = "a-token"
    run = _tmon("verify", dsn=collector.dsn, TMON_TOKEN="a-token")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[-1].startswith("visible: found among the latest events ")
    path, headers = collector.gets[0]
    canary = collector.stored[0]["url"].removeprefix("/tmon-verify/")
    assert path == f"/7/data/events?limit=500&filter=url%3A%2Ftmon-verify%2F{canary}"
    assert headers["authorization"] == "Bearer a-token"


def test_a_token_that_may_not_read_is_told(collector: ScriptedCollector) -> None:
    run = _tmon("verify", "--token", "wrong", dsn=collector.dsn)
    assert run.returncode == 1
    assert "stored, but the token may not read web service 7 (401)" in run.stderr


def test_a_wrong_secret_is_told(collector: ScriptedCollector) -> None:
    run = _tmon("verify", dsn=collector.dsn.replace("f0e1", "0000"))
    assert run.returncode == 1
    assert "refused with 403" in run.stderr
    assert collector.stored == []


def test_a_server_that_counts_the_same_bytes_twice_fails_the_verification(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    accepted = scripted(200, body=b'{"status_code":200,"accepted":1,"rejected_count":0,"rejected":[]}')
    collector.script.extend([accepted, accepted])
    run = _tmon("verify", dsn=collector.dsn)
    assert run.returncode == 1
    assert "did not recognise the same bytes" in run.stderr


def test_a_server_that_rejects_the_canary_fails_the_verification(collector: ScriptedCollector) -> None:
    collector.rejects = lambda event: "url is forbidden"
    run = _tmon("verify", dsn=collector.dsn)
    assert run.returncode == 1
    assert "tmon: " in run.stderr
