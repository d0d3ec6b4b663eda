# SPDX-License-Identifier: GPL-3.0-or-later
"""The keyring holds what the accounts database holds, within a second of any change by anyone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tmon.server.tenants import Keyring, NotFound, Refused

DAY_S = 86_400
VIENNA_WINTER = 1_768_478_400.0  # 2026-01-15 12:00 UTC, 13:00 in Vienna
VIENNA_MIDNIGHT = 1_768_518_000  # 2026-01-16 00:00 in Vienna


@pytest.fixture
def owner(prepared: Path, tmp_path: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user(f"owner-{tmp_path.name}-{time.monotonic_ns()}")[0]


@pytest.fixture
def made(owner: Any) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_webservice(f"service {owner.username}", owner, "Europe/Vienna")


@pytest.fixture
def keyring(prepared: Path) -> Iterator[Keyring]:
    keyring = Keyring()
    yield keyring
    keyring.stop()


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_web_service_is_found_with_its_key(made: Any, keyring: Keyring) -> None:
    assert keyring.get(made.webservice.wsid) is None
    assert keyring.refresh()
    service = keyring.get(made.webservice.wsid)
    assert service is not None
    assert [key.secret for key in service.keys] == [made.secret]
    assert service.keys[0].id == made.key.pk
    assert (service.ip_policy, service.retention_days, service.events_per_second) == ("none", 14, 100_000)
    assert service.calendar.zone() == "Europe/Vienna"
    assert keyring.services()[service.wsid] is service


def test_nothing_is_loaded_again_while_nothing_changes(made: Any, keyring: Keyring) -> None:
    keyring.refresh()
    before = keyring.services()
    assert not keyring.refresh()
    assert keyring.services() is before


def test_a_secret_does_not_show(made: Any, keyring: Keyring) -> None:
    keyring.refresh()
    shown = repr(keyring.get(made.webservice.wsid))
    assert made.secret.hex() not in shown
    assert repr(made.secret) not in shown


def test_two_keys_are_active_during_a_rotation_newest_first(made: Any, keyring: Keyring) -> None:
    from tmon.server.tenants import keys

    wsid = made.webservice.wsid
    second = keys.issue(wsid)
    keyring.refresh()
    assert [key.id for key in keyring.services()[wsid].keys] == [second.pk, made.key.pk]
    with pytest.raises(Refused, match="has 2 active keys; revoke one of them first"):
        keys.issue(wsid)
    keys.revoke(wsid)
    assert keyring.refresh()
    assert [key.id for key in keyring.services()[wsid].keys] == [second.pk]
    keys.revoke(wsid, second.pk)
    keyring.refresh()
    assert keyring.services()[wsid].keys == ()


def test_no_key_without_a_web_service(prepared: Path) -> None:
    from tmon.server.tenants import keys

    with pytest.raises(NotFound, match="there is no web service 999999"):
        keys.issue(999_999)


def test_a_key_that_was_sealed_under_another_server_secret_is_left_out(made: Any, keyring: Keyring) -> None:
    from django.conf import settings

    own = settings.SECRET_KEY
    try:
        settings.SECRET_KEY = "another server's secret, as long as it must be"
        keyring.refresh()
    finally:
        settings.SECRET_KEY = own
    service = keyring.get(made.webservice.wsid)
    assert service is not None
    assert service.keys == ()


def test_a_sealed_key_that_is_moved_to_another_web_service_does_not_open(made: Any, owner: Any) -> None:
    from tmon.server.tenants import accounts, keys
    from tmon.server.tenants.sealing import Unopenable

    other = accounts.create_webservice(f"other {owner.username}", owner)
    made.key.webservice_id = other.webservice.wsid
    with pytest.raises(Unopenable):
        keys.secret_of(made.key)


@pytest.mark.parametrize("change", ["zone", "policy", "member", "bulk delete of members", "delete"])
def test_every_change_moves_the_revision(made: Any, owner: Any, keyring: Keyring, change: str) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.models import Membership

    wsid = made.webservice.wsid
    other, _ = accounts.create_user(f"other-{owner.username}")
    accounts.add_member(wsid, other, "viewer")
    keyring.refresh()
    if change == "zone":
        accounts.change_webservice(wsid, timezone="Asia/Kathmandu")
    elif change == "policy":
        accounts.change_webservice(wsid, ip_policy="full")
    elif change == "member":
        accounts.add_member(wsid, other, "manager")
    elif change == "bulk delete of members":
        Membership.objects.filter(webservice=wsid).delete()
    else:
        accounts.delete_webservice(wsid)
    assert keyring.refresh()


def test_a_change_that_is_rolled_back_moves_nothing(made: Any, keyring: Keyring) -> None:
    from django.db import transaction

    from tmon.server.tenants import keys

    keyring.refresh()
    with transaction.atomic():
        keys.issue(made.webservice.wsid)
        transaction.set_rollback(True)
    assert not keyring.refresh()
    assert len(keyring.services()[made.webservice.wsid].keys) == 1


def test_a_running_keyring_sees_what_another_process_changes(
    made: Any, keyring: Keyring, prepared: Path
) -> None:
    keyring.start()
    wsid = made.webservice.wsid
    command = [
        sys.executable,
        "-m",
        "tmon.cli",
        "webservice",
        "rotate-key",
        str(wsid),
        "--data",
        str(prepared),
    ]
    subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
    rotated = time.monotonic()
    eventually(lambda: len(keyring.services()[wsid].keys) == 2)
    assert keyring.checked_at <= time.monotonic()
    assert time.monotonic() - rotated < 10


def test_web_services_in_one_zone_share_a_calendar_and_keep_it(
    made: Any, owner: Any, keyring: Keyring
) -> None:
    from tmon.server.tenants import accounts

    keyring.refresh()
    before = keyring.services()[made.webservice.wsid].calendar
    other = accounts.create_webservice(f"same zone {owner.username}", owner, "Europe/Vienna").webservice
    keyring.refresh()
    assert keyring.services()[other.wsid].calendar is before
    assert keyring.services()[made.webservice.wsid].calendar is before


def test_a_new_zone_begins_at_the_next_local_midnight_and_the_past_stays(made: Any) -> None:
    row = made.webservice
    row.timezone = "Asia/Kathmandu"
    row._keep_zone(VIENNA_WINTER)
    assert row.zones() == ((float("-inf"), "Europe/Vienna"), (VIENNA_MIDNIGHT, "Asia/Kathmandu"))
    assert row.calendar().day(VIENNA_WINTER).end == VIENNA_MIDNIGHT


def test_choosing_twice_before_midnight_leaves_one_change_and_choosing_back_none(made: Any) -> None:
    row = made.webservice
    for zone in ("Asia/Kathmandu", "America/St_Johns"):
        row.timezone = zone
        row._keep_zone(VIENNA_WINTER)
    assert row.zones() == ((float("-inf"), "Europe/Vienna"), (VIENNA_MIDNIGHT, "America/St_Johns"))
    row.timezone = "Europe/Vienna"
    row._keep_zone(VIENNA_WINTER)
    assert row.zones() == ((float("-inf"), "Europe/Vienna"),)


def test_a_change_that_events_may_have_reached_stays(made: Any) -> None:
    row = made.webservice
    row.timezone = "Asia/Kathmandu"
    row._keep_zone(VIENNA_WINTER)
    row.timezone = "Europe/Vienna"
    row._keep_zone(VIENNA_MIDNIGHT - 60.0)  # events ten minutes ahead are in Kathmandu's day already
    starts = [since for since, _ in row.zones()]
    assert [zone for _, zone in row.zones()] == ["Europe/Vienna", "Asia/Kathmandu", "Europe/Vienna"]
    assert starts[1] == VIENNA_MIDNIGHT
    assert VIENNA_MIDNIGHT < starts[2] <= VIENNA_MIDNIGHT + DAY_S


def test_a_deleted_web_service_waits_for_its_events_to_go(made: Any) -> None:
    from tmon.server.tenants import Salts, accounts, deletions

    wsid = made.webservice.wsid
    salts = Salts()
    salts.fetch(wsid, 0)
    accounts.delete_webservice(wsid)
    assert wsid in deletions.pending()
    assert wsid not in [known for known, _ in salts.known()]
    deletions.done(wsid)
    assert wsid not in deletions.pending()


def test_an_id_is_never_given_again(made: Any, owner: Any) -> None:
    from tmon.server.tenants import accounts

    accounts.delete_webservice(made.webservice.wsid)
    again = accounts.create_webservice(f"again {owner.username}", owner).webservice
    assert again.wsid > made.key.webservice_id
