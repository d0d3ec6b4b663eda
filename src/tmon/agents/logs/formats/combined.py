# SPDX-License-Identifier: GPL-3.0-or-later
"""`combined` of Apache and nginx: the common format with referrer and user agent.

Lines without these two are taken as well, so a file whose format was changed is read from its start.
"""

from __future__ import annotations

from typing import Final

from tmon.agents.logs.fields.ncsa import Line

from .format import Format

FORMAT: Final = Format(
    "combined",
    "Combined Log Format",
    '192.0.2.7 - mira [10/Oct/2025:13:55:36 +0200] "GET /shop?page=2 HTTP/1.1" 200 2326 '
    '"https://example.com/" "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"',
    Line,
    general=2,
)
