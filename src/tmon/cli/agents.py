# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon agent`: programs that watch something, for as long as they run, and report it."""

from __future__ import annotations

import argparse
import contextlib
import resource
import signal
import threading
from contextlib import ExitStack
from typing import Any, Final

from tmon.client_api import Client, DsnError

from . import log_options, log_rules, verifying
from .errors import Failure, WrongUsage
from .groups import add_group
from .log_samples import Samples
from .signals import set_by
from .terminal import Terminal

CLOSE_S: Final = 5.0
"""For what is still on its way at the end."""


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
        nargs="*",
        help="logs, or patterns such as '/var/log/nginx/*.log' (in quotes, so that new files are found as well)",
    )
    logs.add_argument(
        "--journal",
        metavar="UNIT",
        action="append",
        default=[],
        help="follow what this systemd unit writes into the journal; can be given several times",
    )
    logs.add_argument(
        "--journal-directory", metavar="DIR", help="where the journal lies (default: the one of this machine)"
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
    from tmon.agents.logs.delivery import ATTEMPT_S, Delivery
    from tmon.agents.logs.following import Following
    from tmon.agents.logs.journal import Journal, Unusable
    from tmon.agents.logs.understanding import Understanding

    if not arguments.files and not arguments.journal:
        raise WrongUsage("name a FILE to follow, or a unit by --journal")
    try:
        dsn = verifying.chosen_dsn(arguments.dsn)
    except DsnError as error:
        raise WrongUsage(str(error)) from None
    _may_open_many_files()
    format_, rules = log_options.format_of(arguments), log_rules.rules_of(arguments)
    terminal = Terminal()
    with ExitStack() as stack:
        samples = Samples(arguments.samples)
        stack.callback(samples.close)
        client = Client(dsn, timeout_s=ATTEMPT_S)
        stack.callback(client.close, CLOSE_S)
        understanding = Understanding(format_, arguments.timezone, rules, samples.add)
        following = Following(
            arguments.files, client, understanding, poll_s=arguments.poll, tell=terminal.note
        )
        try:
            journals = [
                Journal(
                    unit,
                    understanding,
                    Delivery(client, ATTEMPT_S),
                    directory=arguments.journal_directory,
                    poll_s=arguments.poll,
                    tell=terminal.note,
                )
                for unit in arguments.journal
            ]
        except Unusable as error:
            raise Failure(str(error)) from None
        stop = stack.enter_context(set_by(signal.SIGTERM, signal.SIGINT))
        threads = [threading.Thread(target=journal.run, args=(stop,)) for journal in journals]
        for thread in threads:
            thread.start()
        try:
            following.run(stop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        total = following.total
        for journal in journals:
            total.add(journal.counts)
        terminal.note(total.told())
    return 0


def _may_open_many_files() -> None:
    """Each log that is followed is an open file, and by default a process may have about a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(
        ValueError, OSError
    ):  # then it is what it is, and a log that can't be opened is told of
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _poll(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 60:
        raise argparse.ArgumentTypeError("a number of seconds from 0.05 to 60")
    return seconds
