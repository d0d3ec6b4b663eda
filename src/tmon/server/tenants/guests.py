# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for guests, who come by a share link: a cookie of the link's path instead of a login."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from . import sharing
from .models import ShareLink

COOKIE = "tmon_share"


def holds_a_cookie(request: HttpRequest, link: ShareLink) -> bool:
    """Whether the browser has been let in before."""
    return sharing.admits(link, request.COOKIES.get(COOKIE))


def guest_link(request: HttpRequest, slug: str) -> ShareLink | None:
    """The link by which this guest reads; None if there is none, or he has not come by its page."""
    link = sharing.find(slug)
    if link is None or not holds_a_cookie(request, link):
        return None
    sharing.note_use(link)
    return link


def let_in(request: HttpRequest, response: HttpResponseBase, link: ShareLink, slug: str) -> None:
    """Give the browser the cookie, unless it has a new one."""
    if sharing.admits(link, request.COOKIES.get(COOKIE), sharing.RENEWED_S):
        return
    response.set_cookie(
        COOKIE,
        sharing.admission(link),
        max_age=sharing.ADMITTED_S,
        path=f"/share/{slug}",
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def keep_to_oneself(response: HttpResponseBase, referrer: str = "no-referrer") -> None:
    """Have nobody learn of the address by the answer: no search engine, no cache, no site that is linked to."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = referrer
    response.headers["Cache-Control"] = "private, no-store"
