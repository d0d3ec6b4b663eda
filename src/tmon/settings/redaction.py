# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes secrets out of text that is about to be logged: keys of web services, DSNs, API tokens, passwords in URLs,
and what opens something as a part of a path.
"""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"(?P<dsn>tmon\+https?://)[^@/\s]+(?=@)"
    r"|(?P<url>[a-z][a-z0-9+.-]{0,30}://[^:@/\s]{0,200}:)[^@/\s]+(?=@)"
    r"|(?P<path>/(?:share|invitation|password/set/[A-Za-z0-9_-]{1,40})/)[A-Za-z0-9_-]{20,}"
    r"|(?P<token>\btmon_)[A-Za-z0-9_-]{20,}"
    r"|(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])"
)


def redact(text: str) -> str:
    """`text` with `[secret]` in place of what opens something."""
    return _SECRETS.sub(
        lambda match: (match["dsn"] or match["url"] or match["path"] or match["token"] or "") + "[secret]",
        text,
    )
