# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance kit: an endpoint that misbehaves by a script, and judges what a client of any language sends.

`Referee` decides and records, `judge` finds; both are pure. `Endpoint` and `Subject` do the I/O, for `tmon
conformance`. It plays a server and is none: it stores nothing, and knows no more of the rules for events than what
clients most often miss.
"""

from __future__ import annotations

from .endpoint import Endpoint
from .findings import CHECKS, Finding, Verdict, conforms
from .judging import judge
from .offered import line
from .received import Door
from .referee import Referee
from .subject import Subject
from .vectors import VECTORS, Vector

__all__ = [
    "CHECKS",
    "VECTORS",
    "Door",
    "Endpoint",
    "Finding",
    "Referee",
    "Subject",
    "Vector",
    "Verdict",
    "conforms",
    "judge",
    "line",
]
