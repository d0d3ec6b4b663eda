# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon agent`: programs that watch something, for as long as they run, and report it."""

from __future__ import annotations

import argparse
import signal
import threading
from typing import Any

from tmon.client_api import Client, DsnError

from . import log_options, log_rules, verifying
from .errors import WrongUsage
from .groups import add_group
from .log_samples import Samples

CLOSE_S = 5.0


def register(subparsers: Any) -> None:
    """Add `agent` to the root parser."""
    group = add_group(subparsers, "agent", "watch something and report it")
    logs = group.add_parser(
        "logs",
        help="follow the logs of web servers",
        description="Follows the logs of web servers and counts each line once, through rotation, outages and "
        "restarts. It needs to read the logs and nothing else: how far it is the server knows. Ends at SIGTERM or "
        "Ctrl-C; run again it goes on where it was.",
    )
    logs.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="logs, or patterns such as '/var/log/nginx/*.log' (in quotes, so that new files are found as well)",
    )
    log_options.add_to(logs)
    logs.add_argument(
        "--poll",
        metavar="SECONDS",
        type=_poll,
        default=0.5,
        help="how often the logs are looked at (default: 0.5)",
    )
    log_rules.add_to(logs)
    logs.set_defaults(run=follow_logs)


def follow_logs(arguments: argparse.Namespace) -> int:
    """Run `tmon agent logs` until a signal ends it."""
    from tmon.agents.logs.course import Reading
    from tmon.agents.logs.following import Following

    from .terminal import Terminal

    try:
        dsn = verifying.chosen_dsn(arguments.dsn)
    except DsnError as error:
        raise WrongUsage(str(error)) from None
    reading = Reading(log_options.format_of(arguments), arguments.timezone, log_rules.rules_of(arguments))
    terminal = Terminal()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    samples = Samples(arguments.samples)
    client = Client(dsn, timeout_s=10.0)
    try:
        following = Following(
            arguments.files,
            client,
            reading._replace(on_unparsed=samples.add),
            poll_s=arguments.poll,
            tell=terminal.note,
        )
        following.run(stop)
        terminal.note(following.total.told())
    finally:
        client.close(CLOSE_S)
        samples.close()
    return 0


def _poll(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 60:
        raise argparse.ArgumentTypeError("a number of seconds from 0.05 to 60")
    return seconds
