# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts Django on a data folder, which is made and brought up to date if needed, or only looked at."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import secret_key
from .declared import Settings, load
from .errors import SettingError
from .read_only import read_only_address

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

LOCK = ".prepare.lock"
ACCOUNTS = "accounts.db"
_ADVISORY_LOCK = 0x746D6F6E  # "tmon": PostgreSQL's lock against two machines that migrate at once
LOOKING_S = 5
"""How long `look` has the accounts database make whoever asks wait."""
_prepared: Settings | None = None
_looking = False


def prepare(data: str | os.PathLike[str] | None = None) -> Settings:
    """Make this process ready to use accounts and web services, and return its settings.

    `data` (default: TMON_DATA) becomes this process's TMON_DATA. The folder is made (mode 0700) if missing, the
    server secret is made if the stage allows it, Django is set up with the stage's module, and the accounts
    database is migrated. Any number of processes may do this at once. A second call in a process returns what the
    first one did.

    Raises SettingError, OSError, django.db.Error.
    """
    global _prepared  # noqa: PLW0603 (Django is set up once per process)
    settings = _chosen(data)
    if _prepared is not None:
        return _prepared
    assert not _looking, "a process that looks changes nothing"
    _make_folder(settings.data)
    with _locked(settings.data / LOCK):
        secret_key.ensure(settings)
        if settings.database_url is None:
            (settings.data / ACCOUNTS).touch(mode=0o600)
        _set_up_django(settings)
        _migrate()
    _prepared = settings
    return settings


def look(data: str | os.PathLike[str] | None = None) -> Settings:
    """Make this process ready to look at accounts and web services as they are, and return its settings.

    Nothing is made or migrated, a secret may be missing, and the accounts database cannot be written. After `prepare`
    this does nothing. Raises SettingError.
    """
    global _looking  # noqa: PLW0603 (the same)
    settings = _chosen(data)
    if _prepared is not None:
        return _prepared
    _looking = True
    _set_up_django(settings)
    from django.db import connection

    _cannot_write(connection)
    return settings


def _chosen(data: str | os.PathLike[str] | None) -> Settings:
    if data is not None:
        os.environ["TMON_DATA"] = str(Path(data).expanduser().absolute())
    settings = load()
    if _prepared is not None and settings.data != _prepared.data:
        raise SettingError("TMON_DATA", f"this process already uses {_prepared.data}")
    return settings


def _set_up_django(settings: Settings) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = f"tmon.settings.{settings.stage}"
    import django

    from . import logs

    logs.configure(settings)
    django.setup()


def _cannot_write(connection: BaseDatabaseWrapper) -> None:
    """Have connections that are not open yet refuse every change, and answer soon where the database is away."""
    described = connection.settings_dict
    if connection.vendor == "sqlite":
        described["NAME"] = read_only_address(Path(described["NAME"]))
        described["OPTIONS"] = {"timeout": LOOKING_S}
    else:
        options = described["OPTIONS"].get("options", "")
        described["OPTIONS"] = {
            **described["OPTIONS"],
            "connect_timeout": LOOKING_S,
            "options": f"{options} -c default_transaction_read_only=on".strip(),
        }


def _make_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold an exclusive lock on `file`; the kernel frees it if the process dies."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    with _one_machine(connection):
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
    connection.close()


@contextmanager
def _one_machine(connection: BaseDatabaseWrapper) -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])
