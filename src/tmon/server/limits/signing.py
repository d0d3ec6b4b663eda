# SPDX-License-Identifier: GPL-3.0-or-later
"""How receivers know that a POST is ours and which one it is: Standard Webhooks 1.0.0 (standardwebhooks.com).

The signature is HMAC-SHA256 over "id.timestamp.body", in Base64; there are libraries for it in a dozen languages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    """A random secret."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """A secret as people copy it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secret: bytes, key: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a POST: `key` is the same at each attempt, `timestamp` (Unix seconds) is the attempt's own."""
    signed = f"{key}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
