# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the secret where it has no business: bytes in, places out, no I/O."""

from __future__ import annotations

import base64
import re
from functools import lru_cache

from .received import Request


def leaks_in(request: Request, key: bytes) -> list[str]:
    """Where a request shows the secret."""
    places = [("the request line", request.target)]
    places += [(f"the header {name}", value) for name, value in request.headers]
    found = [where for where, text in places if shows(text.encode("utf-8", "replace"), key)]
    if shows(request.body, key):
        found.append("the body")
    return found


def shows(text: bytes, key: bytes) -> bool:
    """Whether `text` holds the key, as bytes, hex digits or Base64, alone or as the user of a Basic authorization."""
    return _patterns(key).search(text) is not None


@lru_cache(maxsize=8)
def _patterns(key: bytes) -> re.Pattern[bytes]:
    digits = key.hex().encode()
    known = {key, base64.b64encode(key).rstrip(b"="), base64.urlsafe_b64encode(key).rstrip(b"=")}
    # 64 digits end in the middle of a group of Base64: 63 of them are told from whatever follows.
    known |= {base64.b64encode(text[:63]) for text in (digits, digits.upper())}
    either_case = b"".join(b"[%c%c]" % (one, one ^ 32) if one >= 97 else b"%c" % one for one in digits)
    return re.compile(b"|".join([either_case, *map(re.escape, known)]), re.DOTALL)
