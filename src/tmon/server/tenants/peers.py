# SPDX-License-Identifier: GPL-3.0-or-later
"""Has pages see the client's own address and scheme, also behind the operator's reverse proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tmon.settings import client_address
from tmon.settings.proxies import came_by_https

Respond = Callable[[HttpRequest], HttpResponseBase]


class ClientAddressMiddleware:
    """Puts the client's address into REMOTE_ADDR, and takes forwarding headers away that nobody vouches for."""

    def __init__(self, get_response: Respond) -> None:
        self._respond = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Middleware."""
        peer = request.META.get("REMOTE_ADDR") or ""
        trusted = settings.TMON.trusted_proxies
        encrypted = came_by_https(peer, request.headers, trusted)
        request.META["REMOTE_ADDR"] = client_address(peer, request.headers, trusted)
        for name in (
            "HTTP_X_FORWARDED_FOR",
            "HTTP_X_FORWARDED_PROTO",
            "HTTP_X_FORWARDED_HOST",
            "HTTP_FORWARDED",
        ):
            request.META.pop(name, None)
        if encrypted:
            request.META["HTTP_X_FORWARDED_PROTO"] = "https"
        return self._respond(request)


def base_url_of(request: HttpRequest) -> str:
    """The server's public address or, where none is set, the one under which it was asked, without a slash."""
    public: str | None = settings.TMON.public_url
    return public or f"{request.scheme}://{request.get_host()}"


def address_of(request: HttpRequest) -> str:
    """The client's address for the throttle of logins; an IPv6 address stands for its /64, one customer's."""
    text = str(request.META.get("REMOTE_ADDR") or "")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if address.version == 4:
        return text
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64))
