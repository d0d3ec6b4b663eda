# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the accounts database answers, fits this release, and has somebody who looks after it."""

from __future__ import annotations

from collections.abc import Iterator

from .deployment import Deployment
from .findings import Finding, number, ok, problem, warning


def check(deployment: Deployment) -> Iterator[Finding]:
    """The database, its migrations, administrators and time zones."""
    if deployment.accounts_fail is not None:
        file = deployment.accounts_file
        where = "DATABASE_URL" if file is None else file
        advice = "see that it runs and DATABASE_URL is right" if file is None else "restore it from a backup"
        yield problem(f"the accounts database ({where}) does not answer: {deployment.accounts_fail}", advice)
        return
    if not deployment.accounts:
        yield ok("none yet; the first start prepares the database")
        return
    foreign, waiting = _migrations()
    if foreign:
        yield problem(
            f"the accounts database is of a later release ({', '.join(foreign)})",
            "run that release, or restore a backup made by this one",
        )
        return
    if waiting:
        yield warning(
            f"the accounts database is of an earlier release; {number(waiting, 'migration')} to make",
            "make a backup, then restart the server: a start, and any other command, migrates",
        )
        return
    yield from _people()


def _migrations() -> tuple[list[str], int]:
    """Applied migrations of ours that this release does not know, and how many wait."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    loader = (executor := MigrationExecutor(connection)).loader
    ours = {app for app, _ in loader.disk_migrations}
    foreign = [f"{app} {name}" for app, name in loader.applied_migrations if app in ours]
    foreign = [one for one in foreign if tuple(one.split(" ")) not in loader.disk_migrations]
    return sorted(foreign), len(executor.migration_plan(loader.graph.leaf_nodes()))


def _people() -> Iterator[Finding]:
    from zoneinfo import available_timezones

    from django.contrib.auth import get_user_model

    from tmon.server.tenants.models import WebService

    users = get_user_model().objects.filter(is_active=True)
    administrators, services = users.filter(is_superuser=True).count(), WebService.objects.count()
    if not administrators:
        yield warning("there is no active administrator", "tmon user create NAME --admin")
    else:
        yield ok(
            f"{number(users.count(), 'account')}, {number(administrators, 'administrator')} among them; "
            f"{number(services, 'web service')}"
        )
    for wsid, zone in WebService.objects.values_list("wsid", "timezone"):
        if zone not in available_timezones():
            yield problem(
                f"web service {wsid}: this machine knows no time zone {zone}",
                f"upgrade the package tzdata, or: tmon webservice set {wsid} --timezone ZONE",
            )
