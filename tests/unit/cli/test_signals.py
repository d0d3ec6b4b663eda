# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that signals set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Final

from tmon.cli.signals import set_by

WAITS_AND_IS_INTERRUPTED: Final = """
import itertools, signal, sys
from tmon.cli.signals import set_by
for pause_us in itertools.islice(itertools.cycle(range(20, 400, 7)), 500):
    with set_by(signal.SIGALRM) as ended:
        signal.setitimer(signal.ITIMER_REAL, pause_us / 1e6)
        while not ended.wait(0.000_01):
            pass
print("done")
"""


def test_a_signal_sets_the_event_and_means_afterwards_what_it_meant() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with set_by(signal.SIGUSR1, signal.SIGUSR2) as ended:
        assert not ended.is_set()
        os.kill(os.getpid(), signal.SIGUSR2)
        assert ended.wait(30)
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_signal_comes_through_whatever_the_waiting_thread_is_about() -> None:
    """A handler that set the event itself hung within the first few."""
    done = subprocess.run(
        [sys.executable, "-c", WAITS_AND_IS_INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
