# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets don't get into logs."""

from __future__ import annotations

import pytest

from tmon.settings.redaction import redact

KEY = "0f" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"dsn tmon+http://{KEY}@127.0.0.1:8000/1 refused",
            "dsn tmon+http://[secret]@127.0.0.1:8000/1 refused",
        ),
        (f"tmon+https://{KEY}@h/1", "tmon+https://[secret]@h/1"),
        (f"key={KEY}", "key=[secret]"),
        (KEY.upper(), "[secret]"),
        ("postgresql://tmon:hunter2@db/tmon", "postgresql://tmon:[secret]@db/tmon"),
        ("couchdb://user:p%40ss@a:5984,b:5984/x", "couchdb://user:[secret]@a:5984,b:5984/x"),
        ("Bearer tmon_0YKeXpOa212W4m6sK_YBBXy21q__m3Q86Q0MmGIMxu0", "Bearer tmon_[secret]"),
        ("GET http://127.0.0.1:8000/1/data/summary 200", "GET http://127.0.0.1:8000/1/data/summary 200"),
        ("envelope b72a46668adccb9ea2717ea44c9c9342", "envelope b72a46668adccb9ea2717ea44c9c9342"),
        (f"path=/share/{'Ab3-' * 8}/data/summary", "path=/share/[secret]/data/summary"),
        (f"/invitation/{'x' * 43}", "/invitation/[secret]"),
        (f"/password/set/MQ/c1x2y3-{'a' * 32} 302", "/password/set/MQ/[secret] 302"),
        ("/password/set/MQ/set-password", "/password/set/MQ/set-password"),
        ("tmon_views and tmon_data", "tmon_views and tmon_data"),
    ],
)
def test_what_opens_something_is_replaced_and_nothing_else(text: str, expected: str) -> None:
    assert redact(text) == expected
