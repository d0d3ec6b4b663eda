# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss ledger: what each run says it sent, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.build import DAY_MS, NOW, WSID, envelope, event, rejected

from tmon.server.store import Run, Store


def sent(*events: object, source: str = "web-1", run: str = "r1", **fields: object) -> object:
    return envelope(*events, source=source, run=run, **fields)  # type: ignore[arg-type]


def append(store: Store, *envelopes: object) -> None:
    store.append(list(envelopes))  # type: ignore[arg-type]
    store.settle()


def only(store: Store, wsid: int = WSID) -> Run:
    [run] = store.runs(wsid)
    return run


def test_a_run_is_known_from_its_first_envelope(store: Store) -> None:
    assert store.runs(WSID) == []
    append(store, sent(event(), event(), seq=1, sent=2))
    assert store.runs(WSID) == [Run("web-1", "r1", NOW, NOW, sent=2, stored=2)]
    assert store.runs(8) == []


def test_what_has_not_arrived_is_missing_and_falls_as_retries_arrive(store: Store) -> None:
    append(store, sent(event(), seq=1, sent=1), sent(event(), event(), seq=4, sent=9))
    assert (only(store).sent, only(store).stored, only(store).missing) == (9, 3, 6)
    append(store, sent(*(event() for _ in range(5)), seq=2, sent=6))
    assert (only(store).sent, only(store).stored, only(store).missing) == (9, 8, 1)


def test_a_sender_that_says_nothing_has_sent_what_arrived(store: Store) -> None:
    append(store, envelope(event(), event(), rejected=[rejected(2)]), envelope(event()))
    run = only(store)
    assert (run.source, run.run, run.sent, run.stored, run.rejected, run.missing) == ("", "", 4, 3, 1, 0)


def test_a_sender_that_says_it_later_is_believed(store: Store) -> None:
    append(store, sent(event()), sent(event(), sent=10), sent(event()))
    assert (only(store).sent, only(store).stored, only(store).missing) == (10, 3, 7)


def test_a_sender_that_has_sent_less_than_arrived_misses_nothing(store: Store) -> None:
    append(store, sent(event(), event(), event(), sent=1))
    assert (only(store).sent, only(store).missing) == (1, 0)


def test_rejected_events_are_counted_by_reason(store: Store) -> None:
    append(
        store,
        sent(event(), rejected=[rejected(1), rejected(2), rejected(3, "x", "future")], sent=4),
        sent(event(), rejected=[rejected(1)], sent=6),
    )
    run = only(store)
    assert (run.stored, run.rejected, run.reasons, run.missing) == (2, 4, {"missing": 3, "future": 1}, 0)


def test_more_rejected_events_than_are_named_are_all_counted(store: Store) -> None:
    append(store, sent(event(), rejected=[rejected(index) for index in range(1, 151)]))
    assert (only(store).rejected, only(store).reasons) == (150, {"missing": 150})


def test_refused_envelopes_are_counted_as_envelopes(store: Store) -> None:
    append(
        store,
        sent(event()),
        sent(
            refused="sent_at",
            message="40 days old",
            rejected=[rejected(0, "x", "sent_at"), rejected(1, "x", "sent_at")],
        ),
        sent(rejected=[rejected(0)]),
    )
    run = only(store)
    assert (run.refused, run.stored, run.rejected) == (2, 1, 3)
    assert run.reasons == {"sent_at": 2, "missing": 1}


def test_an_envelope_refused_before_its_events_could_be_told_apart_names_its_reason(store: Store) -> None:
    append(store, envelope(refused="not_json", message="this is not JSON"))
    run = only(store)
    assert (run.refused, run.rejected, run.reasons) == (1, 0, {"not_json": 0})


def test_repeated_events_are_counted_as_repeated(store: Store) -> None:
    stretch = [event(offset=1), event(offset=2)]
    append(store, sent(*stretch, stream="f", sent=2), sent(*stretch, event(offset=3), stream="f", sent=5))
    run = only(store)
    assert (run.sent, run.stored, run.repeated, run.missing) == (5, 3, 2, 0)


def test_a_replayed_envelope_enters_the_ledger_once(store: Store) -> None:
    for _ in range(3):
        append(store, sent(event(), sent=1, name="a"))
    run = only(store)
    assert (run.sent, run.stored, run.repeated) == (1, 1, 0)


def test_what_the_sender_lost_is_cumulative_by_reason(store: Store) -> None:
    append(store, sent(event(), seq=1, sent=3, lost={"queue_full": 2}))
    append(store, sent(event(), seq=3, sent=9, lost={"queue_full": 4, "too_large": 1}))
    assert only(store).lost == {"queue_full": 4, "too_large": 1}
    append(store, sent(event(), seq=2, sent=5, lost={"queue_full": 3}))
    run = only(store)
    assert run.lost == {"queue_full": 4, "too_large": 1}
    assert (run.sent, run.stored, run.missing) == (9, 3, 6)


def test_losses_that_arrive_together_and_without_numbers_are_cumulative_too(store: Store) -> None:
    append(
        store,
        sent(event(), lost={"queue_full": 5}),
        sent(event(), lost={"queue_full": 9, "too_large": 1}),
        sent(event(), lost={"queue_full": 7}),
        sent(event()),
    )
    assert only(store).lost == {"queue_full": 9, "too_large": 1}


def test_a_run_that_ended_on_purpose_is_closed(store: Store) -> None:
    append(store, sent(event(), seq=2, close=True))
    assert only(store).closed is True
    append(store, sent(event(), seq=1))
    assert only(store).closed is True


def test_a_run_was_seen_from_its_first_to_its_last_receipt(store: Store) -> None:
    for received_ms in (NOW, NOW + 500, NOW + 200):
        append(store, sent(received_ms=received_ms))
    assert (only(store).first_seen_ms, only(store).last_seen_ms) == (NOW, NOW + 500)


def test_runs_are_told_apart_and_come_last_seen_first(store: Store) -> None:
    append(
        store,
        sent(event(), received_ms=NOW),
        sent(event(), run="r2", received_ms=NOW + 2),
        sent(event(), source="web-2", received_ms=NOW + 1),
        sent(event(), wsid=8, received_ms=NOW + 9),
    )
    assert [(run.source, run.run, run.stored) for run in store.runs(WSID)] == [
        ("web-1", "r2", 1),
        ("web-2", "r1", 1),
        ("web-1", "r1", 1),
    ]


def test_runs_last_seen_together_come_by_name(store: Store) -> None:
    append(store, sent(source="b", run="1"), sent(source="a", run="2"), sent(source="a", run="1"))
    assert [(run.source, run.run) for run in store.runs(WSID)] == [("a", "1"), ("a", "2"), ("b", "1")]


def test_the_ledger_is_the_same_in_however_small_steps_it_is_kept(store: Store) -> None:
    for seq in range(1, 6):
        store.append([sent(event(), rejected=[rejected(1)], seq=seq, sent=2 * seq, lost={"queue_full": seq})])  # type: ignore[list-item]
    while store.advance(1):
        pass
    assert store.runs(WSID) == [
        Run(
            "web-1",
            "r1",
            NOW,
            NOW,
            sent=10,
            stored=5,
            rejected=5,
            reasons={"missing": 5},
            lost={"queue_full": 5},
        )
    ]


def test_the_ledger_outlives_the_log_and_opening_the_store_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    append(store, sent(event(), sent=3, lost={"queue_full": 1}))
    while store.expire(NOW + 60 * DAY_MS, {}):
        pass
    store = reopen(store)
    assert store.runs(WSID) == [Run("web-1", "r1", NOW, NOW, sent=3, stored=1, lost={"queue_full": 1})]


def test_a_question_about_runs_gives_a_copy(store: Store) -> None:
    append(store, sent(event()))
    only(store).reasons["mine"] = 1
    assert only(store).reasons == {}


def test_a_run_has_its_largest_losses_by_reason_and_no_more_than_32(store: Store) -> None:
    for part in range(3):
        lost = {f"reason-{part}-{number:02}": 100 * part + number for number in range(20)}
        store.append([envelope(name=f"part-{part}", source="web-1", run="r", lost=lost)])
        store.settle()
    (run,) = store.runs(WSID)
    assert len(run.lost) == 32
    assert min(run.lost.values()) == 108


def test_the_runs_that_were_seen_last_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("memory.ledger", "sqlite.expiry"):
        monkeypatch.setattr(f"tmon.server.store.{module}.LEDGER_RUNS", 3)
    for number in range(8):
        store.append([envelope(source="s", run=f"r{number}", received_ms=NOW + number)])
    store.settle()
    while store.expire(NOW, {}, 2):
        pass
    assert [run.run for run in store.runs(WSID)] == ["r7", "r6", "r5"]


# -- keys ---------------------------------------------------------------------------------------------------------


def keys(store: Store, wsid: int = WSID) -> dict[str, int | None]:
    """The key of each run."""
    store.settle()
    return {run.run: run.key for run in store.runs(wsid)}


def test_a_run_has_the_key_that_opened_its_last_envelope(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    store.append([sent(run="moved", key=1), sent(run="stays", key=1), sent(run="unknown")])
    store.append([sent(run="moved", key=1), sent(run="moved", key=2), sent(run="stays", key=1)])
    store.append([sent(run="moved", key=1, wsid=8), sent(run="stays", source="web-2", wsid=8, key=3)])
    assert keys(store) == {"moved": 2, "stays": 1, "unknown": None}
    store = reopen(store)
    assert keys(store) == {"moved": 2, "stays": 1, "unknown": None}
    assert keys(store, 8) == {"moved": 1, "stays": 3}
    store.append([sent(run="stays", key=2)])
    assert keys(store) == {"moved": 2, "stays": 2, "unknown": None}


def test_an_envelope_that_is_refused_shows_the_key_too(store: Store) -> None:
    store.append([sent(run="r", key=1), sent(run="r", key=2, refused="not JSON")])
    assert keys(store) == {"r": 2}


def test_a_replay_of_an_old_envelope_does_not_bring_the_old_key_back(store: Store) -> None:
    store.append([sent(event(), run="r", key=1, name="old"), sent(event(), run="r", key=2)])
    store.append([sent(event(), run="r", key=1, name="old")])
    assert keys(store) == {"r": 2}


def test_the_keys_of_runs_that_are_no_longer_kept_make_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory.ledger", "sqlite.expiry", "sqlite.noting"):
        monkeypatch.setattr(f"tmon.server.store.{module}.LEDGER_RUNS", 3)
    monkeypatch.setattr("tmon.server.store.sqlite.noting.TRIM_EVERY", 2)
    for number in range(8):
        store.append([sent(run=f"r{number}", key=number, received_ms=NOW + number)])
    store.settle()
    while store.expire(NOW, {}, 2):
        pass
    assert keys(store) == {"r7": 7, "r6": 6, "r5": 5}


def test_a_deleted_web_service_leaves_no_keys(store: Store) -> None:
    store.append([sent(run="r", key=1), sent(run="r", key=1, wsid=8)])
    store.delete_webservice(WSID, NOW)
    assert keys(store) == {}
    assert keys(store, 8) == {"r": 1}
