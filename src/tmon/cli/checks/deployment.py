# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment that is checked: its settings, and ways to look at its parts that change none of them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from tmon.server.store import Reader, Stats
    from tmon.settings import Settings

ACCOUNTS: Final = ("tenants_webservice", "tenants_key", "auth_user")
"""Tables without which there is nothing to look at in an accounts database."""


class Deployment:
    """What the checks look at. `wrong` says by setting what is wrong with it; such a setting counts as unset.

    A context manager, which closes what the checks have opened.
    """

    def __init__(self, settings: Settings, wrong: Mapping[str, str]) -> None:
        self.settings = settings
        self.wrong = wrong
        self.now = time.time()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def data(self) -> Path:
        """The data folder, there or not."""
        return self.settings.data

    @property
    def there(self) -> bool:
        """Whether the data folder is there and can be looked into."""
        return os.path.isdir(self.data) and os.access(self.data, os.R_OK | os.X_OK)  # noqa: PTH112 (never raises)

    @cached_property
    def closed(self) -> bool:
        """Whether something is where the data folder belongs that cannot be looked into."""
        try:
            self.data.stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return not self.there

    def has(self, name: str) -> bool:
        """Whether the data folder has a file of that name."""
        return os.path.lexists(self.data / name)

    @cached_property
    def owner(self) -> int | None:
        """The process that owns the data folder, 0 where it is not known, None where nobody does."""
        from tmon.server.writer import owner

        try:
            return owner(self.data) if self.there else None
        except OSError:
            return None

    @cached_property
    def secret(self) -> str | None:
        """The server's secret; None where there is none, or where it cannot be had."""
        from tmon.settings import SettingError, secret_key

        try:
            return secret_key.find(self.settings)
        except SettingError:
            return None

    @cached_property
    def reader(self) -> Reader | None:
        """The stored events; None where there are none yet, or none on disk."""
        from tmon.server.store import open_reader

        if self.settings.store.partition(":")[0] != "sqlite" or not (
            self.has("log.db") and self.has("views.db")
        ):
            return None
        reader = open_reader(self.settings.store, self.data, touch_nothing=True)
        self._closing.callback(reader.close)
        return reader

    @cached_property
    def stats(self) -> Stats | None:
        """Positions and sizes of the store; None where there is nothing, or it cannot be read (`store` says so)."""
        from tmon.server.store import StoreError

        try:
            return None if self.reader is None else self.reader.stats(int(self.now * 1000))
        except StoreError:
            return None

    @property
    def accounts_file(self) -> Path | None:
        """The file of the accounts database; None where it is not one."""
        if self.settings.database_url is None:
            return self.data / "accounts.db"
        import dj_database_url

        described = dj_database_url.parse(self.settings.database_url)
        return Path(described["NAME"]).absolute() if described["ENGINE"].endswith(".sqlite3") else None

    @property
    def accounts(self) -> bool:
        """Whether the accounts database is there, answers, and has our tables."""
        return self._accounts[0]

    @property
    def accounts_fail(self) -> str | None:
        """Why the accounts database cannot be looked at; None where it can, or where there is none yet."""
        return self._accounts[1]

    @cached_property
    def _accounts(self) -> tuple[bool, str | None]:
        from tmon.settings import look

        if self.accounts_file is not None and not os.path.lexists(self.accounts_file):
            return False, None
        look(self.data)
        from django.core.exceptions import ImproperlyConfigured
        from django.db import Error, connection

        self._closing.callback(connection.close)
        try:
            return set(ACCOUNTS) <= set(connection.introspection.table_names()), None
        except (Error, ImproperlyConfigured) as error:
            return False, str(error)
