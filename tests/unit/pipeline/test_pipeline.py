# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps as a list: one after the other over each event of a message."""

from __future__ import annotations

import threading

import pytest
from tests.unit.pipeline.conftest import RECEIVED_MS, Run, web_service

from tmon.server.events import Rejected
from tmon.server.pipeline import (
    Batch,
    Delivery,
    Draft,
    Drop,
    Locator,
    Pipeline,
    Refused,
    decode,
    reject_all,
    standard_steps,
)

EVENT = {"url": "/", "ip": None, "useragent": None}


def test_a_step_of_ones_own_sees_each_event_and_may_drop_it(run: Run) -> None:
    def only_mine(draft: Draft, delivery: Delivery) -> Draft:
        if draft.extra.get("plan") != "mine":
            raise Drop("not mine", "plan: must be mine")
        draft.extra["seen"] = True
        return draft

    pipeline = Pipeline([*standard_steps(Locator()), only_mine])
    batch = run([EVENT, EVENT | {"plan": "mine"}], pipeline=pipeline)
    assert [event.extra for event in batch.events] == [{"plan": "mine", "seen": True}]
    assert batch.rejected == [Rejected(0, "plan: must be mine", "not mine")]


def test_the_events_of_a_batch_share_no_extra_fields(run: Run) -> None:
    first, second = run([EVENT, EVENT]).events
    first.extra["a"] = 1
    assert second.extra == {}


def test_an_empty_message_makes_an_empty_batch(run: Run) -> None:
    assert run({"source": "web-1", "events": []}) == Batch()


def test_the_events_of_a_refused_message_can_be_rejected_one_by_one() -> None:
    with pytest.raises(Refused) as caught:
        decode(b'{"sent_at": 5, "events": [{"url": "/", "ip": "203.0.113.7"}, 7]}', RECEIVED_MS)
    assert caught.value.known is not None
    batch = reject_all(caught.value.known, web_service(), caught.value.reason, caught.value.message)
    error = "sent_at: more than 24 hours ahead of the server's clock, or 30 days behind it"
    assert batch.events == []
    assert batch.rejected == [
        Rejected(0, error, "sent_at out of range"),
        Rejected(1, error, "sent_at out of range"),
    ]
    assert batch.payloads == [
        ("sent_at out of range", '{"url":"/","ip":"[address]"}'),
        ("sent_at out of range", "7"),
    ]


def test_several_threads_may_run_messages_at_once(run: Run) -> None:
    plaintext = [
        EVENT | {"ip": f"192.0.2.{n}", "useragent": f"agent {n}", "url": f"/?utm_source={n}"}
        for n in range(200)
    ]
    results: list[Batch] = []
    threads = [threading.Thread(target=lambda: results.append(run(plaintext))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    reference = [(event.visitor, event.agent, event.campaign) for event in results[0].events]
    for batch in results:
        assert [(event.visitor, event.agent, event.campaign) for event in batch.events] == reference
