# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve --demo`: accounts and web services to look around in, and the process that sends their traffic.

Both are made once per data folder, which keeps in demo/plan.json what was made. What is deleted later stays deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import Failure, WrongUsage

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tmon.settings import Settings

SEED: Final = 1
ADMINISTRATOR: Final = "admin"
USERS: Final = ("shopkeeper", "developer")
OWNERS: Final = {"shop": "shopkeeper", "docs": ADMINISTRATOR, "api": "developer"}
MEMBERS: Final = {
    "shop": {ADMINISTRATOR: "manager", "developer": "viewer"},
    "docs": {"developer": "manager"},
    "api": {ADMINISTRATOR: "viewer"},
}
"""By web service; the administrator reads all three, the shopkeeper one."""
HOUR_S: Final = 3600
PATIENCE_S: Final = 10.0
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  (what is listened on, not done here)


def refuse_elsewhere() -> None:
    """Raise WrongUsage where the stage is one for real data."""
    from tmon.settings import Stage, read

    stage = read("TMON_STAGE")
    if stage is not Stage.TESTING:
        raise WrongUsage(
            f"--demo makes accounts up and prints their passwords, so not in the stage {stage}: leave it out, or "
            "unset TMON_STAGE and give the demo a data folder of its own with --data"
        )


class Demonstration:
    """The demo of a data folder. `prepare` comes first, then `start` and `stop` in any number."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.data / "demo"
        self._plan: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> list[str]:
        """Make what there is to look around in, unless that was done; returns what to tell. Raises Failure."""
        from django.contrib.auth import get_user_model
        from django.db import connections

        from tmon.server.tenants.errors import TenantsError

        try:
            # A plan without any account is of a start that ended before the accounts were written.
            if get_user_model().objects.exists() and self._remembered():
                return []
            return self._make()
        except TenantsError as error:
            raise Failure(
                f"{error} The demo makes the users {' and '.join(USERS)} and the web services {', '.join(OWNERS)}; "
                "give it a data folder of its own with --data"
            ) from error
        finally:
            connections.close_all()

    def start(self, url: str) -> None:
        """Start the process that sends the traffic to `url`, where the server listens."""
        dsns = self._dsns(url)
        if not dsns:
            return
        order = {
            "plan": {name: self._plan[name] for name in ("seed", "start", "days")},
            "progress": self._progress,
            "dsns": dsns,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tmon.demo"],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server, which then ends this
            env={**os.environ, "no_proxy": "*"},  # the server is on this machine, whatever its address
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End that process. It also ends by itself when this one does, because its standard input ends then."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def _progress(self) -> str | None:
        """Where progress is kept; nowhere if the store begins anew with each start."""
        return None if self._settings.store.startswith("memory:") else str(self._folder / "progress.json")

    def _remembered(self) -> bool:
        try:
            self._plan = json.loads((self._folder / "plan.json").read_text("utf-8"))
        except FileNotFoundError:
            return False
        return True

    def _make(self) -> list[str]:
        from django.db import transaction

        from tmon.demo import SITES
        from tmon.server.tenants import accounts

        told, people, made = [], {}, {}
        with transaction.atomic():
            people[ADMINISTRATOR], password = _administrator()
            if password is not None:
                told += [
                    f"administrator: {ADMINISTRATOR}",
                    f"password:      {password}   (shown only now)",
                ]
            for name in USERS:
                people[name], password = accounts.create_user(name)
                told += [f"user:          {name}", f"password:      {password}   (shown only now)"]
            for site in SITES:
                owner = people[OWNERS[site.name]]
                wsid = accounts.create_webservice(site.name, owner, site.zone).webservice.wsid
                for name, role in MEMBERS[site.name].items():
                    accounts.add_member(wsid, people[name], role)
                made[site.name] = wsid
                told.append(f"web service:   {wsid} ({site.name}), {_roles(site.name, people)}")
            start = int(time.time()) // HOUR_S * HOUR_S
            self._plan = {"seed": SEED, "start": start, "days": self._settings.demo_days, "sites": made}
            _write(self._folder / "plan.json", json.dumps(self._plan))
        return told

    def _dsns(self, url: str) -> dict[str, str]:
        """The DSN of every web service of the demo that there still is, by its name in the demo."""
        from django.db import connections

        from tmon.server.tenants import keys

        scheme, _, location = url.partition("://")
        host, colon, port = location.rpartition(":")
        base = f"{scheme}://{EVERYWHERE.get(host, host)}{colon}{port}"
        try:
            active = {name: keys.active(wsid) for name, wsid in self._plan["sites"].items()}
            return {
                name: keys.dsn(self._plan["sites"][name], keys.secret_of(found[0]), base)
                for name, found in active.items()
                if found
            }
        finally:
            connections.close_all()


def _administrator() -> tuple[User, str | None]:
    """The administrator there is, the oldest of several; else a new one and the password."""
    from django.contrib.auth import get_user_model

    from tmon.server.tenants import accounts

    found = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    return (found, None) if found is not None else accounts.create_user(ADMINISTRATOR, admin=True)


def _roles(site: str, people: dict[str, User]) -> str:
    roles = {OWNERS[site]: "owner", **MEMBERS[site]}
    return ", ".join(f"{role} {people[name].get_username()}" for name, role in roles.items())


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
