# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept in a shared cache is JSON, and nothing that was put there by others is run or believed to be a value."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.settings.caching import JsonSerde

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    serde = JsonSerde()
    assert serde.deserialize(b"key", *serde.serialize(b"key", value)) == value


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", pickle.dumps({"a": 1})])
def test_what_is_no_json_counts_as_absent(content: bytes) -> None:
    assert JsonSerde().deserialize(b"key", content, 1) is None
