# SPDX-License-Identifier: GPL-3.0-or-later
"""Access logs of AWS's Application Load Balancer.

Fields by "Access log entries" of the Elastic Load Balancing user guide. The time is that of the answer, the duration
the sum of what receiving, the target and answering took; -1 is not known. Requests that were none are `- - - `.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser, quoted

from .format import Format, Parser

LAYOUT: Final = Layout(
    r"(?:https?|h2|grpcs|wss?) ",
    Field("time", r"(\d{4}-\S+)"),
    r" \S+ ",
    Field("client"),
    r" \S+ ",
    Field("sum_of_seconds", r"(\S+ \S+ \S+)"),
    " ",
    Field("status", r"(\d{3}|-)"),
    r" (?:\d{3}|-) \S+ ",
    Field("size", r"(\d+|-)"),
    " ",
    quoted("request"),
    " ",
    quoted("useragent"),
    REST,
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "alb",
    "AWS Application Load Balancer",
    "https 2025-10-10T11:55:36.186641Z app/shop/50dc6c495c0c9188 192.0.2.7:2817 10.0.0.1:80 0.001 0.040 0.002 200 200 "
    '34 366 "GET https://www.example.com:443/shop?page=2 HTTP/1.1" "curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 - '
    '"Root=1-58337262-36d228ad5d99923122bbe354" "www.example.com" "-" 0 2025-10-10T11:55:36.145000Z "forward" "-"',
    _parser,
)
