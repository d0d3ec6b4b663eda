# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon conformance` with real clients in processes of their own, all at once: most of the time is waiting."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tmon.client_api import envelope
from tmon.conformance import CHECKS

from .kit_runs import TMON, KitRuns
from .server_process import until

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


@pytest.fixture(scope="module")
def runs() -> Iterator[KitRuns]:
    with KitRuns() as started:
        started.start("client", [sys.executable, "-c", textwrap.dedent(OWN)])
        started.start("send", [*TMON, "send"])
        started.start("bad", [sys.executable, "-c", textwrap.dedent(BAD)], patience_s=4)
        yield started


@contextlib.contextmanager
def kit(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`tmon conformance`, which is killed where the test has not ended it."""
    with subprocess.Popen(
        [*TMON, "conformance", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()  # nothing happens where it has been waited for


@pytest.mark.parametrize("name", ["client", "send"])
def test_our_own_client_conforms(runs: KitRuns, name: str) -> None:
    judged = runs.judged(name)
    assert judged.with_verdict("fail") == {}
    assert judged.status == 0, judged.said
    assert list(judged.findings) == list(CHECKS)
    assert set(judged.with_verdict("not seen")) == {"base64", "http-gzip", "gzip-answer", "stream"}


def test_a_bad_client_is_told_each_of_its_mistakes_and_what_to_do(runs: KitRuns) -> None:
    judged = runs.judged("bad")
    assert judged.status == 1
    failed = judged.with_verdict("fail")
    assert "lacks the prefix of the DSN, /kit" in failed["endpoint"]
    assert failed["secret"] == "it is in the header X-Secret, what it prints"
    assert failed["nonces"].startswith("000000000000000000000000 in ")
    assert "at most" in failed["batching"]
    assert re.match(r"again after [01]\.\d\d s, asked for were 2 s", failed["retry-after"])
    assert "the bytes came 3 times" in failed["final-400"]
    assert all(judged.findings[check]["advice"] for check in failed)
    assert "failed: endpoint, secret, nonces" in judged.said


def test_a_client_that_is_started_by_hand_is_judged_until_an_interrupt() -> None:
    with kit("--patience", "1") as running:
        assert running.stdout is not None
        dsn = running.stdout.readline().strip().removeprefix("TMON_DSN=")
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
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 1
    rows = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert set(CHECKS) <= set(rows)
    assert "pass" in rows["unicode"]
    assert "not seen" in rows["calm-403"]
    assert "not seen, although required" in err
    assert dsn.split("//")[1][:64] not in out + err.replace(dsn, "")


def test_whoever_ends_the_kit_ends_its_client_and_sees_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = f"echo $$ > {file}; exec sleep 300"
    with kit("--json", "--", "sh", "-c", script) as running:
        until(lambda: file.exists() and file.read_text().endswith("\n"), "the client has started")
        running.terminate()
        out, _ = running.communicate(timeout=30)
    assert running.returncode == 1
    assert [one["check"] for one in json.loads(out)] == list(CHECKS)
    assert not Path(f"/proc/{file.read_text().strip()}").exists()


def test_a_command_that_sends_nothing_or_elsewhere_is_told_so() -> None:
    done = subprocess.run(
        [*TMON, "conformance", "--patience", "2", "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nothing was sent to the endpoint" in done.stderr
    lost = "import os, urllib.request as u; u.urlopen('http://' + os.environ['TMON_DSN'].split('@')[1], b'x')"
    done = subprocess.run(
        [*TMON, "conformance", "--patience", "2", "--", sys.executable, "-c", lost],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("endpoint  fail      it asked for '/kit/9007199254740993'")
    assert "not seen" not in done.stdout.rpartition("\n1 passed")[0]
    assert "failed: endpoint; no envelope could be opened, so nothing else was seen" in done.stderr
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
