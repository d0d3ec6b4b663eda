# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard logs of AWS's CloudFront: columns by tabs, user agents and queries percent-encoded.

Columns by "Standard log file fields" of the CloudFront developer guide, for files whose #Fields is missing.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.columns import ColumnsParser

from .format import Format, Parser

COLUMNS: Final = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
    "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end"
)


def _parser(zone: tzinfo) -> Parser:
    return ColumnsParser(
        zone, columns=COLUMNS, meanings={"cs(user-agent)": "encoded_useragent"}, required="x-edge-location"
    )


FORMAT: Final = Format(
    "cloudfront",
    "AWS CloudFront",
    f"#Fields: {COLUMNS}\n"
    "2025-10-10\t11:55:36\tFRA2\t2326\t192.0.2.7\tGET\td111111abcdef8.cloudfront.net\t/shop\t200\thttps://example.com/\t"
    "Mozilla/5.0%20(X11;%20Linux%20x86_64)\tpage=2\t-\tHit\tMRVMF7KydIvxMWfJIglgwHQwZsbG2IhRJ07sn9AkKUFSHS9EXAMPLE==\t"
    "www.example.com\thttps\t217\t0.012\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tHit\tHTTP/2.0\t-\t-\t51234\t0.012\tHit\t"
    "text/html\t2326\t-\t-",
    _parser,
)
