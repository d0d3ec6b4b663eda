# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark runs to its end and measures every part; what it measures is nobody's business here."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from .corpus import Corpus
from .dashboard import Figure, behind_s

CHECKOUT = Path(__file__).resolve().parents[2]
NOON = 1_763_812_800


@pytest.fixture(scope="module")
def printed() -> str:
    """What a quick run prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick"],
        check=False,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_quick_run_measures_every_part(printed: str) -> None:
    sections = re.findall(r"^(\d+)\. ", printed, re.MULTILINE)

    assert sections == ["1", "2", "3", "4", "5", "6", "7", "7", "8", "9", "10", "11", "12", "13", "14"]


@pytest.mark.slow
def test_every_target_gets_a_verdict(printed: str) -> None:
    lines = [line for line in printed.splitlines() if "target" in line and "GoAccess" not in line]

    assert len(lines) == 35
    assert all(re.search(r"\d of it, (met|MISSED)$", line) for line in lines)


@pytest.mark.slow
def test_a_fifth_of_the_year_is_deleted(printed: str) -> None:
    deleted = re.search(r"^  ([\d,]+) events deleted within", printed, re.MULTILINE)

    assert deleted is not None
    assert 1_000 <= int(deleted[1].replace(",", "")) <= 3_000


def test_the_corpus_is_the_same_in_every_run() -> None:
    first = list(Corpus(500).requests(300, NOON - 3_600, NOON))
    second = list(Corpus(500).requests(300, NOON - 3_600, NOON))

    assert first == second


def test_the_corpus_is_in_the_order_of_time_and_within_its_bounds() -> None:
    times = [request["ts"] for request in Corpus(500).requests(2_000, NOON - 86_400, NOON)]

    assert len(times) == 2_000
    assert times[0] >= NOON - 86_400
    assert times[-1] <= NOON
    assert all(earlier <= later for earlier, later in pairwise(times))


def test_the_corpus_fills_a_long_period_evenly_even_with_few_requests() -> None:
    year = 365 * 86_400
    requests = list(Corpus(500).requests(5_000, NOON - year, NOON))

    first_half = sum(1 for _ in takewhile(lambda request: request["ts"] < NOON - year / 2, requests))

    assert 2_200 <= first_half <= 2_800


def test_the_page_is_behind_by_the_time_until_it_shows_what_the_api_was_asked() -> None:
    told = [Figure(10.0, 100), Figure(10.5, 600), Figure(11.0, 1_000)]
    shown = [Figure(9.9, 120), Figure(10.75, 400), Figure(11.25, 900), Figure(11.75, 1_000)]

    assert behind_s(told, shown) == [0.0, 0.75, 0.75]
