# SPDX-License-Identifier: GPL-3.0-or-later
"""Undoes HTTP's `Content-Encoding: gzip` (RFC 1952), bounded: bytes in, bytes out, no I/O."""

from __future__ import annotations

import zlib
from typing import Final

from .refusals import LargeWork, Refusal

_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS


def gunzip(body: bytes, most: int, *, small: int | None = None) -> bytes:
    """The content of one gzip member, at most `most` bytes.

    Raises LargeWork if it has more than `small` bytes; Refusal 413 if it has more than `most`, 400 if it is damaged.
    """
    bound = most if small is None else small
    inflater = zlib.decompressobj(_GZIP_ONLY)
    try:
        content = inflater.decompress(body, bound + 1)
    except zlib.error as error:
        raise Refusal(400, f"the body is not gzip, as its Content-Encoding says: {error}") from None
    if len(content) > bound:
        if small is not None:
            raise LargeWork
        raise Refusal(413, f"the body inflates to more than the {most} bytes allowed")
    if not inflater.eof:
        raise Refusal(400, "the gzip body is cut short")
    if inflater.unused_data:
        raise Refusal(400, "bytes follow the gzip body")
    return content
