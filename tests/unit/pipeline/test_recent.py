# SPDX-License-Identifier: GPL-3.0-or-later
"""A memory of what was worked out: the same object while it is remembered, and no more than there is room for."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from tmon.server.pipeline.recent import Recent


def test_a_value_is_made_once_and_is_the_same_object_again() -> None:
    made: list[str] = []

    def make(key: str) -> list[str]:
        made.append(key)
        return [key]

    recent = Recent(make, room=100_000, each=100)
    assert recent["a"] is recent["a"]
    assert made == ["a"]


def test_none_is_a_value_like_any_other() -> None:
    made: list[str] = []
    recent: Recent[str, None] = Recent(made.append, room=100_000, each=100)
    assert recent["a"] is None
    assert recent["a"] is None
    assert made == ["a"]


def test_what_is_used_again_and_again_stays_while_others_pass_through() -> None:
    recent = Recent(lambda key: [key], room=20_000, each=100)
    kept = recent["often"]
    for number in range(10_000):
        recent[f"once {number}"]
        assert recent["often"] is kept


@given(st.lists(st.text(max_size=50), max_size=300))
def test_the_room_is_never_exceeded(keys: list[str]) -> None:
    recent = Recent(lambda key: key, room=5_000, each=100)
    for key in keys:
        assert recent[key] == key
        held = [*recent, *recent._old]
        assert sum(sys.getsizeof(key) + 100 for key in held) <= 5_000
