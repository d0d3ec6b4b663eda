# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test shares: a clean environment, real data where there is some, free ports, counted skips."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
# The two cores that run the tests are shared with servers under load: an example's time says nothing.
hypothesis.settings.register_profile("tmon", deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "tmon-ci", deadline=None, print_blob=True, derandomize=True, database=None
)


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("tmon-ci" if os.environ.get("CI") else "tmon")
    # What a developer has set for their own server must not reach the servers under test.
    for name in [
        name for name in os.environ if name.startswith("TMON_") and not name.startswith("TMON_TEST_")
    ]:
        del os.environ[name]
    for name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        os.environ.pop(name, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, and why: a skip is a test that has not been run."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        reasons[reason.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section(f"skipped: {reasons.total()}", sep="-")
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count:5} {reason}")
    else:
        terminalreporter.line("skipped: 0")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real test data: TMON_TEST_DATA, else ../shared/data beside the checkout.

    Skips the test when there is none: the data belongs to others and is not kept in this repository.
    """
    named = os.environ.get("TMON_TEST_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real test data is missing: set TMON_TEST_DATA to a folder that holds it")
    return folder


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that finds a TCP port on 127.0.0.1 that nothing listens on, another one at each call.

    Between the answer and the server's own bind another process could take the port; the kernel hands
    out such ports in turn, so on one machine that does not happen in practice.
    """
    found: set[int] = set()

    def find() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in found:
                found.add(port)
                return port

    return find


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Django set up in this process on an accounts database of the test run's own; returns its data folder.

    Django can be set up once in a process, so the tests that need it share the database: each makes users and web
    services under names of its own.
    """
    from tmon.settings import prepare

    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)

    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    # A guess is meant to cost 0.2 s of the processor, and these tests make users and guesses by the hundred. Servers
    # and commands, which are processes of their own, hash as Django has it.
    PBKDF2PasswordHasher.iterations = 1_000
    return folder
