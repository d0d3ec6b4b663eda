# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the system allows as many open files as the server can use connections."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from pathlib import Path

from .deployment import Deployment
from .findings import Finding, ok, problem, warning


def check(deployment: Deployment) -> Iterator[Finding]:
    """Of the running server where its limit can be read, else of a process that is started from here."""
    from tmon.server.collector.front import CONNECTIONS, OTHER_FILES

    wanted = CONNECTIONS + OTHER_FILES
    running = _of_process(deployment.owner) if deployment.owner else None
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if running is None else running
    who = "the running server" if running is not None else "a server started from here"
    if allowed < 0 or allowed >= wanted:
        yield ok(
            f"{who} may have {'any number' if allowed < 0 else allowed}, enough for {CONNECTIONS} connections"
        )
        return
    connections = max(1, allowed - OTHER_FILES)
    yield (problem if connections < OTHER_FILES else warning)(
        f"{who} may have {allowed}, so a process takes {connections} connections at once instead of {CONNECTIONS}",
        f"ulimit -n {wanted} before tmon serve, or LimitNOFILE={wanted} in its systemd unit",
    )


def _of_process(number: int) -> int | None:
    """The limit of a running process; None where the system does not tell."""
    try:
        text = Path(f"/proc/{number}/limits").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r"^Max open files\s+(\d+|unlimited)\s", text, re.MULTILINE)
    if found is None:
        return None
    return -1 if found[1] == "unlimited" else int(found[1])
