# SPDX-License-Identifier: GPL-3.0-or-later
"""Slows down whoever guesses at something that is no login: by the same counter as logins, in the accounts database.

Ten failures from one address, at logins and at what is counted here together, and it waits (AXES_… in the settings).
"""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest


def waits(request: HttpRequest, what: str) -> bool:
    """Whether the client's address has failed too often to try `what` now, for instance "share link 7"."""
    return not AxesProxyHandler.is_allowed(request, {"username": what})


def failed(request: HttpRequest, what: str) -> None:
    """Count a failure. The last one that is allowed is answered with 429, whatever the view returns."""
    AxesProxyHandler.update_request(request)
    request.axes_path_info = ""  # type: ignore[attr-defined]  # which would be kept, and may open something
    AxesProxyHandler.user_login_failed(__name__, {"username": what}, request)


def succeeded(request: HttpRequest, what: str) -> None:
    """Forgive the address its failures at `what`, and no others."""
    AxesProxyHandler.update_request(request)
    AxesProxyHandler.reset_attempts(ip_address=request.axes_ip_address, username=what)  # type: ignore[attr-defined]


def forgive_logins() -> None:
    """Have a login forgive its address the failures under its own name, and no others."""
    user_logged_in.connect(_logged_in, dispatch_uid=__name__)


def _logged_in(request: HttpRequest, user: User, **_more: Any) -> None:
    succeeded(request, user.get_username())
