# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypts what is kept in the accounts database under the server's own secret, bound to the place it belongs to.

AES-256-GCM (NIST SP 800-38D); the key is HKDF-SHA256 (RFC 5869) of the server secret. What is kept is
nonce(12) || ciphertext || tag(16). Associated data names the row, so that a sealed value that is moved to
another row does not open.
"""

from __future__ import annotations

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class Unopenable(Exception):
    """The value was sealed under another server secret or for another place."""


def seal(value: bytes, place: str, server_secret: str) -> bytes:
    """Encrypt `value` for `place`, for instance "key 7 of web service 1"."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(server_secret).encrypt(nonce, value, place.encode())


def open_(sealed: bytes, place: str, server_secret: str) -> bytes:
    """The value that was sealed for `place`. Raises Unopenable."""
    try:
        return _cipher(server_secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):
        raise Unopenable(f"what is kept as {place} does not open under this server's secret") from None


@lru_cache(maxsize=4)
def _cipher(server_secret: str) -> AESGCM:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"tmon accounts database").derive(
        server_secret.encode()
    )
    return AESGCM(derived)
