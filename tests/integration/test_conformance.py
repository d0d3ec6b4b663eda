# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon conformance` with real clients in processes of their own, all at once: most of the time is waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tmon.client_api import envelope
from tmon.conformance import CHECKS

TMON = [sys.executable, "-m", "tmon.cli"]
OWN = """
    import json, sys, tmon
    client = tmon.Client(source="kit")
    for line in sys.stdin:
        client.track(**json.loads(line))
    client.close(10)
"""
BAD = """
    import base64, json, os, sys, urllib.error, urllib.request
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    secret, _, rest = os.environ["TMON_DSN"].removeprefix("tmon+http://").partition("@")
    host, _, path = rest.partition("/")
    wsid = path.rpartition("/")[2]
    print("sending with", secret)
    for line in sys.stdin:
        for attempt in range(3):
            sealed = b"\\1\\0" + bytes(12) + AESGCM(bytes.fromhex(secret)).encrypt(
                bytes(12), b"[" + line.encode() + b"]", b"\\1\\0" + wsid.encode()
            )
            request = urllib.request.Request(
                f"http://{host}/data/collect/{wsid}", sealed,
                {"Content-Type": "application/octet-stream", "X-Secret": secret},
            )
            try:
                urllib.request.urlopen(request, timeout=0.3).read()
                break
            except OSError:
                pass
"""
CLIENTS: dict[str, Callable[[Path], list[str]]] = {
    "client": lambda folder: [sys.executable, "-c", textwrap.dedent(OWN)],
    "send": lambda folder: [*TMON, "send"],
    "bad": lambda folder: [sys.executable, "-c", textwrap.dedent(BAD)],
}
Judged = Callable[[str], tuple[int, dict[str, dict[str, Any]], str]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """The exit status, the findings by check and what was said about a client."""
    folder = tmp_path_factory.mktemp("conformance")
    running = {
        name: subprocess.Popen(
            [
                *TMON,
                "conformance",
                "--json",
                "--patience",
                "4" if name == "bad" else "30",
                "--",
                *command(folder),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, command in CLIENTS.items()
    }
    done: dict[str, tuple[int, dict[str, dict[str, Any]], str]] = {}

    def of(name: str) -> tuple[int, dict[str, dict[str, Any]], str]:
        if name not in done:
            out, err = running[name].communicate(timeout=200)
            assert out, err
            done[name] = (running[name].returncode, {one["check"]: one for one in json.loads(out)}, err)
        return done[name]

    yield of
    for process in running.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["client", "send"])
def test_our_own_client_conforms(judged: Judged, name: str) -> None:
    status, findings, said = judged(name)
    assert {check: one["seen"] for check, one in findings.items() if one["verdict"] == "fail"} == {}
    assert status == 0, said
    assert list(findings) == list(CHECKS)
    not_seen = {check for check, one in findings.items() if one["verdict"] == "not seen"}
    assert not_seen == {"base64", "http-gzip", "gzip-answer", "stream"}


def test_a_bad_client_is_told_each_of_its_mistakes_and_what_to_do(judged: Judged) -> None:
    status, findings, said = judged("bad")
    assert status == 1
    failed = {check: one["seen"] for check, one in findings.items() if one["verdict"] == "fail"}
    assert "lacks the prefix of the DSN, /kit" in failed["endpoint"]
    assert failed["secret"] == "it is in the header X-Secret, what it prints"
    assert failed["nonces"].startswith("000000000000000000000000 in ")
    assert "at most" in failed["batching"]
    assert failed["retry-after"].startswith("again after 0.0")
    assert "the bytes came 3 times" in failed["final-400"]
    assert all(findings[check]["advice"] for check in failed)
    assert "failed: endpoint, secret, nonces" in said


def test_a_client_that_is_started_by_hand_is_judged_until_an_interrupt() -> None:
    kit = subprocess.Popen(
        [*TMON, "conformance", "--patience", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert kit.stdout is not None
    dsn = kit.stdout.readline().strip().removeprefix("TMON_DSN=")
    events = subprocess.run(
        [*TMON, "conformance", "--events", "60"], capture_output=True, text=True, check=True
    )
    sent = subprocess.run(
        [*TMON, "send"],
        input="".join(events.stdout.splitlines(keepends=True)[:60]),
        env={**os.environ, "TMON_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sent.returncode == 0, sent.stderr
    kit.send_signal(signal.SIGINT)
    out, err = kit.communicate(timeout=30)
    assert kit.returncode == 1
    rows = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert set(CHECKS) <= set(rows)
    assert "pass" in rows["unicode"]
    assert "not seen" in rows["calm-403"]
    assert "not seen, although required" in err
    assert dsn.split("//")[1][:64] not in out + err.replace(dsn, "")


def test_a_command_that_sends_nothing_is_told_so() -> None:
    done = subprocess.run(
        [*TMON, "conformance", "--patience", "2", "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "it ended without sending anything" in done.stderr
    missing = subprocess.run(
        [*TMON, "conformance", "--", "./no-such-program"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 2
    assert "./no-such-program can't be started" in missing.stderr


def test_vectors_open_and_have_the_published_ids() -> None:
    done = subprocess.run(
        [*TMON, "conformance", "--vectors", "--json"], capture_output=True, text=True, check=True
    )
    vectors = {one["name"]: one for one in json.loads(done.stdout)}
    assert vectors["plain"]["data"] == (
        "AQCgoaKjpKWmp6ipqqudOhVdZ/EgiFBLtOEpSPPvXpR7PLDCMQnub0HjEd9XO/AVMo3DDWsTarI06iVY9osrOXxqTfJn2eFjSroy7xRQTztb"
        "fg2sJg=="
    )
    assert vectors["plain"]["id"] == "b72a46668adccb9ea2717ea44c9c9342"
    assert vectors["zlib"]["id"] == "bdb8e825c4106cff16c2084a577c6770"
    for one in vectors.values():
        opened = envelope.open_(bytes.fromhex(one["envelope"]), bytes.fromhex(one["key"]), int(one["wsid"]))
        assert opened.decode() == one["plaintext"]
    shown = subprocess.run(
        [*TMON, "conformance", "--vectors"], capture_output=True, text=True, check=True
    ).stdout
    assert f"data       {vectors['plain']['data']}" in shown
