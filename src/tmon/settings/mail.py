# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail server that this server sends by, as one URL.

smtps://user:password@mail.example.org?from=tmon@example.org        TLS from the start, port 465
submission://user:password@mail.example.org?from=tmon@example.org   STARTTLS, port 587 (RFC 6409)
smtp://127.0.0.1?from=tmon@example.org                              without encryption, port 25: a relay nearby
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

PORTS = {"smtps": 465, "submission": 587, "smtp": 25}
EXAMPLE = "submission://user:password@mail.example.org?from=tmon@example.org"
_ADDRESS = re.compile(r"[^\s@<>,]+@[^\s@<>,]+")


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and whose it is."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    sender: str
    """The address that mail is from."""

    @classmethod
    def parse(cls, value: str) -> MailServer:
        """What the URL describes. Raises ValueError, which repeats nothing of it: it may hold a password."""
        try:
            parts = urlsplit(value.strip())
            port = parts.port
            given = parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError:
            raise ValueError(f"is not the URL of a mail server; write {EXAMPLE}") from None
        if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"is not the URL of a mail server ({', '.join(PORTS)}); write {EXAMPLE}")
        senders = given.pop("from", [])
        if len(senders) != 1 or not _ADDRESS.fullmatch(senders[0]) or given:
            raise ValueError(
                f"has to say the address that mail is from, and nothing else, after ?; write {EXAMPLE}"
            )
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=senders[0],
        )
