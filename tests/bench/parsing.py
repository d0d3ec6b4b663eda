# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of logs into events, without reading or sending: how many a second, in every format.

Lines of the combined format are made from the corpus. Those of the others are their examples with addresses, pages and
seconds that change, so they say how the formats compare, and not how much a log of theirs takes.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from tmon.agents.logs.formats import NAMES, Format, named

from .corpus import Corpus
from .table import Table, progress

LINES: Final = 100_000
TARGET: Final = 150_000
"""Lines a second in the combined format."""

_TURNS: Final = 5
_START: Final = 1_763_812_800


def measure(table: Table, corpus: Corpus, *, lines: int) -> None:
    """Parse `lines` lines of each format, the combined one several times, and fill the section."""
    progress("lines of logs")
    table.section(f"12. Lines of logs into events, one thread, {lines:,} lines")
    given = combined(corpus, lines)
    best = max(_rate(named("combined"), given) for _ in range(_TURNS))
    size = sum(map(len, given)) / len(given)
    table.at_least(
        "combined, of the corpus",
        best,
        TARGET,
        f"{best:,.0f} lines/s",
        f"target {TARGET:,} ({size:.0f} bytes a line, best of {_TURNS})",
    )
    for name in NAMES:
        rate = _rate(named(name), _varied(named(name).example, max(lines // 5, 100)))
        table.add(f"{name}, its example varied", f"{rate:,.0f} lines/s")


def _rate(tried: Format, lines: Sequence[bytes]) -> float:
    """Lines a second, of processor time."""
    parse = tried.parser().parse
    began = time.process_time()
    events = sum(parse(line) is not None for line in lines)
    took = time.process_time() - began
    assert events >= len(lines) - 1, "a line of headers and nothing but events"
    return len(lines) / took


def combined(corpus: Corpus, count: int) -> list[bytes]:
    """Requests of a day of the corpus as a combined log."""
    lines = []
    for request in corpus.requests(count, _START - 86_400, _START):
        moment = datetime.fromtimestamp(request["ts"], UTC)
        lines.append(
            f"{request['ip']} - {request.get('username') or '-'} [{moment:%d/%b/%Y:%H:%M:%S} +0000] "
            f'"{request.get("method", "GET")} {request["url"]} HTTP/1.1" {request.get("status", 200)} '
            f'{request.get("bytes", 0)} "{request.get("referrer") or "-"}" "{request["useragent"] or "-"}"\n'.encode()
        )
    return lines


def _varied(example: str, count: int) -> list[bytes]:
    *head, last = example.split("\n")
    chance = random.Random(1)
    lines = [line.encode() + b"\n" for line in head]
    for number in range(count):
        line = last.replace("192.0.2.7", f"192.0.{chance.randrange(256)}.{chance.randrange(256)}")
        line = re.sub(r"(:55:)\d\d", rf"\g<1>{number // 50 % 60:02}", line)
        lines.append(line.replace("page=2", f"page={chance.randrange(1_000)}").encode() + b"\n")
    return lines
