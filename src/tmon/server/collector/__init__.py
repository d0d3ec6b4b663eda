# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector: the HTTP server and the way in.

front       the server: routes, requests under way, starting and stopping
connection  one connection: requests in, answers out
exchange    one request and its answer; what is refused before a route sees it
collect     POST /data/collect
form, inflating, intake
            from a body to an opened envelope that is ready for the writer
failures    the budget of addresses whose envelopes do not open
refreshing  a younger keyring for envelopes that do not open
answers     JSON answers
live        /<wsid>/data/live, the stream of server-sent events
operations  /healthz, /readyz, /metrics
pages       everything else, which a WSGI application answers
"""

from .collect import PATH, Collect, Collector
from .failures import Failures
from .front import Front
from .intake import Judge
from .live import Lives, Look
from .operations import Check, Operations
from .pages import Pages
from .refreshing import Refresher
from .refusals import Refusal, accounts_away

__all__ = [
    "PATH",
    "Check",
    "Collect",
    "Collector",
    "Failures",
    "Front",
    "Judge",
    "Lives",
    "Look",
    "Operations",
    "Pages",
    "Refresher",
    "Refusal",
    "accounts_away",
]
