# SPDX-License-Identifier: GPL-3.0-or-later
"""`/<wsid>/data/limits` and `/<wsid>/data/warnings`: how long things may be used, and who has used them longer.

Readers read; managers set and remove limits. Where warnings went is for managers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.gzip import gzip_page

from tmon.server.calendar import Calendar
from tmon.server.limits import limiting, warned
from tmon.server.limits.models import Limit, Violation
from tmon.server.query import Answer, BadQuestion
from tmon.server.tenants import NotFound, Refused
from tmon.server.tenants.access import AskedRequest, changes_webservice, json_error, reads_webservice
from tmon.server.tenants.rights import LARGEST_WSID, Role

METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
SHOWN: Final = 50
MOST_SHOWN: Final = 1_000
Given = Mapping[str, list[str]]


class New(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to set a limit; without `object` it is that of the whole service."""

    minutes: int
    object: str = ""


def limits(request: HttpRequest, wsid: int) -> HttpResponseBase:
    """`/<wsid>/data/limits`."""
    views = {"POST": _set, "DELETE": _remove}
    return views.get(request.method or "", _list)(request, wsid)


# The views below decide about tokens against forgery.
limits.csrf_exempt = True  # type: ignore[attr-defined]


def limited(answer: Answer, wsid: int) -> Answer:
    """The answer, whose rows are sessions that go on, with the limit that holds for each."""
    holding = limiting.holding(wsid)
    for row in answer.results:
        found = holding.of(row.object)
        row.limit = None if found is None else found.minutes
    return answer


@gzip_page
@reads_webservice(methods=METHODS)
def _list(request: AskedRequest) -> HttpResponse:
    def every() -> Any:
        _read(request.GET.lists(), ())
        calendar = request.webservice.calendar()
        return [_limit(one, calendar) for one in limiting.of_webservice(request.webservice.wsid)]

    return _answered(every)


@changes_webservice()
def _set(request: AskedRequest) -> HttpResponse:
    def put() -> Any:
        _read(request.GET.lists(), ())
        given = _content(request)
        limit = limiting.put(request.webservice, request.user, given.object, given.minutes)
        return _limit(limit, request.webservice.calendar())

    return _answered(put)


@changes_webservice()
def _remove(request: AskedRequest) -> HttpResponse:
    def remove() -> Any:
        given = _read(request.GET.lists(), ("object",))
        if "object" not in given:
            raise BadQuestion("say which: ?object= and its name, which is empty for the whole service")
        limit = limiting.remove(request.webservice, request.user, given["object"])
        return _limit(limit, request.webservice.calendar())

    return _answered(remove)


@gzip_page
@reads_webservice()
def warnings(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/warnings`: newest first."""

    def every() -> Any:
        given = _read(request.GET.lists(), ("limit", "after"))
        most = _number(given, "limit", 1, MOST_SHOWN, SHOWN)
        after = _number(given, "after", 0, LARGEST_WSID, 0)
        found = warned.latest(request.webservice.wsid, most, after)
        manages = request.role >= Role.MANAGER
        if manages:
            found = found.prefetch_related("deliveries__destination")
        calendar = request.webservice.calendar()
        return [_warning(one, calendar, manages=manages) for one in found]

    return _answered(every)


def _answered(act: Callable[[], Any]) -> HttpResponse:
    """What `act` returns as an answer, or why it was not done."""
    try:
        results = act()
    except NotFound as error:
        return json_error(404, f"{str(error).capitalize()}.")
    except (BadQuestion, Refused) as error:
        return json_error(400, str(error))
    return HttpResponse(
        msgspec.json.encode({"status_code": 200, "results": results}),
        content_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )


def _read(given: Any, known: tuple[str, ...]) -> dict[str, str]:
    """The parameters, each of which may be given once. Raises BadQuestion."""
    found: dict[str, str] = {}
    for name, values in given:
        if name not in known:
            which = f"those of this endpoint are {', '.join(known)}" if known else "this endpoint has none"
            raise BadQuestion(f"unknown parameter {name[:60]!r}; {which}")
        if len(values) != 1:
            raise BadQuestion(f"{name} may be given once")
        found[name] = values[0]
    return found


def _number(given: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    """A whole number. Raises BadQuestion."""
    text = given.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not least <= number <= most:
        raise BadQuestion(f"{name}: {text[:60]!r} is no whole number from {least} to {most}")
    return number


def _content(request: AskedRequest) -> New:
    """The JSON that was sent. Raises BadQuestion."""
    if request.content_type != "application/json":
        raise BadQuestion("send JSON, and say so: Content-Type: application/json")
    try:
        return msgspec.json.decode(request.body, type=New)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadQuestion(f"this is not the JSON that a limit is made of: {error}") from None


def _limit(one: Limit, calendar: Calendar) -> dict[str, Any]:
    return {
        "object": one.object,
        "minutes": one.minutes,
        "by": one.by.get_username() if one.by is not None else None,
        "since": _stamp(one.since.timestamp(), calendar),
    }


def _warning(one: Violation, calendar: Calendar, *, manages: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": one.pk,
        "at": _stamp(one.exceeded.timestamp(), calendar),
        "object": one.object,
        "minutes": one.minutes,
        "subject": one.subject,
        "name": one.name,
        "session": one.number,
        "source": one.source,
        "started": _stamp(one.started.timestamp(), calendar),
        "noticed": _stamp(one.noticed.timestamp(), calendar),
    }
    if manages:
        shown["deliveries"] = [
            {
                "kind": delivery.destination.kind,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "error": delivery.error or None,
            }
            for delivery in sorted(one.deliveries.all(), key=lambda delivery: delivery.pk)
        ]
    return shown


def _stamp(at: float, calendar: Calendar) -> str:
    """ISO 8601 to the millisecond in the web service's zone."""
    return calendar.local(at).isoformat(timespec="milliseconds")
