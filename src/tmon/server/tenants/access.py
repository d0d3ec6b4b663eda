# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on every request about one web service who asks and whether he may: the only door to its data.

A view behind `reads_webservice` or `webservice_page` finds `request.webservice` (its row) and `request.role`.

| who asks                          | JSON | page         |
|-----------------------------------|------|--------------|
| nobody                            | 401  | 302 to login |
| a token that is not known         | 401  | 401          |
| someone without a right to it     | 404  | 404          |
| someone whose role is too small   | 403  | 403          |
| a token, to change something      | 405  | 403          |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers

from .models import WebService
from .rights import LARGEST_WSID, Bearer, Role, user_of_token

View = Callable[..., HttpResponseBase]

READ_ONLY = ("GET", "HEAD")
MESSAGES = {
    400: "This request can't be understood.",
    401: "Log in, or send a token of yours: Authorization: Bearer <token>.",
    403: "You may not see this.",
    404: "There is nothing here for you.",
    405: "This can only be read: use GET.",
    429: "Too many attempts. Wait and try again.",
    500: "Something went wrong on the server. It has been logged.",
}


class AskedRequest(HttpRequest):
    """What a view behind this door gets."""

    user: User
    webservice: WebService
    role: Role
    reach: int | None
    """The only web service that the token reaches; None where all of the user's are."""
    by_token: bool
    """Whether a program asks with a token, which only reads."""


class WsidConverter:
    """The id of a web service in a path: `[1-9][0-9]{0,18}`, as the contract writes it."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The number. Raises ValueError, which means 404, for what no database can number."""
        if (number := int(value)) > LARGEST_WSID:
            raise ValueError("beyond any web service")
        return number

    def to_url(self, value: int) -> str:
        """The path's part."""
        return str(value)


def json_error(status: int, message: str | None = None) -> JsonResponse:
    """An error as the JSON API says it: {"status_code", "message"}."""
    response = JsonResponse({"status_code": status, "message": message or MESSAGES[status]}, status=status)
    response.headers["Cache-Control"] = "no-store"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="tmon"'
    return response


def reads_webservice(least: Role = Role.VIEWER) -> Callable[[View], View]:
    """Guard a view of the JSON API, `view(request, …)`, that asks for the role `least`, for a route with `<wsid:wsid>`.

    GET and HEAD only. The id is not passed on: the view takes it from `request.webservice.wsid`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, wsid: int, *args: Any, **kwargs: Any) -> HttpResponseBase:
            asking = _asking(request)
            if asking is None:
                return _private(json_error(401))
            if not _admit(request, asking, wsid):
                return _private(json_error(404))
            if request.role < least:  # type: ignore[attr-defined]
                return _private(json_error(403, _too_small(least)))
            if request.method not in READ_ONLY:
                refused = json_error(405)
                refused.headers["Allow"] = ", ".join(READ_ONLY)
                return _private(refused)
            return _private(view(request, *args, **kwargs))

        # Nothing here changes anything, so a POST needs no token against forgery to be told 405.
        guarded.csrf_exempt = True  # type: ignore[attr-defined]
        return guarded

    return decorate


def webservice_page(least: Role = Role.VIEWER) -> Callable[[View], View]:
    """Guard a page about one web service that asks for the role `least`; see `reads_webservice`.

    Any method is passed on for people, whose forms are checked against forgery; a token only reads.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, wsid: int, *args: Any, **kwargs: Any) -> HttpResponseBase:
            asking = _asking(request)
            if asking is None:
                if _bearer_text(request) is not None:
                    return _private(json_error(401))
                return _private(redirect_to_login(request.get_full_path(), "/login"))
            if not _admit(request, asking, wsid):
                raise Http404
            if request.role < least:  # type: ignore[attr-defined]
                raise PermissionDenied(_too_small(least))
            if request.by_token and request.method not in READ_ONLY:  # type: ignore[attr-defined]
                raise PermissionDenied("A token only reads. Log in to change something.")
            return _private(view(request, *args, **kwargs))

        return guarded

    return decorate


def _too_small(least: Role) -> str:
    """What whoever may see the rest of the web service is told."""
    return (
        "This is for the managers and the owner of this web service."
        if least < Role.OWNER
        else "This is for its owner."
    )


def _bearer_text(request: HttpRequest) -> str | None:
    """The token that the request carries in its header, which is the only place for it."""
    scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def _asking(request: HttpRequest) -> Bearer | None:
    """Who asks, by token or else by login; None for nobody. A bad token is nobody, even beside a login."""
    text = _bearer_text(request)
    if text is not None:
        return user_of_token(text)
    user: User | AnonymousUser = request.user
    return Bearer(user, None) if isinstance(user, User) and user.is_active else None


def _admit(request: HttpRequest, asking: Bearer, wsid: int) -> bool:
    """Whether he has a role there; then the request carries it."""
    role = asking.role_of(wsid)
    if role is None:
        return False
    webservice = WebService.objects.filter(pk=wsid).first()
    if webservice is None:
        return False
    request.user = asking.user
    request.webservice = webservice  # type: ignore[attr-defined]
    request.role = role  # type: ignore[attr-defined]
    request.reach = asking.wsid  # type: ignore[attr-defined]
    request.by_token = _bearer_text(request) is not None  # type: ignore[attr-defined]
    return True


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """No shared cache keeps it, and no cache gives it to someone else."""
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ("Authorization", "Cookie"))
    return response
