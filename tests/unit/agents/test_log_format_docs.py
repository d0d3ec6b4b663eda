# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/log-formats.md describes every format, variable, key and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tmon.agents.logs.fields import apache_string, nginx_string
from tmon.agents.logs.formats import NAMES, REASONS, detect, named
from tmon.agents.logs.formats.json_lines import KEYS
from tmon.agents.logs.rules import SKIPPED

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "log-formats.md").read_text("utf-8")
ROWS = {
    name
    for row in re.findall(r"^\| (`.*?`) \|", DOCS, re.MULTILINE)
    for name in re.findall(r"`([^`]+)`", row)
}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_there_with_its_example(name: str) -> None:
    assert name in ROWS
    assert f"\n{named(name).example}\n" in DOCS


def test_every_example_is_of_a_format() -> None:
    (examples,) = re.findall(r"```\n(.*?)```", DOCS, re.DOTALL)
    lines = [line for line in examples.splitlines() if not line.startswith("#")]

    assert len(lines) == len(NAMES)


def test_every_reason_is_there() -> None:
    assert {*REASONS, *SKIPPED} <= ROWS


def test_every_variable_of_nginxs_is_there() -> None:
    assert {f"${name}" for name in nginx_string.VARIABLES} <= ROWS


def test_every_directive_of_apaches_is_there() -> None:
    used = {name for name, meaning in apache_string.DIRECTIVES.items() if meaning != "nothing"}
    stamps = {"{sec}t", "{msec}t", "{usec}t"}  # described at %{…}t

    assert {f"%{name}" for name in used - stamps} <= {
        re.sub(r"\{[\w-]+\}", lambda m: m[0].lower(), row) for row in ROWS
    }


def test_every_key_of_json_lines_is_there() -> None:
    assert set(KEYS) <= ROWS


def test_a_wrapped_format_is_named_as_the_text_says() -> None:
    line = b"Oct 10 13:55:36 web-1 haproxy[7]: " + named("haproxy").example.encode()

    assert detect([line]).name == "wrapped+haproxy"
