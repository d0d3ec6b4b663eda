# SPDX-License-Identifier: GPL-3.0-or-later
"""What others put before a program's line: syslog, journald, a container's runtime.

Known are RFC 3164 (also with a time by ISO 8601, as rsyslog and `journalctl -o short-iso` have it) and RFC 5424, the
lines that Kubernetes keeps (time, stream, F or P) and those of `docker compose logs` (`name | `). Its time is not used:
the lines themselves have one, with a zone and a year.
"""

from __future__ import annotations

import re
from typing import Final

_PREFIX: Final = re.compile(
    rb"(?:"
    rb"<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|\[(?:[^\]\\]|\\.){0,2000}\]) ?(?:\xef\xbb\xbf)?"
    rb"|(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\dT[0-9:.,+Z-]{8,28})"
    rb"(?: (?:stdout|stderr) [FP] | \S{1,255} [^\s:\[]{1,128}(?:\[\d{1,10}\])?: ?)"
    rb"|[A-Za-z0-9][\w.-]{0,127} {0,40}\| "
    rb")",
    re.DOTALL,
)


def prefix_of(line: bytes) -> int:
    """How many bytes stand before the program's own line, 0 if nothing is known to."""
    match = _PREFIX.match(line)
    return 0 if match is None else match.end()
