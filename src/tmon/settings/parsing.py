# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of setting values: text in, value out, or a ValueError that says what is wrong and what to do.

No message repeats a value that may hold a password.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

SECRET_KEY_CHARACTERS = 32
STORES = ("sqlite", "memory")
DATABASES = ("sqlite", "postgres", "postgresql")
LOG_LEVELS = ("debug", "info", "warning", "error")
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,252})")

Choice = TypeVar("Choice", bound=enum.StrEnum)


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """A parser for one word of `choices`."""

    def parse(text: str) -> Choice:
        try:
            return choices(text.strip().lower())
        except ValueError:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}") from None

    return parse


def text(value: str) -> str:
    """The text as it is."""
    return value


def count(value: str) -> int:
    """A whole number from 1 to a thousand million."""
    if not (re.fullmatch("[0-9]{1,10}", value.strip()) and 1 <= int(value) <= 1_000_000_000):
        raise ValueError(f"{value!r} is no whole number from 1 to 1000000000")
    return int(value)


def allowance(value: str) -> int:
    """A whole number from 0 to a million."""
    if not (re.fullmatch("[0-9]{1,7}", value.strip()) and int(value) <= 1_000_000):
        raise ValueError(f"{value!r} is no whole number from 0 to 1000000")
    return int(value)


def yes_or_no(value: str) -> bool:
    """Whether it is yes."""
    found = {"yes": True, "no": False}.get(value.strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is neither yes nor no")
    return found


def days(value: str) -> int:
    """A whole number from 1 to 365."""
    if not (re.fullmatch("[0-9]{1,3}", value.strip()) and 1 <= int(value) <= 365):
        raise ValueError(f"{value!r} is no whole number from 1 to 365")
    return int(value)


def path(value: str) -> Path:
    """A path, made absolute against the present working directory; `~` is the user's home."""
    return Path(value).expanduser().absolute()


def log_level(value: str) -> str:
    """A level of the logging module, in lower case."""
    level = value.strip().lower()
    if level not in LOG_LEVELS:
        raise ValueError(f"{value!r} is none of {', '.join(LOG_LEVELS)}")
    return level


def secret_key(value: str) -> str:
    """A secret that is long enough."""
    if len(value) < SECRET_KEY_CHARACTERS:
        raise ValueError(
            f"has {len(value)} characters, at least {SECRET_KEY_CHARACTERS} are needed; make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return value


def store_url(value: str) -> str:
    """The URL of an event store, its scheme known."""
    scheme, colon, _ = value.partition(":")
    if not colon or scheme not in STORES:
        raise ValueError("starts with none of " + ", ".join(f"{name}:" for name in STORES))
    return value


def database_url(value: str) -> str:
    """The URL of an accounts database, its scheme known."""
    scheme, colon, _ = value.partition("://")
    if not colon or scheme not in DATABASES:
        raise ValueError(
            "starts with none of sqlite:///, postgresql://; for instance postgresql://user:password@host/name"
        )
    return value


def host_and_port(value: str) -> str:
    """host:port, the host a name, an IPv4 address or an IPv6 address in brackets."""
    example = "write host:port, for instance 127.0.0.1:11211"
    try:
        parts = urlsplit(f"//{value.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{error}; {example}") from None
    if not host or not port or parts.username is not None or parts.path or parts.query or parts.fragment:
        raise ValueError(f"{value!r} is not an address; {example}")
    return f"{_host(host)}:{port}"


def public_url(value: str) -> str:
    """scheme://host or scheme://host:port in lower case, without a slash at its end."""
    example = "write http:// or https://, a host and nothing more, for instance https://tmon.example.org"
    try:
        parts = urlsplit(value.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{error}; {example}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{value!r} is not the address of a web site; {example}")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"has more than a host and a port; {example}")
    return f"{parts.scheme}://{_host(host)}" + (f":{port}" if port else "")


def _host(host: str) -> str:
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host).compressed}]"
    if not _HOST_NAME.fullmatch(host):
        raise ValueError(f"{host!r} is not a host name")
    return host
