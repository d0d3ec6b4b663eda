# SPDX-License-Identifier: GPL-3.0-or-later
"""Server access logs of AWS's S3: what was asked of a bucket over HTTP. Operations that were none hold no request."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser, quoted, stamped
from tmon.agents.logs.fields.ncsa import QUOTED

from .format import Format, Parser

LAYOUT: Final = Layout(
    r"[0-9a-f]{8,128} ",
    Field("host"),
    " ",
    stamped(),
    " ",
    Field("client"),
    r" \S+ \S+ [A-Z0-9]{2,16}\.[A-Z0-9_.]{1,64} \S+ ",
    Field("request", f"(?:{QUOTED}|-)"),
    " ",
    Field("status"),
    r" \S+ ",
    Field("size"),
    r" \S+ ",
    Field("milliseconds"),
    r" \S+ ",
    quoted("referrer"),
    " ",
    quoted("useragent"),
    REST,
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "s3",
    "AWS S3 server access log",
    "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be pictures.example.com "
    "[10/Oct/2025:11:55:36 +0000] 192.0.2.7 - 3E57427F3EXAMPLE REST.GET.OBJECT harbour.jpg "
    '"GET /harbour.jpg HTTP/1.1" 200 - 2662992 3462992 70 10 "https://example.com/" "curl/8.5.0" -',
    _parser,
)
