# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/events.md and docs/sending.md say what an event and an envelope may hold, and why they are rejected."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from tmon.server.events import OWNED
from tmon.server.pipeline import fields, plaintext

ROOT = Path(__file__).resolve().parents[2]
EVENTS = (ROOT / "docs" / "events.md").read_text("utf-8")
SENDING = (ROOT / "docs" / "sending.md").read_text("utf-8")
PIPELINE = ROOT / "src" / "tmon" / "server" / "pipeline"


def rows() -> set[str]:
    """The names in the first column of every table."""
    return {
        name
        for row in re.findall(r"^\| (`.*?`) \|", EVENTS + SENDING, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }


@pytest.mark.parametrize("shape", [fields.RequestFields, fields.SessionFields, plaintext._Bookkeeping])
def test_every_field_is_described(shape: type[msgspec.Struct]) -> None:
    assert set(shape.__struct_fields__) - rows() == set()


def test_every_name_that_the_server_owns_is_there() -> None:
    assert {name for name in OWNED if f"`{name}`" not in EVENTS} == set()


def test_every_reason_is_there() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted(PIPELINE.glob("*.py")))
    reasons = set(re.findall(r'(?:Drop|Refused)\(\s*"([^"]+)"', source))
    assert len(reasons) > 12
    general = re.compile(r".* (missing|invalid)")
    assert {one for one in reasons if f"`{one}`" not in EVENTS and not general.fullmatch(one)} == set()


def test_the_examples_are_json() -> None:
    for block in re.findall(r"```json\n(.*?)\n```", EVENTS, re.DOTALL):
        assert isinstance(json.loads(block), dict)
