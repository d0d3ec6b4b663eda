# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon doctor`: checks a deployment and says what to do; with `--settings`, what every setting is."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tmon.settings import Present

NARROWEST: Final = 30
"""Columns; in fewer, text is left for the terminal to break."""


def register(subparsers: Any) -> None:
    """Add `doctor` to the root parser."""
    doctor = subparsers.add_parser(
        "doctor",
        help="check a deployment and say what to do",
        description="Looks at settings, files, databases and the running server, changes nothing, and says what to "
        "do. Exit status 0: no problem, though there may be warnings; 1: there is a problem.",
    )
    doctor.add_argument("--data", metavar="DIR", help="the data folder (default: TMON_DATA, else ./var)")
    doctor.add_argument(
        "--settings", action="store_true", help="list every setting instead: its value, default, meaning"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    if arguments.data is not None:
        os.environ["TMON_DATA"] = str(Path(arguments.data).expanduser().absolute())
    return _settings(arguments.json) if arguments.settings else _checks(arguments.json)


def _checks(as_json: bool) -> int:
    from tmon.settings import load, present

    from .checks import CHECKS, Deployment, Level, examine

    wrong = {one.declaration.name: one.wrong for one in present() if one.wrong is not None}
    for name in wrong:  # counts as unset from here on, for Django too, so that the rest can be looked at
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    problems, found = 0, []
    column = max(len(check.name) for check in CHECKS) + 2
    with Deployment(load(), wrong) as deployment:
        for check, finding in examine(deployment):
            problems += finding.level is Level.PROBLEM
            said, advice = _clean(finding.message), finding.advice and _clean(finding.advice)
            if as_json:
                found.append({"check": check.name, "level": finding.level, "message": said, "advice": advice})
            else:
                _print(f"{check.name:<{column}}{finding.level:<9}", said, advice)
    if as_json:
        print(json.dumps(found))
    return _ended(problems, "problem", "found")


def _settings(as_json: bool) -> int:
    from tmon.settings import present

    every = list(present())
    if as_json:
        print(json.dumps([_as_json(one) for one in every]))
    else:
        for one in every:
            _print("", f"{one.declaration.name} = {_clean(one.shown)}", None)
            if one.wrong is not None:
                _print("    wrong:   ", _clean(one.wrong), None)
            _print("    default: ", one.declaration.shown_default(), None)
            _print("    meaning: ", one.declaration.help, None)
    return _ended(sum(one.wrong is not None for one in every), "setting", "wrong")


def _as_json(one: Present) -> dict[str, Any]:
    return {
        "setting": one.declaration.name,
        "value": _clean(one.shown),
        "given": one.given,
        "default": one.declaration.shown_default(),
        "help": one.declaration.help,
        "wrong": one.wrong and _clean(one.wrong),
    }


def _print(head: str, text: str, advice: str | None) -> None:
    """`head` and beside it the text, in lines that a terminal does not break; below it what to do."""
    room = shutil.get_terminal_size().columns - len(head) if sys.stdout.isatty() else 0
    margin = " " * len(head)
    lines = _broken(text, room)
    if advice is not None:
        first, *more = _broken(advice, room - 3)
        lines += [f"-> {first}", *(f"   {line}" for line in more)]
    print(head + f"\n{margin}".join(lines))


def _broken(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_on_hyphens=False) if room >= NARROWEST else [text]


def _clean(text: str) -> str:
    """On one line, without secrets, and without what could steer a terminal: names come from strangers."""
    from tmon.settings.redaction import redact

    return "".join(one if one.isprintable() else "?" for one in redact(" ".join(text.split())))


def _ended(count: int, what: str, how: str) -> int:
    """The exit status, and where it is not 0 one line that says why."""
    if count:
        verb = "" if how == "found" else " is" if count == 1 else " are"
        print(f"tmon: {count} {what}{'' if count == 1 else 's'}{verb} {how}", file=sys.stderr)
    return 1 if count else 0
