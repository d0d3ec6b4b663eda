# SPDX-License-Identifier: GPL-3.0-or-later
"""The books of a run: numbers that grow, totals that add up."""

from __future__ import annotations

import json
import re

from tmon.client_api.run import Run, plaintext


def test_a_run_is_named_at_random() -> None:
    first, second = Run("web-1"), Run("web-1")
    assert re.fullmatch("[0-9a-f]{16}", first.id)
    assert first.id != second.id


def test_envelopes_are_numbered_from_one_and_count_what_was_sent_so_far() -> None:
    run = Run("web-1")
    heads = [run.head(3), run.head(0), run.head(500)]
    assert [(head["seq"], head["sent"]) for head in heads] == [(1, 3), (2, 3), (3, 503)]
    assert {(head["source"], head["run"]) for head in heads} == {("web-1", run.id)}


def test_events_that_were_never_sealed_count_as_sent_and_as_lost() -> None:
    run = Run("web-1")
    run.drop("queue_full", 3)
    run.drop("queue_full")
    run.drop("too_large")
    head = run.head(10)
    assert (head["sent"], head["lost"]) == (15, {"queue_full": 4, "too_large": 1})


def test_sealed_events_that_are_lost_afterwards_are_not_sent_twice() -> None:
    run = Run("web-1")
    run.head(10)
    run.lose_sealed("refused_403", 10)
    head = run.head(5)
    assert (head["sent"], head["lost"]) == (15, {"refused_403": 10})


def test_a_loss_is_unreported_until_the_next_envelope() -> None:
    run = Run("web-1")
    assert run.unreported_since is None
    run.drop("queue_full")
    assert run.unreported_since is not None
    run.head(0)
    assert run.unreported_since is None


def test_the_envelope_is_one_json_object_with_the_events_last() -> None:
    run = Run("wéb")
    head = run.head(2, close=True, stream="f00")
    document = json.loads(plaintext(head, [b'{"url":"/a"}', b'{"url":"/b"}']))
    assert list(document) == ["source", "run", "seq", "sent_at", "sent", "close", "stream", "events"]
    assert document["close"] is True
    assert (document["source"], document["stream"]) == ("wéb", "f00")
    assert document["events"] == [{"url": "/a"}, {"url": "/b"}]


def test_an_envelope_may_carry_no_events() -> None:
    assert json.loads(plaintext(Run("web-1").head(0), []))["events"] == []


def test_reasons_beyond_what_an_envelope_may_name_are_counted_together() -> None:
    run = Run("web-1")
    for status in range(400, 450):
        run.lose_sealed(f"refused_{status}", 2)
    run.lose_sealed("refused_400", 1)
    assert len(run.lost) == 32
    assert (run.lost["refused_400"], run.lost["other"], sum(run.lost.values())) == (3, 38, 101)
