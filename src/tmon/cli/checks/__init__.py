# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tmon doctor` checks: one function each, in the order in which they are told.

A check gets the deployment and yields findings; whatever it raises is a finding as well. To add one, write the function
and put it into CHECKS, with the settings without which it has nothing to look at.

findings      what a check yields
deployment    what it looks at
the others    checks, each module about what its name says
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from . import (
    accounts,
    address,
    clock,
    disk,
    folder,
    geoip,
    keys,
    memcached,
    open_files,
    secret,
    server,
    store,
    variables,
    views,
)
from .deployment import Deployment
from .findings import Finding, Level, problem, warning

__all__ = ["CHECKS", "Check", "Deployment", "Finding", "Level", "examine"]


class Check(NamedTuple):
    """A check, its name in the report, and what it depends on: settings, and looking into the data folder."""

    name: str
    run: Callable[[Deployment], Iterable[Finding]]
    needs: frozenset[str] = frozenset()
    inside: bool = False


DATA: Final = frozenset({"TMON_DATA"})
ACCOUNTS: Final = DATA | {"TMON_STAGE", "DATABASE_URL"}
EVENTS: Final = DATA | {"TMON_STORE"}

CHECKS: Final = (
    Check("settings", variables.check),
    Check("address", address.check, frozenset({"TMON_STAGE", "TMON_PUBLIC_URL", "TMON_TRUSTED_PROXIES"})),
    Check("secret", secret.check, ACCOUNTS | {"TMON_SECRET_KEY"}, inside=True),
    Check("data folder", folder.check, DATA),
    Check("disk", disk.check, DATA),
    Check("open files", open_files.check, DATA),
    Check("clock", clock.check, EVENTS),
    Check("geoip", geoip.check, frozenset({"TMON_GEOIP"})),
    Check("server", server.check, DATA, inside=True),
    Check("events", store.check, EVENTS, inside=True),
    Check("views", views.check, EVENTS | {"TMON_VIEWS"}, inside=True),
    Check("accounts", accounts.check, ACCOUNTS, inside=True),
    Check("memcached", memcached.check, frozenset({"TMON_MEMCACHED"})),
    Check("keys", keys.check, ACCOUNTS | EVENTS, inside=True),
)


def examine(deployment: Deployment, checks: Iterable[Check] = CHECKS) -> Iterator[tuple[Check, Finding]]:
    """Run the checks, and yield what each finds."""
    for check in checks:
        if wrong := sorted(check.needs & set(deployment.wrong)):
            yield (
                check,
                warning(f"not checked, because {' and '.join(wrong)} is wrong", "see to that first"),
            )
            continue
        if check.inside and deployment.closed:
            yield (
                check,
                warning("not checked, because the data folder cannot be looked into", "see to that first"),
            )
            continue
        try:
            for finding in check.run(deployment):
                yield check, finding
        except ModuleNotFoundError as error:
            yield (
                check,
                problem(
                    f"cannot be checked: {error.name} is not installed",
                    "install the server: pip install 'tmon[server]'",
                ),
            )
        except Exception as error:  # noqa: BLE001 (a broken part must not hide what the other checks find)
            said = str(error) or type(error).__name__
            yield check, problem(f"cannot be checked: {said}", "see to that, then run tmon doctor again")
