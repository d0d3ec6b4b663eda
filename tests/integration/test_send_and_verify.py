# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon send` and `tmon verify` as subprocesses against a real HTTP server."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
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
        {"url": "/a", "ts": 1431857100, "offset": 0},
        {"url": "/b", "ts": "2015-05-17T10:05:00+02:00", "offset": 32},
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
    assert (run.returncode, run.stdout) == (0, "1 event accepted\n")


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
    assert (process.returncode, out, err) == (0, b"1 event accepted\n", b"")


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
    assert line.endswith("(0 events were accepted before; line 1 and what follows may have to be sent again)")


def test_a_server_in_trouble_gets_the_lines_once_it_is_well(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(503))
    run = _tmon("send", dsn=collector.dsn, input=_lines({"n": 1}))
    assert (run.returncode, run.stdout, run.stderr) == (0, "1 event accepted\n", "")


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
    assert b"1 event accepted" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert out == b"1 event accepted\n"


# --- tmon send: a file that is sent again


def test_a_file_that_is_sent_again_adds_nothing(collector: ScriptedCollector, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(_lines(*({"n": number} for number in range(1200))))
    assert _tmon("send", str(file), dsn=collector.dsn).stdout == "1,200 events accepted\n"
    again = _tmon("send", str(file), dsn=collector.dsn)
    assert (again.returncode, again.stdout) == (0, "0 events accepted, 1,200 lines were sent before\n")
    assert [event["n"] for event in collector.stored] == list(range(1200))
    # Each asks first how far the server is, with an envelope without events; the last one says that the run ends.
    assert [len(document["events"]) for document in collector.documents] == [0, 500, 500, 200, 0, 0, 500, 0]


def test_of_a_file_that_has_grown_the_new_lines_are_sent(
    collector: ScriptedCollector, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"n": 1}\n{"n": 2}')  # a last line without an end counts, and is known once it has one
    assert _tmon("send", str(file), dsn=collector.dsn).stdout == "2 events accepted\n"
    with file.open("ab") as out:
        out.write(b'\n{"n": 3}\n')
    grown = _tmon("send", str(file), dsn=collector.dsn)
    assert grown.stdout == "1 event accepted, 2 lines were sent before\n"
    assert [event["n"] for event in collector.stored] == [1, 2, 3]


def test_a_last_line_that_is_still_written_is_sent_once_it_is_complete(
    collector: ScriptedCollector, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"n": 1}\n{"n": ')
    early = _tmon("send", str(file), dsn=collector.dsn)
    assert early.returncode == 1
    assert "it has no line end, is it still written?" in early.stderr
    with file.open("ab") as out:
        out.write(b"2}\n")
    assert _tmon("send", str(file), dsn=collector.dsn).returncode == 0
    assert [event["n"] for event in collector.stored] == [1, 2]


def test_files_that_begin_alike_are_two_files(collector: ScriptedCollector, tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        (tmp_path / name).write_bytes(b'{"n": 1}\n')
        assert _tmon("send", str(tmp_path / name), dsn=collector.dsn).stdout == "1 event accepted\n"
    assert len({document["stream"] for document in collector.documents if document["events"]}) == 2


def test_a_file_is_the_same_by_whatever_path_it_is_named(
    collector: ScriptedCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events").write_bytes(b'{"n": 1}\n')
    (tmp_path / "latest").symlink_to("events")
    monkeypatch.chdir(tmp_path)
    for name in ("events", "./latest", str(tmp_path / "events")):
        assert _tmon("send", name, dsn=collector.dsn).returncode == 0
    assert [event["n"] for event in collector.stored] == [1]


def test_another_file_of_the_same_name_is_noticed_where_it_is_shorter_and_can_be_given_a_name(
    collector: ScriptedCollector, tmp_path: Path
) -> None:
    file = tmp_path / "events"
    file.write_bytes(_lines({"n": 1}, {"n": 2}, {"n": 3}))
    _tmon("send", str(file), dsn=collector.dsn)
    file.write_bytes(_lines({"n": 1}, {"n": 4}))
    shorter = _tmon("send", str(file), dsn=collector.dsn)
    assert shorter.returncode == 1
    assert "is shorter than what was sent of it before" in shorter.stderr
    assert "--stream NAME" in shorter.stderr
    named = _tmon("send", "--stream", "tuesday", str(file), dsn=collector.dsn)
    assert (named.returncode, named.stdout) == (0, "2 events accepted\n")
    assert [event["n"] for event in collector.stored] == [1, 2, 3, 1, 4]


def test_standard_input_with_a_name_is_sent_once(collector: ScriptedCollector) -> None:
    lines = _lines({"n": 1}, {"n": 2})
    assert _tmon("send", "--stream", "backfill", dsn=collector.dsn, input=lines).returncode == 0
    again = _tmon("send", "--stream", "backfill", dsn=collector.dsn, input=lines + b'{"n": 3}\n')
    assert again.stdout == "1 event accepted, 2 lines were sent before\n"
    assert [event["n"] for event in collector.stored] == [1, 2, 3]


def test_standard_input_without_a_name_has_no_positions(collector: ScriptedCollector) -> None:
    for _ in range(2):
        _tmon("send", dsn=collector.dsn, input=b'{"n": 1, "offset": 7}\n')
    assert [event["offset"] for event in collector.stored] == [7, 7]
    assert all("stream" not in document for document in collector.documents)


def test_a_line_of_a_file_that_has_an_offset_of_its_own_is_invalid(
    collector: ScriptedCollector, tmp_path: Path
) -> None:
    file = tmp_path / "events"
    file.write_bytes(_lines({"offset": 1}))
    run = _tmon("send", str(file), dsn=collector.dsn)
    assert run.returncode == 1
    assert "line 1: 'offset' is for the place in the file" in run.stderr


def test_a_killed_command_goes_on_whether_its_last_batch_was_stored_or_not(
    collector: ScriptedCollector, scripted: type[Scripted], tmp_path: Path
) -> None:
    file = tmp_path / "events"
    file.write_bytes(_lines(*({"n": number} for number in range(1600))))
    for stores in (True, False, True):
        kept = threading.Event()
        collector.script.extend([scripted(stores=True), scripted(503, stores=stores, until=kept)])
        posts = len(collector.posts)
        with subprocess.Popen(
            [*TMON, "send", str(file)],
            env={**os.environ, "TMON_DSN": collector.dsn},
            stdout=subprocess.DEVNULL,
        ) as process:
            collector.wait_for(lambda posts=posts: len(collector.posts) == posts + 2)
            process.kill()
        kept.set()
    last = _tmon("send", str(file), dsn=collector.dsn)
    assert last.returncode == 0
    assert sorted(event["n"] for event in collector.stored) == list(range(1600))


def test_an_interrupted_file_says_so_and_goes_on_with_the_same_command(
    collector: ScriptedCollector, scripted: type[Scripted], tmp_path: Path
) -> None:
    file = tmp_path / "events"
    file.write_bytes(_lines(*({"n": number, "text": "x" * 200} for number in range(2000))))
    answered = threading.Event()
    collector.script.append(scripted(503, until=answered))
    with subprocess.Popen(
        [*TMON, "send", str(file)],
        env={**os.environ, "TMON_DSN": collector.dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        collector.wait_for(lambda: len(collector.posts) == 1)
        process.send_signal(signal.SIGTERM)
        answered.set()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, b"")
    assert b"interrupted: 5" in err
    assert b"the same command goes on after them" in err
    assert 500 <= len(collector.stored) < 2000
    assert _tmon("send", str(file), dsn=collector.dsn).returncode == 0
    assert [event["n"] for event in collector.stored] == list(range(2000))


# --- tmon send: trouble on the way


def test_a_batch_that_is_too_large_for_something_on_the_way_is_sent_in_halves(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.extend([scripted(413), scripted(413)])
    run = _tmon("send", dsn=collector.dsn, input=_lines(*({"n": number} for number in range(8))))
    assert (run.returncode, run.stdout) == (0, "8 events accepted\n")
    assert [event["n"] for event in collector.stored] == list(range(8))
    assert [len(document["events"]) for document in collector.documents] == [8, 4, 2, 2, 4, 0]


def test_a_single_line_that_is_too_large_is_named(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(413))
    run = _tmon("send", dsn=collector.dsn, input=_lines({"n": 1}))
    assert run.returncode == 1
    assert "line 1: the server refused with 413: the batch is too large" in run.stderr


def test_a_clock_that_spoils_every_envelope_ends_it_at_the_first(
    collector: ScriptedCollector,
) -> None:
    collector.rejects = lambda event: "sent_at: more than 24 hours ahead of the server's clock"
    run = _tmon("send", dsn=collector.dsn, input=_lines(*({"n": number} for number in range(1200))))
    assert run.returncode == 1
    assert "set the clock of this machine, or the server's" in run.stderr
    assert len([document for document in collector.documents if document["events"]]) == 1


def test_a_folder_and_a_closed_standard_input_are_told(collector: ScriptedCollector, tmp_path: Path) -> None:
    folder = _tmon("send", str(tmp_path), dsn=collector.dsn)
    assert (folder.returncode, folder.stderr) == (1, f"tmon: {tmp_path} is a folder; name a file\n")
    closed = subprocess.run(
        ["/bin/sh", "-c", '"$@" <&-', "sh", *TMON, "send"],
        env={**os.environ, "TMON_DSN": collector.dsn},
        capture_output=True,
        check=False,
    )
    assert closed.returncode == 1
    assert closed.stderr == b"tmon: standard input is closed; name a FILE, or pipe events in\n"


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_lines_are_sent_whoever_reads_what_is_said_of_them(
    collector: ScriptedCollector, redirection: str
) -> None:
    lines = b"no\n" * 30 + _lines(*({"n": number} for number in range(1200)))
    run = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {redirection}; exit 0', "sh", *TMON, "send"],
        env={**os.environ, "TMON_DSN": collector.dsn},
        input=lines,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0
    assert [event["n"] for event in collector.stored] == list(range(1200))


def test_a_full_disk_where_the_result_goes_is_told(collector: ScriptedCollector) -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [*TMON, "send"],
            env={**os.environ, "TMON_DSN": collector.dsn},
            input=_lines({"n": 1}),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert run.returncode == 1
    assert b"No space left on device" in run.stderr
    assert len(collector.stored) == 1


# --- tmon verify


def _steps(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in run.stdout.splitlines())


def test_a_canary_is_stored_once_however_often_it_is_sent(collector: ScriptedCollector) -> None:
    run = _tmon("verify", dsn=collector.dsn)
    assert (run.returncode, run.stderr) == (0, "")
    (event,) = collector.stored
    assert event["url"].startswith("/tmon-verify/")
    first, second = collector.posts
    assert first.body == second.body
    steps = _steps(run)
    assert list(steps) == ["canary", "sealed", "sent", "stored", "counted"]
    assert steps["canary"] == (
        f"a real request for {event['url']}, which stays in the statistics of web service 7"
    )
    took = r"in \d+\.\d (ms|s)"
    assert re.match(
        f"{took}: {len(first.body)} bytes that only the key of web service 7 opens$", steps["sealed"]
    )
    assert re.match(f"{took}: {collector_url(collector)} opened it and answered 200$", steps["sent"])
    assert re.match(
        f"once: the same bytes, sent again, were answered as a duplicate {took}$", steps["stored"]
    )
    assert steps["counted"].startswith("not checked, that takes an API token")
    assert collector.gets == []


def collector_url(collector: ScriptedCollector) -> str:
    return f"http://127.0.0.1:{collector.port}"


def test_with_a_token_the_canary_is_seen_counted_once(collector: ScriptedCollector) -> None:
    collector.token = "a-token"
    run = _tmon("verify", dsn=collector.dsn, TMON_TOKEN="a-token")
    assert (run.returncode, run.stderr) == (0, "")
    assert re.match(r"once, in the view url, \d+\.\d (ms|s) after it was sent$", _steps(run)["counted"])
    path, headers = collector.gets[0]
    canary = collector.stored[0]["url"].removeprefix("/tmon-verify/")
    assert path == f"/7/data/users/url?limit=1&search=%2Ftmon-verify%2F{canary}"
    assert headers["authorization"] == "Bearer a-token"


def test_without_the_view_of_urls_the_canary_is_sought_among_the_latest_events(
    collector: ScriptedCollector,
) -> None:
    collector.token, collector.views = "a-token", set()
    run = _tmon("verify", dsn=collector.dsn, TMON_TOKEN="a-token")
    assert (run.returncode, run.stderr) == (0, "")
    assert _steps(run)["counted"].startswith("not looked up, there is no view url; seen")
    assert [path for path, _ in collector.gets][-1] == "/7/data/events?limit=500"


def test_a_canary_that_counts_twice_fails_the_verification(
    collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.token = "a-token"
    monkeypatch.setattr(type(collector), "stored", property(lambda self: [*_stored(self), *_stored(self)]))
    run = _tmon("verify", dsn=collector.dsn, TMON_TOKEN="a-token")
    assert run.returncode == 1
    assert run.stderr == "tmon: stored once, but it counts 2 times\n"


def _stored(collector: ScriptedCollector) -> list[dict[str, object]]:
    return [event for outcome in list(collector._outcomes.values()) for event in outcome["events"]]


def test_clocks_that_differ_are_told(collector: ScriptedCollector) -> None:
    collector.date = "Sat, 01 Jan 2000 00:00:00 GMT"
    run = _tmon("verify", dsn=collector.dsn)
    assert run.returncode == 0
    assert re.match(r"attention: the clock of this machine is [\d,]+ s ahead of the server's", run.stderr)


def test_a_canary_that_is_rejected_for_its_time_is_told_with_the_clocks(collector: ScriptedCollector) -> None:
    collector.date = "Sat, 01 Jan 2000 00:00:00 GMT"
    collector.rejects = lambda event: "ts: in the future"
    run = _tmon("verify", dsn=collector.dsn)
    assert run.returncode == 1
    assert "s ahead of the server's, set one of them" in run.stderr


def test_a_verification_that_nobody_reads_still_has_its_exit_status(collector: ScriptedCollector) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    wrong = collector.dsn.replace("f0e1", "0000")
    run = subprocess.run(
        [*TMON, "verify"],
        env={**os.environ, "TMON_DSN": wrong},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert run.returncode == 1
    assert b"refused with 403" in run.stderr


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
