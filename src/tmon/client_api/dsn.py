# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reads and writes a DSN, the one line that configures a client.

    tmon+http://<secret>@127.0.0.1:8000/7
    tmon+https://<secret>@stats.example.org/prefix/7

The secret is the web service's key as 64 hex digits, the last part of the path its number; what stands before
the number is a prefix under which a proxy publishes the server. The scheme keeps HTTP libraries from taking
the secret for a password. Nothing here, neither an error nor `repr`, shows the secret; `reveal` is the one
way to get it back. Reports of errors often show the local variables of every frame, so no frame that an error
passes through holds the secret as text either: `read` returns its error, and who raises it forgets the text
first.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .errors import DsnError

VARIABLE: Final = "TMON_DSN"
SHAPE: Final = "tmon+http://<secret>@<host>:<port>/<wsid> (or tmon+https)"

_SCHEME = re.compile(r"tmon\+(https?)://", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]@/]*\]|[^\[\]@/:]*)(?::(?P<port>[0-9]*))?", re.ASCII)
_HOST = re.compile(r"[^\s\x00-\x20\x7f\\<>^`{|}%\"?#]+")
_PATH = re.compile(r"(?P<prefix>(?:/[\w.~!$&'()*+,;=:@%-]+)*?)/(?P<wsid>[1-9][0-9]{0,18})/?", re.ASCII)
_SECRET = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Dsn:
    """Where to send, for which web service, and the key that seals.

    `host` is without brackets; `port` is None where the scheme's own is meant; `prefix` is empty or begins
    with a slash and does not end with one.
    """

    key: bytes = field(repr=False)
    wsid: int
    host: str
    port: int | None = None
    secure: bool = False
    prefix: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the server is reached on this very machine, by its loopback."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @classmethod
    def parse(cls, text: str) -> Dsn:
        """Read a DSN. Raises DsnError, which says what is wrong without quoting the text."""
        found = read(text)
        del text
        if isinstance(found, DsnError):
            raise found
        return found

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Dsn:
        """Read the DSN that `TMON_DSN` holds, or the file that `TMON_DSN_FILE` names.

        Raises DsnError if neither is set or the one that is cannot be read.
        """
        found = _read_environment(os.environ if environment is None else environment)
        del environment
        if isinstance(found, DsnError):
            raise found
        return found

    @classmethod
    def for_url(cls, url: str, wsid: int, key: bytes) -> Dsn:
        """Return the DSN of a web service on the server published at `url`, http or https.

        Raises DsnError for anything else.
        """
        found = read(f"tmon+{_with_userinfo(url, key.hex())}/{wsid}")
        del key
        if isinstance(found, DsnError):
            raise found
        return found

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end and without the secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{'https' if self.secure else 'http'}://{host}{port}{self.prefix}"

    @property
    def collect_url(self) -> str:
        """Where sealed envelopes are posted as application/octet-stream."""
        return f"{self.url}/data/collect/{self.wsid}"

    def reveal(self) -> str:
        """Return the whole DSN with its secret: for showing it to its owner, never for logs or errors."""
        return f"tmon+{_with_userinfo(self.url, self.key.hex())}/{self.wsid}"

    def __repr__(self) -> str:
        return f"<Dsn {self}>"

    def __str__(self) -> str:
        return f"tmon+{_with_userinfo(self.url, '***')}/{self.wsid}"


def read(text: str) -> Dsn | DsnError:
    """Read a DSN; returns the error that says what is wrong with it."""
    text = text.strip()
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _wrong("it does not begin with tmon+http:// or tmon+https://")
    rest = text[scheme.end() :]
    if "?" in rest or "#" in rest:
        return _wrong("it has a query or a fragment, which mean nothing here")
    authority, slash, path = rest.partition("/")
    secret, at, location = authority.partition("@")
    if not at:
        return _wrong("there is no @ between the secret and the host")
    if _SECRET.fullmatch(secret) is None:
        return _wrong(f"the secret has to be 64 hex digits, it is {_described(secret)}")
    address = _location(location)
    if isinstance(address, DsnError):
        return address
    match = _PATH.fullmatch(slash + path)
    if match is None:
        return _wrong(
            "its path does not end with a wsid, a number of 1 to 19 digits that does not begin with 0"
        )
    return Dsn(
        key=bytes.fromhex(secret),
        wsid=int(match["wsid"]),
        host=address[0],
        port=address[1],
        secure=scheme[1].lower() == "https",
        prefix=match["prefix"],
    )


def chosen(dsn: str | Dsn | None, *, needed: bool) -> Dsn | DsnError | None:
    """Return the DSN that was given, or the environment's where one is `needed`; or what is wrong with it."""
    if dsn is None:
        return _read_environment(os.environ) if needed else None
    return read(dsn) if isinstance(dsn, str) else dsn


def _read_environment(environment: Mapping[str, str]) -> Dsn | DsnError:
    if text := environment.get(VARIABLE, "").strip():
        return read(text)
    if name := environment.get(f"{VARIABLE}_FILE", "").strip():
        try:
            return read(Path(name).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            problem = getattr(error, "strerror", None) or "it is not text"
        return DsnError(f"{VARIABLE}_FILE names {name}, which cannot be read: {problem}")
    return DsnError(f"no DSN: set {VARIABLE} to {SHAPE}, or give one")


def _location(text: str) -> tuple[str, int | None] | DsnError:
    if "@" in text:
        return _wrong("it has more than one @")
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return _wrong("host and port cannot be read; an IPv6 address stands in brackets, [::1]:8000")
    host, digits = match["host"], match["port"]
    if host.startswith("["):
        host = host[1:-1]
        if not _is_ipv6(host):
            return _wrong("what stands in brackets is no IPv6 address")
    elif _HOST.fullmatch(host) is None:
        return _wrong("the host is missing" if not host else "the host holds letters that no host name has")
    if not digits:
        return host, None
    if len(digits) > 5 or not 1 <= int(digits) <= 65535:
        return _wrong("the port is not between 1 and 65535")
    return host, int(digits)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _with_userinfo(url: str, userinfo: str) -> str:
    scheme, separator, rest = url.rstrip("/").partition("://")
    return f"{scheme}{separator}{userinfo}@{rest}"


def _described(secret: str) -> str:
    if not secret:
        return "missing"
    if len(secret) != 64:
        return f"{len(secret)} characters long"
    return "64 characters, not all of them hex digits"


def _wrong(problem: str) -> DsnError:
    return DsnError(f"this DSN cannot be used: {problem}. A DSN looks like {SHAPE}")
