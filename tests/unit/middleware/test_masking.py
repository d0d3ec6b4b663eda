# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in URLs: which are recognised, and what is left as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.middleware.masking import Masking


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("/", "/"),
        ("/?q=a", "/?q=a"),
        ("/?token=abc", "/?token=***"),
        ("/?a=1&Access-Token=abc&b=2", "/?a=1&Access-Token=***&b=2"),
        ("/?X-Amz-Signature=abc&X-Amz-Date=today", "/?X-Amz-Signature=***&X-Amz-Date=today"),
        ("/?user%5Bpassword%5D=abc", "/?user%5Bpassword%5D=***"),
        ("/?user[pwd]=abc", "/?user[pwd]=***"),
        ("/?%74oken=abc", "/?%74oken=***"),
        ("/?a=1;sid=abc", "/?a=1;sid=***"),
        ("/?token=a=b=c&q=1", "/?token=***&q=1"),
        ("/?token=", "/?token="),
        ("/?token", "/?token"),
        ("/?key=abc#code=def", "/?key=***#code=***"),
        ("/app#access_token=abc", "/app#access_token=***"),
        ("/shop;jsessionid=abc/cart?page=2", "/shop;jsessionid=***/cart?page=2"),
        ("https://ann:secret@example.org/x?y=1", "https://***@example.org/x?y=1"),
        ("/mail/ann@example.org?q=1", "/mail/ann@example.org?q=1"),
        ("/?to=/a?token=abc", "/?to=/a?token=***"),
        ("/?to=%2Fa%3Ftoken%3Dabc%26q%3D1&q=2", "/?to=%2Fa%3Ftoken%3D***%26q%3D1&q=2"),
        ("/?to=https%3A%2F%2Fann:secret@a%2F%3Fq%3D1", "/?to=https%3A%2F%2F***%40a%2F%3Fq%3D1"),
        ("/?to=%2Fa%3Fq%3D1", "/?to=%2Fa%3Fq%3D1"),
    ],
)
def test_the_values_of_secrets_are_masked(url: str, masked: str) -> None:
    assert Masking()(url) == masked


def test_names_of_any_length_are_looked_at() -> None:
    long = "x" * 5000
    assert Masking()(f"/?{long}token=abc&{long}=1") == f"/?{long}token=***&{long}=1"


def test_further_names_are_masked_and_harmless_ones_kept() -> None:
    masked = Masking(mask=["e-mail"], keep=["code", "token_count"])
    assert (
        masked("/?e_mail=a&code=DE&token_count=3&token=x") == "/?e_mail=***&code=DE&token_count=3&token=***"
    )


@given(st.text())
def test_any_text_comes_back_as_text(url: str) -> None:
    masked = Masking()(url)
    assert Masking()(masked) == masked


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1))))
def test_no_secret_stays_however_it_is_surrounded(others: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in others)
    assert "Zb5wYk" not in Masking()(f"/?{query}&api_key=Zb5wYk&{query}")
