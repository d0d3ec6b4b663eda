# SPDX-License-Identifier: GPL-3.0-or-later
"""How requests to CouchDB are written."""

from __future__ import annotations

import pytest

from tmon.server.store.couchdb.asking import Request, target


def test_parts_of_a_path_are_quoted_each_for_itself() -> None:
    path = ("a/b+c", "_design", "country", "_view", "50% of caf\N{LATIN SMALL LETTER E WITH ACUTE}?")

    assert target(path, {}) == "/a%2Fb%2Bc/_design/country/_view/50%25%20of%20caf%C3%A9%3F"


def test_keys_are_json_and_other_parameters_are_text() -> None:
    params = {
        "key": "7",
        "start_key": ["de", 7],
        "endkey": None,
        "since": "7-g1&AA",
        "group": True,
        "limit": 10,
    }

    assert target(("db",), params) == (
        "/db?key=%227%22&start_key=%5B%22de%22%2C7%5D&endkey=null&since=7-g1%26AA&group=true&limit=10"
    )


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_a_part_that_would_change_the_path_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="part of a path"):
        target(("db", part), {})


def test_messages_name_method_and_path_but_no_keys() -> None:
    assert Request("GET", target(("db", "x"), {"key": "anna"}), None, 1.0, 1).what == "GET /db/x"
