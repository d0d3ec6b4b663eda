# SPDX-License-Identifier: GPL-3.0-or-later
"""Rejected events are put away as JSON of at most 8 KiB, whatever they are."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.unit.pipeline.conftest import Run

from tmon.server.pipeline.quarantine import payload


@pytest.mark.parametrize("value", [5, None, "text", [1, "a"], {"url": "/", "n": {"m": [1.5, True]}}])
def test_a_short_value_is_kept_as_it_is(value: Any) -> None:
    assert json.loads(payload(value, "none")) == value


@pytest.mark.parametrize(
    "value",
    [
        "x" * 100_000,
        "\x01" * 100_000,
        "😀" * 5_000,
        [0] * 100_000,
        {"url": "/" * 100_000, "username": "ada"},
        {"username": "ada"} | {f"field {n}": n for n in range(5_000)},
        {"username": "ada"} | {f"field {n}": "\x01" * 900 for n in range(100)},
        {"username": "ada", "n" * 100_000: "x" * 100_000},
        {"username": "ada", "n": 10**350},
        {"username": "ada", "nested": [["x" * 1000] * 1000]},
    ],
)
def test_a_long_one_loses_what_makes_it_long(value: Any) -> None:
    text = payload(value, "none")
    assert len(text.encode()) <= 8192
    kept = json.loads(text)
    if isinstance(value, dict):
        assert kept["username"] == "ada"


def test_a_string_is_left_out_whole_so_that_no_part_of_a_name_outlives_its_erasure() -> None:
    name = "Augusta Ada King, Countess of Lovelace"
    event = {"username": name} | {f"field {n}": "\x01" * 60 for n in range(60)}
    assert json.loads(payload(event, "none"))["username"] in (name, "…")
    assert "Augusta" not in payload(event, "none").replace(name, "")


def test_what_is_nested_to_the_limit_of_the_decoder_is_put_away_without_it(run: Run) -> None:
    deep = b"[" * 900 + b"]" * 900
    batch = run(b'{"url": "/", "ip": null, "useragent": null, "a": ' + deep + b"}")
    assert [one.reason for one in batch.rejected] == ["extra value invalid"]
    [(_, text)] = batch.payloads
    assert msgspec.json.decode(text)["url"] == "/"


def test_the_first_hundred_rejected_events_of_an_envelope_are_put_away_and_all_are_counted(run: Run) -> None:
    batch = run(list(range(250)))
    assert len(batch.rejected) == 250
    assert batch.payloads == [("not an object", str(n)) for n in range(100)]
