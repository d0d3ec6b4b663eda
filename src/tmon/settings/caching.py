# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache that Django uses: a memcached that several processes share, or one in each process.

What memcached holds is JSON. Django's default is pickle, with which whoever can write to a memcached, which asks nobody
for a password, could have this server run code.
"""

from __future__ import annotations

import json
from typing import Any, Final

AWAY_AFTER_S: Final = 0.5
"""A memcached that has not answered by then counts as away: sessions are then read from the accounts database."""
RETRY_AFTER_S: Final = 5


class JsonSerde:
    """Writes values as JSON; what is not JSON counts as absent (see pymemcache.serde)."""

    def serialize(self, key: bytes, value: Any) -> tuple[bytes, int]:
        """The value as bytes, and memcached's flags. Raises TypeError for what JSON cannot say."""
        return json.dumps(value).encode(), 0

    def deserialize(self, key: bytes, value: bytes, flags: int) -> Any:
        """The value again."""
        try:
            return json.loads(value)
        except ValueError:
            return None


def caches(memcached: str | None) -> dict[str, dict[str, Any]]:
    """Django's CACHES for a memcached at host:port, or without one."""
    if memcached is None:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": memcached,
            "KEY_PREFIX": "tmon",
            "OPTIONS": {
                "serde": JsonSerde(),
                "ignore_exc": True,
                "connect_timeout": AWAY_AFTER_S,
                "timeout": AWAY_AFTER_S,
                "retry_attempts": 0,
                "dead_timeout": RETRY_AFTER_S,
            },
        }
    }


def session_engine(memcached: str | None) -> str:
    """Where sessions are kept: in the accounts database, read through the cache where that is shared."""
    return f"django.contrib.sessions.backends.{'db' if memcached is None else 'cached_db'}"
