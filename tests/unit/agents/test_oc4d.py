# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a line of a server of learning modules names, and that what browsers write is not taken for it."""

from __future__ import annotations

from datetime import UTC

import pytest

from tmon.agents.logs.formats.oc4d import FORMAT

LINE = 'info: ::ffff:192.0.2.7 - {user}[2025-10-10T11:55:36.202Z] "GET /modules/a/index.html{query} HTTP/1.1" 200'


@pytest.mark.parametrize(
    ("rest", "user", "name"),
    [
        ("", "", None),
        ("", "ada ", "ada"),
        (" 512", "", None),
        (' {"user": "ben"}', "", "ben"),
        (' 512 {"id": 7, "email": "ben@example.org"}', "", "ben@example.org"),
        (' {"mail": "late", "login": "first"}', "", "first"),
        (' {"user": "", "upn": "kim"}', "", "kim"),
        (' {"user": "ben"}', "ada ", "ben"),
        (r' {"user": "DOMAIN\\ben"}', "", "DOMAIN\\ben"),
        (r' {"user": "b\ud800n\u0000"}', "", "b\ufffdn\ufffd"),
        (" user=ben", "", "ben"),
        (" 512 user=ben, more", "", "ben"),
        (' {"user": 7} user=ben', "", "ben"),
        (' {"user": "ben"', "", None),
        (" {" * 3_000, "", None),
        (" x-remote-user: mallory", "", None),
        (" superuser=ben", "", None),
        (' {"user": "-"}', "ada ", "ada"),
    ],
)
def test_who_a_line_names(rest: str, user: str, name: str | None) -> None:
    line = LINE.format(user=user, query="?user=mallory").encode() + rest.encode()
    event = FORMAT.parser(UTC).parse(line)
    assert event is not None
    assert event.get("username") == name
    assert event["status"] == 200


def test_a_long_end_of_a_line_is_read_in_no_time() -> None:
    line = LINE.format(user="", query="").encode() + b" " + b'{"a":' * 12_000
    assert FORMAT.parser(UTC).parse(line) is not None
