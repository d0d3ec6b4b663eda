# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command is in the documentation, with every option that it has of its own."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tmon.cli import parser

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = "\n".join(
    (DOCS / f"{name}.md").read_text("utf-8")
    for name in ("accounts", "sharing", "sending-commands", "logs", "views", "doctor", "sessions")
)
ELSEWHERE = {"serve", "core"}
"""Described by docs/serving.md, with a test of its own."""
SAID_ONCE = {"--help", "-h", "--data", "--json"}


def commands(of: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands below a parser that have none below themselves."""
    below = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield of
    for action in below:
        for name, command in action.choices.items():
            if of.prog != "tmon" or name not in ELSEWHERE:
                yield from commands(command)


@pytest.mark.parametrize("command", list(commands(parser())), ids=lambda command: command.prog)
def test_a_command_is_documented_with_its_arguments_and_options(command: argparse.ArgumentParser) -> None:
    row = next((line for line in DOCUMENT.splitlines() if line.startswith(f"| `{command.prog}")), None)
    assert row is not None, f"no page has a row for {command.prog}"
    usage = row.split("`")[1]
    options = {option for action in command._actions for option in action.option_strings}
    assert {option for option in options - SAID_ONCE if option not in usage} == set()
    metavars = {str(action.metavar) for action in command._actions if not action.option_strings}
    assert {metavar for metavar in metavars if metavar not in usage} == set()


def test_no_command_is_documented_that_does_not_exist() -> None:
    known = [command.prog for command in commands(parser())]
    for line in DOCUMENT.splitlines():
        if line.startswith("| `tmon "):
            assert any(line.startswith(f"| `{prog}") for prog in known), line
