# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the embedded store's own: its two files, what they hold, and who may write while."""

from __future__ import annotations

import threading
from contextlib import closing as closing_connection
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from tests.contract.build import (
    COUNTRY,
    DAY_MS,
    NOW,
    PAGE,
    TODAY,
    USERNAME,
    WSID,
    by_name,
    envelope,
    event,
    requests,
)

from tmon.server.catalogue import VISIT, View
from tmon.server.store.base import Damaged, Filter, Measures, TooLong, Unavailable
from tmon.server.store.sqlite import SqliteStore, closing, dictionary, identities, open_store, reader
from tmon.server.store.sqlite.driver import Connection


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    opened = open_store(tmp_path)
    opened.sync_views(by_name(COUNTRY, PAGE, USERNAME))
    return opened


def content(folder: Path) -> bytes:
    """Everything that lies in the store's files, write-ahead logs included."""
    return b"".join(
        file.read_bytes() for file in sorted(folder.glob("*.db*")) if not file.name.endswith("-shm")
    )


def test_an_append_does_not_wait_for_a_pass_of_the_views(store: SqliteStore) -> None:
    store.append([envelope(event(path="/a"))])
    store._views_connection.execute("BEGIN")
    store._views_connection.execute("UPDATE followers SET position = position")
    appended = threading.Thread(target=store.append, args=([envelope(event(path="/b"))],), daemon=True)
    appended.start()
    appended.join(5)
    assert not appended.is_alive()
    store._views_connection.execute("ROLLBACK")
    store.settle()
    assert requests(store.ranking("url", TODAY, 10)) == {"/a": 1, "/b": 1}


def test_views_that_are_ahead_of_the_log_stop_the_start(store: SqliteStore, tmp_path: Path) -> None:
    store.append([envelope(event(path="/a"))])
    store.settle()
    store.close()
    for file in tmp_path.glob("log.db*"):
        file.unlink()
    with pytest.raises(Damaged, match=r"log\.db is older than views\.db; restore both from one backup"):
        open_store(tmp_path)


def test_a_file_of_a_later_format_is_left_alone(store: SqliteStore, tmp_path: Path) -> None:
    store.close()
    with Connection(tmp_path / "log.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Damaged, match="has format 99"):
        open_store(tmp_path)


@pytest.mark.parametrize("name", ["log.db", "views.db"])
def test_a_file_that_is_no_database_is_named(store: SqliteStore, tmp_path: Path, name: str) -> None:
    store.close()
    (tmp_path / name).write_bytes(b"no database" * 1000)
    with pytest.raises(Damaged, match=f"{name}: file is not a database; restore it"):
        open_store(tmp_path)


def test_what_was_appended_but_not_counted_is_counted_after_a_restart(
    store: SqliteStore, tmp_path: Path
) -> None:
    store.append([envelope(event(path="/a"))])
    store.settle()
    store.append([envelope(event(path="/b"))])
    store.close()
    again = open_store(tmp_path)
    again.settle()
    assert requests(again.ranking("url", TODAY, 10)) == {"/a": 1, "/b": 1}


def test_a_full_disk_refuses_the_append_and_forgets_nothing(store: SqliteStore) -> None:
    store.append([envelope(event(path="/before"))])
    (pages,) = store._log_connection.execute("PRAGMA page_count").fetchone()
    store._log_connection.execute(f"PRAGMA max_page_count = {pages}")
    big = [event(path=f"/{number}" + "x" * 900) for number in range(500)]
    with pytest.raises(Unavailable, match="full"):
        store.append([envelope(*big, name="big")])
    store._log_connection.execute("PRAGMA max_page_count = 1000000")
    (outcome,) = store.append([envelope(*big, name="big")])
    assert (outcome.status, outcome.accepted, outcome.duplicate) == (200, 500, False)
    store.settle()
    assert store.totals(TODAY).requests == 501


def test_an_erased_user_name_is_in_no_file_any_more(store: SqliteStore, tmp_path: Path) -> None:
    store.append([envelope(event(path="/a", username="somebody-special"))])
    store.settle()
    assert store.erase_username(WSID, "somebody-special", NOW).events == 1
    store.settle()
    store.expire(NOW, {})
    assert requests(store.ranking("username", TODAY, 10)) == {"": 1}
    for connection in (store._log_connection, store._views_connection):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"somebody-special" not in content(tmp_path)


def test_shared_values_go_once_no_kept_entry_can_refer_to_them(store: SqliteStore, tmp_path: Path) -> None:
    store.append([envelope(event(path="/seldom", useragent="seldom/1"))])
    later = NOW + 40 * DAY_MS
    store.append([envelope(event(later, path="/often", useragent="often/1"), received_ms=later)])
    store.settle()
    while store.expire(later, {}):
        store.settle()
    texts = {row[0] for row in store._log_connection.execute("SELECT text FROM texts")}
    agents = {row[0] for row in store._log_connection.execute("SELECT useragent FROM agents")}
    assert "/seldom" not in texts
    assert "/often" in texts
    assert agents == {"often/1"}
    store.append([envelope(event(later, path="/seldom", useragent="seldom/1"), received_ms=later)])
    assert [one.fields["useragent"] for one in store.events(WSID, 5)] == ["seldom/1", "often/1"]


def test_a_clock_that_was_ahead_and_is_put_right_costs_no_shared_value(store: SqliteStore) -> None:
    store.append([envelope(event(path="/a", username="ann"), received_ms=NOW + 10 * DAY_MS)])
    store.append([envelope(event(path="/b", username="bob"), received_ms=NOW)])
    store.settle()
    while store.expire(NOW, {}):
        pass
    store.append([envelope(event(path="/b", username="bob"), received_ms=NOW + 1)])
    stored = [(one.fields["path"], one.fields["username"]) for one in store.events(WSID, 5)]
    assert stored == [("/b", "bob"), ("/b", "bob"), ("/a", "ann")]


def test_what_was_erased_leaves_the_write_ahead_logs_by_itself(store: SqliteStore, tmp_path: Path) -> None:
    store.append([envelope(event(path="/a", username="somebody-special"))])
    store.settle()
    store.erase_username(WSID, "somebody-special", NOW)
    store.settle()
    assert b"somebody-special" in content(tmp_path)
    store.expire(NOW, {})
    assert b"somebody-special" not in content(tmp_path)


def test_nothing_of_a_deleted_web_service_stays_in_the_files(store: SqliteStore, tmp_path: Path) -> None:
    store.append([envelope(event(path="/confidential", username="confidential-name"))])
    store.settle()
    store.delete_webservice(WSID, NOW)
    store.settle()
    while store.expire(NOW, {}):
        pass
    assert b"confidential" not in content(tmp_path)
    store.append([envelope(event(path="/confidential"), wsid=8)])
    assert [one.fields["path"] for one in store.events(8, 5)] == ["/confidential"]


def test_keys_that_no_count_has_go_when_days_close(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "NEW_KEYS", 1_000)
    paths = [f"/{number}" for number in range(1_500)]
    store.append([envelope(*[event(path=path) for path in paths])])
    store.settle()
    store.close_days(NOW + 4 * DAY_MS)
    store.settle()
    (texts,) = store._views_connection.execute("SELECT count(*) FROM keys WHERE text LIKE '/%'").fetchone()
    assert texts == 1_000
    assert sum(requests(store.ranking("url", TODAY, 2_000)).values()) == 1_000


def test_only_their_owner_may_read_the_files(store: SqliteStore, tmp_path: Path) -> None:
    store.append([envelope(event())])
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.db*")} == {0o600}


def test_remembered_shared_values_are_bounded_in_bytes(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionary, "CACHED_BYTES", 100_000)
    for number in range(50):
        store.append([envelope(*[event(path=f"/{number}/{page}" + "x" * 1_000) for page in range(50)])])
    assert len(store._log._shared.texts.numbers) <= 150


def test_expiring_waits_for_no_long_pass_of_the_views(store: SqliteStore) -> None:
    store.append([envelope(event())])
    with store._views_lock:
        assert store.expire(NOW, {}) is False


def test_a_question_that_takes_too_long_is_given_up(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "DEADLINE_S", 0.05)
    paths = ["/" + "a" * 1_000 + str(number) for number in range(2_000)]
    store.append([envelope(*[event(path=path) for path in paths])])
    slow = tuple(Filter(PAGE, "*" + "a" * (500 + number) + "b", True) for number in range(8))
    with pytest.raises(TooLong, match="takes too long"):
        store.totals(replace(TODAY, filters=slow))
    monkeypatch.setattr(reader, "DEADLINE_S", 20.0)
    store.settle()
    assert store.totals(TODAY).requests == 2_000


def test_a_folder_of_the_first_format_is_taken_over(store: SqliteStore, tmp_path: Path) -> None:
    before = envelope(event(path="/a"), source="web-1", run="r")
    store.append([before])
    store.close()
    for name in ("log.db", "views.db"):
        with closing_connection(Connection(tmp_path / name)) as connection:
            connection.execute("DROP TABLE IF EXISTS run_keys")
            connection.execute("DROP TABLE IF EXISTS sizes")
            connection.execute("DROP TABLE IF EXISTS identities")
            connection.execute("DROP INDEX IF EXISTS counts_large")
            connection.execute("PRAGMA user_version = 1")
    again = open_store(tmp_path)
    assert again.append([before])[0].duplicate
    assert requests(again.ranking("url", TODAY, 10)) == {}
    again.append([envelope(event(path="/a"), source="web-1", run="r", key=5)])
    again.settle()
    assert [(run.stored, run.key) for run in again.runs(WSID)] == [(2, 5)]
    again.close()


def test_a_store_of_an_earlier_release_gains_visits_from_the_events_that_it_has(
    store: SqliteStore, tmp_path: Path
) -> None:
    visit = [event(f"2026-11-23T10:{minute}", path=f"/{minute}", visitor=1) for minute in (10, 20)]
    store.append([envelope(*visit)])
    store.settle()
    store.close()
    for name in ("log.db", "views.db"):
        with closing_connection(Connection(tmp_path / name)) as connection:
            connection.execute("DROP TABLE IF EXISTS visits")
            connection.execute("PRAGMA user_version = 4")
    again = open_store(tmp_path)
    entry = View("entry", "Entry pages", "entry", kind=VISIT, visitors="none")
    again.sync_views({**again.views(), "entry": entry})
    again.settle()
    again.append([envelope(event("2026-11-23T10:00", path="/", visitor=1))])
    again.settle()
    visits = Measures(requests=1, duration_us=1_200_000_000, timed=1, bytes=3)
    assert again.ranking("entry", TODAY, 10).rows == [("/", visits)]
    assert again.complete_from(TODAY, "entry") is None
    again.close()


def test_what_is_known_of_visits_goes_with_their_day(store: SqliteStore) -> None:
    def known() -> int:
        (rows,) = store._views_connection.execute("SELECT count(*) FROM visits").fetchone()
        return int(rows)

    views = store.views()
    entry = View("entry", "Entry pages", "entry", kind=VISIT, visitors="none")
    store.sync_views({**views, "entry": entry, "last": replace(entry, name="last", field="exit")})
    store.append([envelope(event(path="/a", visitor=1), event(path="/b", visitor=2))])
    store.settle()
    assert known() == 2
    store.sync_views({**views, "entry": entry})
    assert known() == 2
    assert store.close_days(NOW + 3 * DAY_MS)
    store.settle()
    assert known() == 0
    store.append([envelope(event("2026-11-24T11:00", path="/a", visitor=1))])
    store.settle()
    store.sync_views(views)
    assert known() == 0


def test_a_key_whose_envelope_was_not_stored_is_not_remembered(store: SqliteStore) -> None:
    def append(*keys: int) -> None:
        store.append([envelope(event(), source="web-1", run="r", key=key) for key in keys])

    append(1)
    store._log_connection.execute(
        "CREATE TEMP TRIGGER full BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(apsw.ConstraintError):
        append(2)
    store._log_connection.execute("DROP TRIGGER full")
    store.settle()
    assert [run.key for run in store.runs(WSID)] == [1]
    append(2)
    store.settle()
    assert [run.key for run in store.runs(WSID)] == [2]


def test_a_number_that_a_later_value_takes_over_is_not_counted_under_the_earlier_one(
    store: SqliteStore,
) -> None:
    store.append([envelope(event(path="/early"))])
    store.settle()
    later = NOW + 40 * DAY_MS
    while store.expire(later, {}):
        pass
    late = event(later, path="/late")
    store.append([envelope(late, received_ms=later)])
    store.settle()
    (counts,) = store._views_connection.execute(
        "SELECT count(*) FROM counts c JOIN keys k ON k.id = c.key WHERE k.text = '/late'"
    ).fetchone()
    assert counts == 3  # its hour, day and month


def test_what_a_pass_that_failed_found_out_is_found_out_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise apsw.FullError("disk full")

    store.append([envelope(event(path="/a", visitor=1))])
    with monkeypatch.context() as failing:
        failing.setattr("tmon.server.store.sqlite.counting.Counting._add_to_buckets", fail)
        with pytest.raises(Unavailable, match="disk full"):
            store.advance()
    store.append([envelope(event(path="/b", visitor=1))])
    store.settle()
    assert requests(store.ranking("url", TODAY, 10)) == {"/a": 1, "/b": 1}
    assert store.totals(TODAY).visitors == 1


def ids_in_the_index(store: SqliteStore) -> int:
    return int(store._log_connection.execute("SELECT count(*) FROM identities").fetchone()[0])


def test_an_envelope_is_known_while_its_id_is_young_while_it_goes_into_the_index_and_after(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "YOUNG", 8)
    monkeypatch.setattr(identities, "LEAST", 1)
    sent = [envelope(event(path=f"/{number}")) for number in range(40)]
    for count, one in enumerate(sent, 1):
        assert not store.append([one])[0].duplicate
        assert all(outcome.duplicate for outcome in store.append(sent[:count]))
    assert 20 < ids_in_the_index(store) < 40
    store.close()
    again = open_store(tmp_path)
    assert all(outcome.duplicate for outcome in again.append(sent))
    assert len(again.outcomes([(one.wsid, one.id) for one in sent])) == 40
    again.settle()
    assert again.totals(TODAY).requests == 40


def test_ids_whose_entries_were_rolled_back_are_not_known(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "YOUNG", 4)
    sent = [envelope(event(path=f"/{number}")) for number in range(9)]
    store.append(sent[:3])
    (pages,) = store._log_connection.execute("PRAGMA page_count").fetchone()
    store._log_connection.execute(f"PRAGMA max_page_count = {pages}")
    big = envelope(*(event(path=f"/{number}" + "x" * 900) for number in range(500)))
    with pytest.raises(Unavailable, match="full"):
        store.append([*sent[3:], big])
    store._log_connection.execute("PRAGMA max_page_count = 1000000")
    assert store.outcomes([(one.wsid, one.id) for one in sent[3:]]) == {}
    assert [outcome.duplicate for outcome in store.append(sent)] == [True] * 3 + [False] * 6
    assert all(outcome.duplicate for outcome in store.append(sent))


def test_ids_leave_the_index_with_their_entries(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "YOUNG", 2)
    for number in range(6):
        store.append([envelope(event(path=f"/{number}"))])
    assert ids_in_the_index(store)
    store.settle()
    store.delete_webservice(WSID, NOW)
    store.settle()
    while store.expire(NOW, {}):
        pass
    assert ids_in_the_index(store) == 0
    other = [envelope(event(path=f"/{number}"), wsid=WSID + 1) for number in range(6)]
    for one in other:  # those that were young when their entries went are not put into the index
        store.append([one])
    assert ids_in_the_index(store) <= 6
    assert all(outcome.duplicate for outcome in store.append(other))
