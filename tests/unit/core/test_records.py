# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain files of sessions: always what the store says, whatever was killed when, and final once a day is closed."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.contract.build import DAY_MS, NOW, VIENNA, WSID, envelope, event, ms

from tmon.server.core import Records
from tmon.server.events import SESSION
from tmon.server.sessions import Rule
from tmon.server.store import Store, open_store

RULE = Rule(by="username", objects=("/modules/{object}",))
SERVICES = {WSID: (VIENNA, 14)}
ADA = "2026-11-23T09:04:00.000Z\tuserId=ada|10.0.0.1\tmoduleId=math\tdurationSeconds=240\tschemaVersion=1\n"
BOB = "2026-11-23T10:10:00.500Z\tuserId=bob|\tmoduleId=desk\tdurationSeconds=600\tschemaVersion=1\n"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    store = open_store(f"{request.param}:", tmp_path)
    store.sync_rules({WSID: RULE})
    yield store
    store.close()


class Kept:
    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder / "records", store
        self.records = Records(self.folder, store)

    def use(self, at: str, user: str | None = "ada", what: str = "math", received_ms: int = NOW) -> None:
        """A request by its local time."""
        when = f"2026-11-23T{at}+01:00" if len(at) == 8 else at
        one = event(when, path=f"/modules/{what}/", username=user, ip="10.0.0.1")
        self.append(one, received_ms)

    def append(self, one: Any, received_ms: int = NOW) -> None:
        self.store.append([envelope(one, received_ms=received_ms)])
        self.store.settle()

    def keep(self, at: str | int = NOW) -> None:
        self.records.keep(SERVICES, (at if isinstance(at, int) else ms(at)) / 1000)

    def files(self) -> dict[str, str]:
        found = {}
        for path in sorted((self.folder / str(WSID)).glob("*")) if self.folder.exists() else []:
            assert path.stat().st_mode & 0o777 == 0o600
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    [inside] = archive.namelist()
                    assert f"{inside}.zip" == path.name
                    found[path.name] = archive.read(inside).decode()
            else:
                found[path.name] = path.read_text()
        return found


@pytest.fixture
def kept(tmp_path: Path, store: Store) -> Kept:
    return Kept(tmp_path, store)


LOG, ZIP = "sessions-2026-11-23.log", "sessions-2026-11-23.log.zip"


def test_a_session_that_has_ended_is_a_line(kept: Kept) -> None:
    kept.keep()
    assert kept.files() == {}
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.use("12:58:00")
    kept.keep()
    assert kept.files() == {LOG: ADA}
    extra = {"session": "1", "subject": "bob", "object": "desk", "duration_s": 600}
    kept.append(event(ms("2026-11-23T10:00:00+00:00") + 500, kind=SESSION, extra=extra))
    kept.keep()
    assert kept.files() == {LOG: ADA + BOB}


def test_what_takes_no_second_is_not_written(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.keep()
    assert kept.files() == {}


def test_the_file_goes_on_where_it_is_so_that_it_can_be_followed(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.keep()
    path = kept.folder / str(WSID) / LOG
    before = path.stat().st_ino
    kept.use("11:00:00")
    kept.use("11:04:00")
    kept.keep()
    assert path.stat().st_ino == before
    assert path.read_text().count("\n") == 2


@pytest.mark.parametrize("torn", ["", ADA[:40], "something else\n", "\xff"])
def test_a_file_that_was_torn_or_changed_is_put_right(kept: Kept, torn: str) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    (kept.folder / str(WSID)).mkdir(parents=True)
    path = kept.folder / str(WSID) / LOG
    path.write_bytes(torn.encode("latin-1"))
    path.chmod(0o600)
    kept.keep()
    assert kept.files() == {LOG: ADA}


def test_late_events_correct_it_until_the_day_closes(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.keep()
    kept.use("10:02:00", what="physics")
    kept.keep()
    assert [line.split("\t")[2] for line in kept.files()[LOG].splitlines()] == [
        "moduleId=math",
        "moduleId=physics",
    ]


def test_after_midnight_the_day_is_an_archive(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.keep()
    kept.keep("2026-11-23T23:04:00")  # 00:04 in Vienna: a session may go on
    assert kept.files() == {LOG: ADA}
    kept.keep("2026-11-23T23:05:00")
    assert kept.files() == {ZIP: ADA}
    kept.use("10:05:00", received_ms=NOW + DAY_MS)
    kept.keep(NOW + DAY_MS)
    assert "durationSeconds=300" in kept.files()[ZIP]


def test_an_archive_that_cannot_be_read_is_made_anew(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.keep(NOW + DAY_MS)
    (kept.folder / str(WSID) / ZIP).write_bytes(b"PK\x03\x04 torn")
    kept.keep(NOW + DAY_MS)
    assert kept.files() == {ZIP: ADA}


def test_a_closed_days_archive_is_final_also_when_the_store_has_forgotten_it(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.keep()
    later = NOW + 5 * DAY_MS
    kept.store.close_days(later)
    kept.store.settle()
    while kept.store.expire(later, {WSID: 1}):
        pass
    kept.keep(later)  # the server was away for days
    assert kept.files() == {ZIP: ADA}
    kept.keep(later)
    assert kept.files() == {ZIP: ADA}
    kept.keep(NOW + 16 * DAY_MS)
    assert kept.files() == {}


def test_an_erased_name_goes_from_archives_too(kept: Kept) -> None:
    kept.use("10:00:00", user="Ada@x.org")
    kept.use("10:04:00", user="Ada@x.org")
    kept.keep(NOW + DAY_MS)
    kept.records.erase(WSID, "Ada@x.org")
    assert kept.files() == {ZIP: ADA.replace("ada|", "Guest|")}


def test_a_web_service_that_is_no_more_has_no_files(kept: Kept) -> None:
    kept.use("10:00:00")
    kept.use("10:04:00")
    kept.keep()
    kept.records.keep({}, NOW / 1000)
    assert not (kept.folder / str(WSID)).exists()


def test_what_would_break_a_line_is_a_space(kept: Kept) -> None:
    extra = {"session": "1", "subject": "a\tb\r\nc\u2028d", "object": "x\ny", "duration_s": 600}
    kept.append(event("2026-11-23T10:00:00", kind=SESSION, extra=extra))
    kept.keep()
    assert "\tuserId=a b c d|\tmoduleId=x y\t" in kept.files()[LOG]


def test_many_at_once_lose_no_line(kept: Kept) -> None:
    """Events arrive, files are kept and names erased at the same time."""
    failures: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            for n in range(20):
                work(n)
        except BaseException as failure:  # noqa: BLE001 - shown below
            failures.append(failure)

    def arrive(n: int) -> None:
        extra = {"session": str(n), "subject": f"u{n}", "object": "desk", "duration_s": 60}
        kept.store.append([envelope(event(f"2026-11-23T10:{n:02}:00", kind=SESSION, extra=extra))])
        kept.store.settle()

    work = [arrive, lambda _: kept.keep(), lambda _: kept.records.erase(WSID, "nobody")]
    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    kept.keep()
    assert [line.split("\t")[1] for line in kept.files()[LOG].splitlines()] == [
        f"userId=u{n}|" for n in range(20)
    ]
