# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of values that many events share: one each, found again, and marked with the day of their last use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmon.server.store.sqlite.dictionary import Dictionary
from tmon.server.store.sqlite.driver import Connection
from tmon.server.store.sqlite.schema import open_log

MONDAY, TUESDAY = 20_420, 20_421


@pytest.fixture
def log(tmp_path: Path) -> Connection:
    return open_log(tmp_path / "log.db")


@pytest.fixture
def texts(log: Connection) -> Dictionary[str]:
    dictionary = Dictionary[str](log, "texts", ("text",), lambda text: (text,))
    dictionary.begin(MONDAY)
    return dictionary


def stored(log: Connection) -> dict[str, tuple[int, int]]:
    """Number and day of last use by text."""
    return {text: (number, used) for number, used, text in log.execute("SELECT id, used, text FROM texts")}


@pytest.mark.parametrize("count", [0, 1, 7, 8, 49, 250, 299, 640])
def test_each_of_many_values_gets_the_number_of_its_row(
    log: Connection, texts: Dictionary[str], count: int
) -> None:
    values = [f"/{number}" for number in range(count)]
    texts.learn(values)
    assert {value: (texts.numbers[value], MONDAY) for value in values} == stored(log)
    assert sorted(texts.numbers.values()) == list(range(1, count + 1))


def test_a_value_that_comes_several_times_at_once_gets_one_number(
    log: Connection, texts: Dictionary[str]
) -> None:
    texts.learn(["a", "b", "a", "a", "b"])
    assert stored(log) == {"a": (1, MONDAY), "b": (2, MONDAY)}


def test_what_was_forgotten_is_found_again_beside_what_is_new(
    log: Connection, texts: Dictionary[str]
) -> None:
    texts.learn(f"old {number}" for number in range(100))
    before = dict(texts.numbers)
    texts.forget()
    texts.learn(text for number in range(100) for text in (f"new {number}", f"old {number}"))
    assert {text: texts.numbers[text] for text in before} == before
    assert len(set(texts.numbers.values())) == len(stored(log)) == 200


def test_what_is_in_use_on_another_day_is_marked_with_it(log: Connection, texts: Dictionary[str]) -> None:
    texts.learn(f"/{number}" for number in range(60))
    texts.begin(TUESDAY)
    texts.learn(f"/{number}" for number in range(51))
    assert {number for number, used in stored(log).values() if used == TUESDAY} == set(range(1, 52))


def test_numbers_of_a_transaction_that_was_rolled_back_are_given_out_again(
    log: Connection, texts: Dictionary[str]
) -> None:
    log.execute("BEGIN")
    texts.learn(["a", "b"])
    log.execute("ROLLBACK")
    texts.forget()
    texts.learn(["c"])
    assert stored(log) == {"c": (1, MONDAY)}
