# SPDX-License-Identifier: LGPL-3.0-or-later
"""Takes the values of secrets out of URLs before anything else sees them: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote_plus, unquote_plus

MASK: Final = "***"

SECRET_NAMES: Final = frozenset(
    {
        "accesskey",
        "auth",
        "authcode",
        "authorization",
        "code",
        "jsessionid",
        "key",
        "otp",
        "pass",
        "phpsessid",
        "pin",
        "pwd",
        "sas",
        "session",
        "sessionid",
        "sid",
        "sig",
        "ticket",
    }
)
"""Names of parameters that hold secrets, in small letters and without - _ . and spaces."""
SECRET_WORDS: Final = (
    "apikey",
    "bearer",
    "credential",
    "jwt",
    "passphrase",
    "passw",
    "secret",
    "signature",
    "token",
)
"""A name that contains one of them holds a secret, too."""

_PARAMETER = re.compile(r"(^|[&;#?])([^=&;#?]*)=([^&;#]+)")
_NAMES = re.compile(r"[&?]([^=&?]*)=")
_HIDING = re.compile(r"[@;#%]")
_PATH_PARAMETER = re.compile(r"(;)([^=;/]*)=([^;/]+)")
_USERINFO = re.compile(r"^([^/?#]*//)[^/?#]*@")
_PARTS = re.compile(r"[\[\]]+")
_FILLING = re.compile(r"[-_.\s]+")
NAMES_KEPT: Final = 2048
LONGEST_KEPT: Final = 64
"""How many names of parameters are remembered, and of how many characters: strangers make them up."""


class Masking:
    """Masks parameters by their names. `mask` are further names, `keep` those that are harmless here."""

    def __init__(self, mask: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        kept = frozenset(map(_plain, keep))
        names = (SECRET_NAMES | frozenset(map(_plain, mask))) - kept

        def is_secret(name: str) -> bool:
            parts = {_plain(part) for part in _PARTS.split(unquote_plus(name))}
            parts.add(_plain(unquote_plus(name)))
            return not parts & kept and any(
                part in names or any(word in part for word in SECRET_WORDS) for part in parts
            )

        self._looked_at = is_secret
        self._remembered = lru_cache(maxsize=NAMES_KEPT)(is_secret)

    def __call__(self, url: str) -> str:
        """The URL with `***` in place of each secret: in its query, its path and its user information.

        That goes for a URL that is the value of a parameter, too, but not for one in that again.
        """
        if "=" not in url and "@" not in url:
            return url
        # Most URLs have no secret and nothing that hides one; to see that takes a fifth of the time.
        if not _HIDING.search(url) and not any(map(self._is_secret, _NAMES.findall(url))):
            return url
        return self._without(url, self._outer)

    def _without(self, url: str, masked: Callable[[re.Match[str]], str]) -> str:
        if "@" in url:
            url = _USERINFO.sub(rf"\1{MASK}@", url)
        if "=" not in url:
            return url
        path, question, query = url.partition("?")
        if ";" in path:
            path = _PATH_PARAMETER.sub(masked, path)
        if "#" in path and not question:
            before, _, fragment = path.partition("#")
            return f"{before}#{_PARAMETER.sub(masked, fragment)}"
        return f"{path}{question}{_PARAMETER.sub(masked, query)}"

    def _is_secret(self, name: str) -> bool:
        return self._remembered(name) if len(name) <= LONGEST_KEPT else self._looked_at(name)

    def _outer(self, found: re.Match[str]) -> str:
        value = found[3]
        if self._is_secret(found[2]):
            value = MASK
        elif "=" in value:
            value = self._without(value, self._inner)
        elif "%3d" in value.lower():
            url = unquote_plus(value)
            masked = self._without(url, self._inner)
            value = value if masked == url else quote_plus(masked, safe=MASK)
        return f"{found[1]}{found[2]}={value}"

    def _inner(self, found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}={MASK}" if self._is_secret(found[2]) else found[0]


def _plain(name: str) -> str:
    return _FILLING.sub("", name).strip("[]").lower()
