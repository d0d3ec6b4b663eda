# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides on every request about one web service who asks and whether he may: the only door to its data.

A view behind `reads_webservice`, `changes_webservice` or `webservice_page` finds `request.webservice` (its row) and
`request.role`.

| who asks                          | JSON | page         |
|-----------------------------------|------|--------------|
| nobody                            | 401  | 302 to login |
| a token that is not known         | 401  | 401          |
| someone without a right to it     | 404  | 404          |
| someone whose role is too small   | 403  | 403          |
| a token, to change something      | 403  | 403          |

Guests, who come by a share link, have paths of their own: see `guests`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_protect

from .guests import guest_link, keep_to_oneself, let_in
from .models import ShareLink, WebService
from .rights import LARGEST_WSID, Bearer, Role, user_of_token

View = Callable[..., HttpResponseBase]

READ_ONLY = ("GET", "HEAD")
ACCOUNT_HEADER: Final = "TMon-Account"
"""Tells a page whose login it asks with, by the account's number: somebody else may have logged in since it came."""
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
    share: ShareLink | None
    """Set for a guest, of whom there is neither user, role nor reach."""
    by_token: bool
    """Whether a program asks with a token, which only reads."""


class WsidConverter:
    """The id of a web service, or of something of it, in a path: `[1-9][0-9]{0,18}`, as the contract writes it."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The number. Raises ValueError, which means 404, for what no database can number."""
        if (number := int(value)) > LARGEST_WSID:
            raise ValueError("beyond what a database numbers")
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


def reads_webservice(
    least: Role = Role.VIEWER, methods: Sequence[str] = READ_ONLY, *, shared: bool = False
) -> Callable[[View], View]:
    """Guard a view of the JSON API, `view(request, …)`, that asks for the role `least`, for a route with `<wsid:wsid>`.

    GET and HEAD only; `methods` are all that the route has, where other views take the rest. The id is not passed on:
    the view takes it from `request.webservice.wsid`. With `shared` the view also takes a route with `<slug:slug>`, for
    guests: then `request.share` is their link, and the view shows nothing that is not public.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, wsid: int, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = _refused(request, wsid, least) or _refused_method(request, methods)
            response = refused or view(request, *args, **kwargs)
            if isinstance(request.user, User):
                response.headers[ACCOUNT_HEADER] = str(request.user.pk)
            return _private(response)

        @wraps(view)
        def both(
            request: HttpRequest, *args: Any, wsid: int = 0, slug: str | None = None, **kwargs: Any
        ) -> HttpResponseBase:
            if slug is None:
                return guarded(request, wsid, *args, **kwargs)
            link = guest_link(request, slug)
            if link is None:
                response: HttpResponseBase = json_error(404)
            else:
                request.webservice = link.webservice  # type: ignore[attr-defined]
                request.share = link  # type: ignore[attr-defined]
                response = _refused_method(request, methods) or view(request, *args, **kwargs)
                let_in(request, response, link, slug)
            keep_to_oneself(response)
            return _private(response)

        # Nothing here changes anything, so a POST needs no token against forgery to be told 405.
        guarded.csrf_exempt = both.csrf_exempt = True  # type: ignore[attr-defined]
        return both if shared else guarded

    return decorate


def changes_webservice(least: Role = Role.MANAGER) -> Callable[[View], View]:
    """Guard a view of the JSON API that changes something; see `reads_webservice`.

    Tokens only read, and a browser has to send the token against forgery: in the header X-CSRFToken, since there is no
    form. Who asks is judged first, so that strangers learn nothing.
    """

    def decorate(view: View) -> View:
        protected: View = csrf_protect(view)

        @wraps(view)
        def guarded(request: HttpRequest, wsid: int, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refused = _refused(request, wsid, least)
            if refused is None and request.by_token:  # type: ignore[attr-defined]
                refused = json_error(403, "A token can only read. Log in to change something.")
            return _private(refused or protected(request, *args, **kwargs))

        guarded.csrf_exempt = True  # type: ignore[attr-defined]  # by the middleware, which would come first
        return guarded

    return decorate


def _refused_method(request: HttpRequest, methods: Sequence[str]) -> HttpResponse | None:
    """405 for what does not read."""
    if request.method in READ_ONLY:
        return None
    refused = json_error(405)
    refused.headers["Allow"] = ", ".join(methods)
    return refused


def _refused(request: HttpRequest, wsid: int, least: Role) -> HttpResponse | None:
    """Why the JSON API does not answer, None where it does; then the request carries who asks, and about what."""
    asking = _asking(request)
    if asking is None:
        return json_error(401)
    if not _admit(request, asking, wsid):
        return json_error(404)
    if request.role < least:  # type: ignore[attr-defined]
        return json_error(403, _too_small(least))
    return None


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
    request.share = None  # type: ignore[attr-defined]
    request.by_token = _bearer_text(request) is not None  # type: ignore[attr-defined]
    return True


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """No shared cache keeps it, and no cache gives it to someone else."""
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ("Authorization", "Cookie"))
    return response
