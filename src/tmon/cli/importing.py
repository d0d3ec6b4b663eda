# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon import logs`: counts the lines of web servers' logs, each of them once, however often they are imported."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from tmon.client_api import Client, DeliveryError, DsnError

from . import log_options, log_rules, verifying
from .errors import Failure, WrongUsage
from .groups import add_group
from .log_samples import Samples
from .terminal import Terminal

if TYPE_CHECKING:
    from tmon.agents.logs.formats import Format
    from tmon.agents.logs.importing import Import
    from tmon.agents.logs.rules import Rule


def register(subparsers: Any) -> None:
    """Add `import` to the root parser."""
    group = add_group(subparsers, "import", "count what happened before: the logs of web servers")
    logs = group.add_parser(
        "logs",
        help="count the lines of log files",
        description="Counts the lines of web servers' logs, plain or compressed (gzip, bzip2, xz, zstd). Each line "
        "counts once, by its place and the content of its file: importing again, also after a file was renamed, "
        "rotated, compressed or has grown, adds what is new.",
    )
    logs.add_argument("files", metavar="FILE", nargs="+", help="logs, in any order; - is the standard input")
    log_options.add_to(logs)
    logs.add_argument(
        "--unended",
        action="store_true",
        help="also take a last line that has no end (by default it is left, since it may still be written)",
    )
    logs.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="how long to keep trying when the server is away (default: 60)",
    )
    logs.add_argument("--json", action="store_true", help="print JSON")
    log_rules.add_to(logs)
    logs.set_defaults(run=import_logs)


def import_logs(arguments: argparse.Namespace) -> int:
    """Run `tmon import logs`. Raises Failure if a file was not read to its end, or not all could be sent."""
    from tmon.agents.logs.counts import Counts

    try:
        dsn = verifying.chosen_dsn(arguments.dsn)
    except DsnError as error:
        raise WrongUsage(str(error)) from None
    format_ = log_options.format_of(arguments)
    rules = log_rules.rules_of(arguments)
    if arguments.files.count("-") > 1:
        raise WrongUsage("the standard input can be read once")
    problems: list[str] = []
    told: list[dict[str, object]] = []
    total = Counts()
    terminal = Terminal()
    with ExitStack() as stack:
        samples = Samples(arguments.samples)
        stack.callback(samples.close)
        client = Client(dsn, compress=not dsn.is_here)
        stack.callback(client.close)
        stack.callback(terminal.clear)
        for name in _oldest_first(arguments.files, format_, arguments.timezone, problems):
            one, problem = _import(name, client, format_, rules, arguments, samples, terminal)
            if problem:
                problems.append(problem)
            if one is not None:
                total.add(one.counts)
                described = one.format.name if one.format else "empty"
                told.append({"file": one.log.name, "format": described, **one.counts.as_json()})
                if not arguments.json:
                    terminal.clear()
                    print(f"{one.log.name} ({described}): {one.counts.told()}", flush=True)
                    for example in samples.examples.values():
                        print(f"  for example {example}", flush=True)
            samples.examples.clear()
    if arguments.json:
        print(json.dumps({"files": told, "total": total.as_json(), "problems": problems}))
    elif len(told) > 1:
        print(f"in all {total.told()}")
    if problems:
        raise Failure("; ".join(problems))
    return 0


def _import(
    name: str,
    client: Client,
    format_: Format | None,
    rules: Sequence[Rule],
    arguments: argparse.Namespace,
    samples: Samples,
    terminal: Terminal,
) -> tuple[Import | None, str]:
    """Import one file; returns what was done, and what keeps it from being a success."""
    from tmon.agents.logs.formats import Undetected
    from tmon.agents.logs.importing import Import
    from tmon.agents.logs.reading import Log, Unreadable

    try:
        log = Log(name)
    except Unreadable as error:
        return None, str(error)
    with log:
        progress = _Progress(terminal, log.name)
        one = Import(
            log,
            client,
            format_=format_,
            zone=arguments.timezone,
            rules=rules,
            timeout_s=arguments.timeout,
            unended=arguments.unended,
            on_unparsed=samples.add,
            on_failure=lambda reason: terminal.progress(f"waiting: {reason}", at_once=True),
            on_progress=lambda: progress.show(one),
        )
        try:
            one.run()
        except Undetected as error:
            return None, f"{log.name}: {error}"
        except DeliveryError as error:
            return one, f"{log.name}: {error}; the same command goes on from there"
        return one, log.damage


class _Progress:
    """Lines a second, and how long it may take, on a terminal."""

    def __init__(self, terminal: Terminal, name: str) -> None:
        self._terminal = terminal
        self._name = name
        self._began = time.monotonic()

    def show(self, one: Import) -> None:
        seconds = max(time.monotonic() - self._began, 0.001)
        counts = one.counts
        text = f"{self._name}: {counts.lines:,} lines, {counts.lines / seconds:,.0f} a second"
        if counts.unparsed:
            text += f", {counts.unparsed.total():,} not understood"
        share = one.log.read_bytes / one.log.size if one.log.size else 0.0
        if 0 < share <= 1:
            text = f"{share:.0%} {text}, {seconds / share - seconds:.0f} s to go"
        self._terminal.progress(text)


def _oldest_first(names: list[str], format_: Format | None, zone: tzinfo, problems: list[str]) -> list[str]:
    """The files by the time of their first request: days close in order, and late lines have no visitors.

    What can't be read is left out, and told.
    """
    from tmon.agents.logs.reading import STDIN, Unreadable
    from tmon.agents.logs.rotation import first_ts

    dated: list[tuple[float, int, str]] = []
    for name in names:
        try:
            began = float("inf") if name == STDIN else first_ts(name, format_, zone)
        except Unreadable as error:
            problems.append(str(error))
        else:
            dated.append((began, len(dated), name))
    return [name for _, _, name in sorted(dated)]
