# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server owns the data folder, and whether it is well."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

if TYPE_CHECKING:
    from tmon.settings import Declaration

ANSWER_S: Final = 5.0
LOG: Final = "its log says more"
NOT_ITS_OWN: Final = {"TMON_DATA", "TMON_DSN", "TMON_TOKEN"}
"""Settings in which a server may differ from this check: --data says the first otherwise, the others are clients'."""


def check(deployment: Deployment) -> Iterator[Finding]:
    """The lock, the socket, and the reasons not to be ready."""
    from tmon.server.writer import CommandFailed, Commands, NoAnswer

    lock = deployment.data / "writer.lock"
    if lock.exists() and not os.access(lock, os.R_OK):
        yield warning(
            f"this user cannot see whether one runs: {lock} is not his",
            "run tmon doctor as the user who serves",
        )
        return
    number = deployment.owner
    if number is None:
        yield ok("none runs on this data folder")
        return
    who = f"process {number}" if number else "a process"
    yield from _environment(number, set(deployment.wrong))
    commands = Commands(deployment.data)
    try:
        reasons = commands.ask({"do": "readiness"}, ANSWER_S)["reasons"]
    except NoAnswer as error:
        yield problem(
            f"{who} owns the data folder and does not answer ({error})",
            "wait if it starts or stops just now; ask as its own user; else look at its log and restart it",
        )
        return
    except (CommandFailed, KeyError):
        yield warning(
            f"{who} is another release of T-Mon, which cannot say how it is", "restart it with this one"
        )
        return
    finally:
        commands.close()
    for reason in reasons:
        yield problem(f"{who} is not ready: {reason}", LOG)
    if not reasons:
        yield ok(f"{who} owns the data folder and is ready")


def _environment(number: int, wrong: set[str]) -> Iterator[Finding]:
    """Whether the server was started with the settings that this check sees; where the system tells."""
    from tmon.settings import declarations

    try:
        lines = Path(f"/proc/{number}/environ").read_bytes()
    except OSError:
        return
    theirs = dict(line.split("=", 1) for line in os.fsdecode(lines).split("\0") if "=" in line)
    different = [
        declaration.name
        for _, declaration in declarations()
        if declaration.name not in wrong | NOT_ITS_OWN
        and any((theirs.get(name) or "") != os.environ.get(name, "") for name in _names(declaration))
    ]
    if different:
        yield warning(
            f"process {number} was started with other values of {', '.join(different)} than this check sees",
            "run tmon doctor with the environment of the server, else it judges another deployment",
        )


def _names(declaration: Declaration) -> list[str]:
    return [declaration.name, f"{declaration.name}_FILE"] if declaration.secret else [declaration.name]
