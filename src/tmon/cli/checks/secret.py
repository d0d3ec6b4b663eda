# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's secret: whether there is one, who can read it, and whether it opens what is kept under it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .deployment import Deployment
from .findings import Finding, number, ok, problem, warning


def check(deployment: Deployment) -> Iterator[Finding]:
    """Where it comes from, its file's mode, and the keys in the accounts database."""
    from tmon.settings import SettingError, Stage, secret_key

    settings = deployment.settings
    try:
        found = secret_key.find(settings)
    except SettingError as error:
        what, _, advice = str(error).removeprefix("TMON_SECRET_KEY: ").partition("; ")
        if settings.stage is not Stage.TESTING:
            advice = _how_to_give(settings.data / secret_key.FILE, advice)
        yield problem(
            f"TMON_SECRET_KEY {what}", advice or "see to it that whoever runs tmon serve can read it"
        )
        return
    if found is None:
        if deployment.accounts and (locked := _keys()):
            yield problem(
                f"{settings.data / secret_key.FILE} is gone, which alone opens {number(len(locked), 'key')}",
                "restore that file; else the next start makes another, and every key must be rotated",
            )
        else:
            yield ok("none yet; the first start makes one")
        return
    given = os.environ.get("TMON_SECRET_KEY_FILE")
    if settings.secret_key is None:
        yield from _kept_file(settings.data / secret_key.FILE)
        where = f"kept in {settings.data / secret_key.FILE}"
    elif given:
        yield from _given_file(Path(given))
        where = f"from {given}"
    else:
        where = "from TMON_SECRET_KEY"
    if not deployment.accounts:
        yield ok(where)
        return
    keys = _keys()
    closed = sorted({wsid for wsid, opens in keys if not opens})
    if closed:
        names = ", ".join(map(str, closed[:10])) + (", …" if len(closed) > 10 else "")
        yield problem(
            f"{where}; it does not open the keys of web service{'s' if len(closed) > 1 else ''} {names}",
            "set the secret under which they were made, or give each a new key: tmon webservice rotate-key WSID",
        )
    else:
        opens = f"it opens {'all ' if len(keys) > 1 else ''}{number(len(keys), 'key')}"
        yield ok(f"{where}; {opens if keys else 'nothing is kept under it yet'}")


def _how_to_give(made_in_testing: Path, advice: str) -> str:
    """What to do where a secret is required: the one that keys are kept under already must go on being used."""
    if made_in_testing.exists():
        return f"the stage testing has made one: set TMON_SECRET_KEY_FILE to {made_in_testing}"
    return f"set it, or TMON_SECRET_KEY_FILE to a file that holds it; {advice}"


def _kept_file(file: Path) -> Iterator[Finding]:
    """The file that we have made: for its user only."""
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        can = "change" if mode & 0o022 else "read"
        yield problem(f"others can {can} {file} (mode {mode:03o})", f"chmod 600 {file}")


def _given_file(file: Path) -> Iterator[Finding]:
    """The operator's own file: its group may be the server's, and what a container is given may be for all to read."""
    mode = file.stat().st_mode & 0o777
    if mode & 0o022:
        yield problem(f"others can change {file} (mode {mode:03o})", f"chmod 640 {file}")
    elif mode & 0o004:
        yield warning(
            f"everybody can read {file} (mode {mode:03o})", f"chmod 640 {file}, if others use this machine"
        )


def _keys() -> list[tuple[int, bool]]:
    """The web service of each active key, and whether the key opens."""
    from django.core.exceptions import ImproperlyConfigured

    from tmon.server.tenants import keys
    from tmon.server.tenants.sealing import Unopenable

    found = []
    for wsid, of_service in keys.all_active().items():
        for key in of_service:
            try:
                keys.secret_of(key)
            except (Unopenable, ImproperlyConfigured):  # the latter where there is no secret at all
                found.append((wsid, False))
            else:
                found.append((wsid, True))
    return found
