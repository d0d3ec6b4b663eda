# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program can hook into a client: before_send, on_error, disabled, and a transport without a network."""

from __future__ import annotations

import logging

import pytest

import tmon
from tmon.client_api import Client, DsnError, MemoryTransport, NotEncodable, Trouble, default

SECRET = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"


@pytest.fixture
def memory() -> MemoryTransport:
    return MemoryTransport()


# --- a transport without a network


def test_a_transport_in_memory_shows_what_was_reported(memory: MemoryTransport) -> None:
    with Client(transport=memory, source="web-1") as client:
        client.request("/cart", ip=None, useragent=None, ts=1431857100, status=200)
    assert memory.events == [
        {"ts": 1431857100, "status": 200, "url": "/cart", "ip": None, "useragent": None},
    ]
    (document,) = memory.documents
    assert (document["source"], document["seq"], document["sent"], document["close"]) == ("web-1", 1, 1, True)


def test_a_transport_in_memory_needs_no_dsn_and_uses_none(memory: MemoryTransport) -> None:
    with Client(f"tmon+http://{SECRET}@stats.example.org/7", transport=memory) as client:
        client.track(n=1)
    assert [event["n"] for event in memory.events] == [1]


def test_a_transport_in_memory_can_refuse(memory: MemoryTransport) -> None:
    memory.answer_next(503, 404)
    with Client(transport=memory, batch_age_s=0) as client:
        client.track(n=1)
        assert client.flush(30)
        client.track(n=2)
    assert [event["n"] for event in memory.events] == [2]
    assert client.stats().lost == {"refused_404": 1}


def test_a_transport_in_memory_can_be_emptied(memory: MemoryTransport) -> None:
    with Client(transport=memory) as client:
        client.track(n=1)
        assert client.flush()
        memory.clear()
        client.track(n=2)
    assert [event["n"] for event in memory.events] == [2]


def test_the_programs_one_client_can_be_flushed(
    memory: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "_default", default.Default())
    assert tmon.flush()
    client = tmon.init(transport=memory, batch_age_s=3600)
    tmon.track(n=1)
    assert tmon.flush()
    assert [event["n"] for event in memory.events] == [1]
    client.close()


# --- before_send


def test_before_send_may_change_an_event(memory: MemoryTransport) -> None:
    def without_address(event: dict[str, object]) -> dict[str, object]:
        return {**event, "ip": None}

    with Client(transport=memory, before_send=without_address) as client:
        client.request("/", ip="203.0.113.9", useragent=None)
    assert memory.events[0]["ip"] is None


def test_before_send_may_drop_an_event_which_is_then_no_event_at_all(memory: MemoryTransport) -> None:
    with Client(
        transport=memory, before_send=lambda event: None if event["url"] == "/health" else event
    ) as client:
        client.request("/health", ip=None, useragent=None)
        client.request("/", ip=None, useragent=None)
    assert [event["url"] for event in memory.events] == ["/"]
    stats = client.stats()
    assert (stats.tracked, stats.lost) == (1, {})


def test_an_exception_of_before_send_costs_the_event_and_is_counted(
    memory: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: dict[str, object]) -> dict[str, object]:
        raise KeyError(event["n"])

    with Client(transport=memory, before_send=broken) as client:
        client.track(n="a private value")
        client.track(n=2)
    assert client.stats().lost == {"before_send": 2}
    assert memory.documents[-1]["lost"] == {"before_send": 2}
    assert [record.getMessage() for record in caplog.records] == [
        "events are dropped and counted as lost: before_send failed: KeyError"
    ]


@pytest.mark.parametrize("nonsense", [True, "event", ["url"]])
def test_what_before_send_returns_has_to_be_an_event(memory: MemoryTransport, nonsense: object) -> None:
    with Client(transport=memory, before_send=lambda _: nonsense) as client:  # type: ignore[arg-type,return-value]
        client.track(n=1)
    assert client.stats().lost == {"before_send": 1}


def test_an_event_that_before_send_made_unsendable_is_counted(memory: MemoryTransport) -> None:
    with Client(transport=memory, before_send=lambda event: {**event, "n": object()}) as client:
        client.track(n=1)
    assert client.stats().lost == {"not_encodable": 1}


# --- on_error


def test_on_error_is_told_each_loss_in_the_end(memory: MemoryTransport) -> None:
    told: list[Trouble] = []
    with Client(transport=memory, on_error=told.append) as client:
        for _ in range(50):
            client.track(n=float("nan"))
    assert {one.reason for one in told} == {"not_encodable"}
    assert sum(one.events for one in told) == 50
    assert told[0].events == 1
    assert len(told) == 2
    assert "'n' is nan" in told[0].message


def test_on_error_is_told_of_refused_events(memory: MemoryTransport) -> None:
    told: list[Trouble] = []
    memory.answer_next(404)
    with Client(transport=memory, on_error=told.append, batch_age_s=3600) as client:
        client.track(n=1)
        client.track(n=2)
        assert client.flush()
    assert [(one.reason, one.events) for one in told] == [("refused_404", 2)]
    assert "check the path of the DSN" in told[0].message


def test_on_error_may_fail_without_disturbing_anybody(
    memory: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(trouble: Trouble) -> None:
        raise RuntimeError(trouble.message)

    with Client(transport=memory, on_error=broken) as client:
        client.track(n=float("nan"))
        client.track(n=1)
    assert [event["n"] for event in memory.events] == [1]
    assert "on_error itself failed: RuntimeError" in caplog.text


def test_on_error_may_track_without_end(memory: MemoryTransport) -> None:
    def tracks(trouble: Trouble) -> None:
        client.track(n=float("inf"))

    client = Client(transport=memory, on_error=tracks)
    client.track(n=float("nan"))
    assert client.close()
    assert client.stats().lost["not_encodable"] >= 2


# --- disabled


def test_a_disabled_client_needs_no_dsn_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.delenv("TMON_DSN", raising=False)
    monkeypatch.delenv("TMON_DSN_FILE", raising=False)
    with Client(disabled=True) as client:
        client.track(n=float("nan"))
        client.request("/", ip=None, useragent=None)
        assert client.send_batch([{"n": 1}]).accepted == 0
        assert client.flush()
        assert client.stats().tracked == 0
        assert repr(client) == "<tmon.Client disabled>"
    assert caplog.records == []


def test_a_disabled_client_still_says_what_is_wrong_with_its_settings() -> None:
    with pytest.raises(DsnError):
        Client("http://example.org", disabled=True)
    with pytest.raises(ValueError, match="batch_events"):
        Client(disabled=True, batch_events=0)
    with pytest.raises(NotEncodable):
        Client(disabled=True).send_batch([{"n": object()}])
