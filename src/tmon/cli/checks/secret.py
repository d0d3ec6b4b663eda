# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's secret: whether there is one, who can read it, and whether it opens what is kept under it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .deployment import Deployment
from .findings import Finding, number, ok, problem


def check(deployment: Deployment) -> Iterator[Finding]:
    """Where it comes from, its file's mode, and the keys in the accounts database."""
    from tmon.settings import SettingError, secret_key

    settings = deployment.settings
    try:
        found = secret_key.find(settings)
    except SettingError as error:
        what, _, advice = str(error).removeprefix("TMON_SECRET_KEY: ").partition("; ")
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
        yield from _file(settings.data / secret_key.FILE)
        where = f"kept in {settings.data / secret_key.FILE}"
    elif given:
        yield from _file(Path(given))
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
        yield ok(f"{where}; all that is kept under it opens ({number(len(keys), 'key')})")


def _file(file: Path) -> Iterator[Finding]:
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        whose = "change" if mode & 0o022 else "read"
        yield problem(f"others can {whose} {file} (mode {mode:03o})", f"chmod 600 {file}")


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
