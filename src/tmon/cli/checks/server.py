# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server owns the data folder, and whether it is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

ANSWER_S: Final = 5.0
LOG: Final = "its log says more"


def check(deployment: Deployment) -> Iterator[Finding]:
    """The lock, the socket, and the reasons not to be ready."""
    from tmon.server.writer import CommandFailed, Commands, NoAnswer

    number = deployment.owner
    if number is None:
        yield ok("none runs on this data folder")
        return
    who = f"process {number}" if number else "a process"
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
