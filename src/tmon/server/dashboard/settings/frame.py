# SPDX-License-Identifier: GPL-3.0-or-later
"""What the settings pages share: the sections and who sees which, the answer that no cache keeps, times, paging."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from tmon.server.calendar import Calendar
from tmon.server.tenants.access import AskedRequest
from tmon.server.tenants.rights import Role

from ..switching import others

Item = TypeVar("Item")
Response = TypeVar("Response", bound=HttpResponseBase)


@dataclass(frozen=True, slots=True)
class Section:
    """A page of a web service's settings: its route's name, its title, and the least role that opens it."""

    route: str
    title: str
    least: Role


SECTIONS = (
    Section("settings-general", "General", Role.MANAGER),
    Section("settings-keys", "Keys", Role.MANAGER),
    Section("settings-members", "Members", Role.MANAGER),
    Section("settings-invitations", "Invitations", Role.MANAGER),
    Section("settings-sharing", "Share links", Role.MANAGER),
    Section("settings-alerts", "Alerts", Role.MANAGER),
    Section("settings-sessions", "Sessions", Role.MANAGER),
    Section("settings-modules", "Modules", Role.MANAGER),
    Section("settings-privacy", "Privacy and retention", Role.MANAGER),
    Section("settings-sources", "Sources", Role.VIEWER),
    Section("settings-quarantine", "Quarantine", Role.MANAGER),
    Section("settings-erase", "Erase", Role.MANAGER),
    Section("settings-audit", "Audit log", Role.MANAGER),
    Section("settings-delete", "Delete", Role.OWNER),
)
ACCOUNT_SECTIONS = (
    ("account", "Web services"),
    ("account-tokens", "API tokens"),
    ("account-password", "Password"),
    ("account-email", "E-mail"),
)


def webservice_settings(request: AskedRequest, here: str, **context: Any) -> HttpResponse:
    """The page of the section whose route is `here`; its template has the same name."""
    sections = [section for section in SECTIONS if section.least <= request.role]
    return _kept_nowhere(
        render(
            request,
            f"settings/{here.removeprefix('settings-')}.html",
            {
                "webservice": request.webservice,
                "others": others(request),
                "sections": sections,
                "here": next(section for section in SECTIONS if section.route == here),
                "manages": request.role >= Role.MANAGER,
                "owns": request.role is Role.OWNER,
                **context,
            },
        )
    )


def account_settings(request: HttpRequest, here: str, **context: Any) -> HttpResponse:
    """The page of an account's section whose route is `here`."""
    return _kept_nowhere(
        render(
            request,
            f"settings/{here}.html",
            {
                "account_sections": ACCOUNT_SECTIONS,
                "here_route": here,
                "here_title": dict(ACCOUNT_SECTIONS)[here],
                **context,
            },
        )
    )


def done(request: HttpRequest, what: str, route: str, *arguments: Any) -> HttpResponseBase:
    """After a POST: go to a page that may be reloaded, which says `what` was done. No secret belongs in there."""
    messages.success(request, what)
    return _kept_nowhere(redirect(route, *arguments))


def refused(request: HttpRequest, why: str, route: str, *arguments: Any) -> HttpResponseBase:
    """The same where it could not be done, for forms that are a button only."""
    messages.error(request, sentence(why))
    return _kept_nowhere(redirect(route, *arguments))


def sentence(text: str) -> str:
    """The message of an error as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people read it, and as programs do."""

    text: str
    iso: str


def moment(at: dt.datetime | float | str, calendar: Calendar, now: dt.datetime | None = None) -> Moment:
    """A time (aware, Unix seconds or ISO 8601) in a calendar's zone: 16 Nov 16:42, with the year if not this one."""
    if isinstance(at, str):
        at = dt.datetime.fromisoformat(at)
    seconds = at.timestamp() if isinstance(at, dt.datetime) else at
    local = calendar.local(seconds)
    this = calendar.local((now or dt.datetime.now(dt.UTC)).timestamp())
    year = "" if local.year == this.year else f" {local.year}"
    return Moment(f"{local.day} {local:%b}{year} {local:%H:%M}", local.isoformat(timespec="seconds"))


UTC = Calendar([(float("-inf"), "UTC")])


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """A part of a long list, and the numbers of the pages before and after it, None where there is none."""

    items: Sequence[Item]
    number: int
    before: int | None
    after: int | None


MOST_PAGES = 10_000


def page_number(request: HttpRequest) -> int:
    """Which page is asked for, from 1; what makes no sense is the first one."""
    text = request.GET.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    return min(max(number, 1), MOST_PAGES)


def paged(items: Sequence[Item] | QuerySet[Any, Item], number: int, size: int) -> Paged[Item]:
    """Page `number` of `items`, of which no more need be there than up to the first one of the next page."""
    start = (number - 1) * size
    part = list(items[start : start + size + 1])
    return Paged(part[:size], number, number - 1 if number > 1 else None, number + 1 if part[size:] else None)


def _kept_nowhere(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
