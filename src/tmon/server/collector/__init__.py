# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector: the HTTP server and the way in.

front       the server: routes, requests under way, starting and stopping
listening   sockets that listen, also for several processes
connection  one connection: requests in, answers out
exchange    one request and its answer; what is refused before a route sees it
collect     POST /data/collect
form, inflating, intake
            from a body to an opened envelope that is ready for the writer
failures    the budget of addresses whose envelopes do not open
refreshing  a younger keyring for envelopes that do not open
answers     JSON answers
live        /<wsid>/data/live, the stream of server-sent events
figures     /metrics of several processes in one text
operations  /healthz, /readyz, /metrics
pages       everything else, which a WSGI application answers
"""

from .collect import PATH, Appender, Collect, Collector
from .failures import Failures
from .figures import merged
from .front import Front
from .intake import Judge
from .listening import bound
from .live import Lives, Look
from .operations import Check, FiguresText, Operations
from .pages import Pages
from .refreshing import Refresher
from .refusals import Refusal, accounts_away

__all__ = [
    "PATH",
    "Appender",
    "Check",
    "Collect",
    "Collector",
    "Failures",
    "FiguresText",
    "Front",
    "Judge",
    "Lives",
    "Look",
    "Operations",
    "Pages",
    "Refresher",
    "Refusal",
    "accounts_away",
    "bound",
    "merged",
]
