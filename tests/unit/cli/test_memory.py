# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory of its own each thread of a server may keep."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

THREADS = """
import re, threading
from tmon.cli.memory import share_arenas
share_arenas()
done = threading.Barrier(13)
kept = []
def take():
    kept.append([bytearray(50_000) for _ in range(20)])
    done.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
for thread in threads:
    thread.start()
done.wait()
found = re.findall(r"^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$", open("/proc/self/maps").read(), re.M)
print(sum(int(start, 16) % (64 << 20) == 0 for start in found))
"""
"""Counts the arenas besides the main one: glibc aligns each at 64 MiB."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
@pytest.mark.parametrize(("given", "arenas"), [({}, 1), ({"MALLOC_ARENA_MAX": "4"}, 3)])
def test_all_threads_share_two_arenas_unless_somebody_says_otherwise(
    given: dict[str, str], arenas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    counted = subprocess.run(
        [sys.executable, "-c", THREADS], check=True, capture_output=True, text=True, timeout=60
    ).stdout

    assert int(counted) == arenas


TAKEN = """
import re
from tmon.cli import memory
def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1])
kept = [(bytearray(1_000), bytearray(60_000)) for _ in range(500)]
last = [small for small, _ in kept]
before = anonymous()
del kept
memory.give_back()
print(before - anonymous())
"""
"""Frees 30 MB in pieces between others that stay, and prints how many KiB of them went back to the system."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps free memory so")
def test_free_memory_between_what_is_used_goes_back() -> None:
    given = subprocess.run([sys.executable, "-c", TAKEN], capture_output=True, text=True, check=True)
    assert int(given.stdout) > 20_000
