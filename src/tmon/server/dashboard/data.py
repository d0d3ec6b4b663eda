# SPDX-License-Identifier: GPL-3.0-or-later
"""The reading API (CONTRACT section 4): each view hands a question on and encodes its answer, as JSON or CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import structlog
from django.http import HttpResponse, JsonResponse
from django.views.decorators.gzip import gzip_page
from msgspec import UNSET

from tmon.server.query import (
    Answer,
    Kind,
    NoSuchView,
    QuestionError,
    Questions,
    StoreError,
    Subject,
    TooLong,
    Unavailable,
    as_csv,
)
from tmon.server.tenants.access import AskedRequest, json_error, reads_webservice
from tmon.server.tenants.rights import Role

from .limiting import limited
from .naming import named
from .services import wired

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
STREAM_HEADER = "TMon-Stream"
"""Tells the collector, which shows the stream, of which web service it is and who holds it; nobody else sees it."""
TICKS_ONLY = "; ticks"
Given = Mapping[str, list[str]]


@gzip_page
@reads_webservice(shared=True)
def ranking(request: AskedRequest, view: str) -> HttpResponse:
    """`/<wsid>/data/users/<view>`; keys of a view of objects have their names beside them."""

    def ask(questions: Questions, subject: Subject, given: Given) -> Answer:
        answer = questions.ranking(subject, view, given)
        return named(answer, subject.wsid, "key") if questions.has_objects(view) else answer

    return answered(request, "ranking", ask, view)


@gzip_page
@reads_webservice(shared=True)
def locations(request: AskedRequest, ne_lat: str, ne_lng: str, sw_lat: str, sw_lng: str) -> HttpResponse:
    """`/<wsid>/data/users/locations/<ne_lat>/<ne_lng>/<sw_lat>/<sw_lng>`."""
    corners = (ne_lat, ne_lng, sw_lat, sw_lng)
    return answered(
        request, "locations", lambda questions, subject, given: questions.locations(subject, corners, given)
    )


@gzip_page
@reads_webservice(shared=True)
def series(request: AskedRequest, grain: str, limit: str) -> HttpResponse:
    """`/<wsid>/data/requests/<grain>/<limit>`."""
    return answered(
        request,
        "series",
        lambda questions, subject, given: questions.series(subject, grain, limit, given),
        f"requests-by-{grain}",
    )


@gzip_page
@reads_webservice(shared=True)
def summary(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/summary`."""
    return answered(request, "summary", Questions.summary)


@gzip_page
@reads_webservice()
def events(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/events`."""
    return answered(request, "events", Questions.events)


@gzip_page
@reads_webservice()
def sessions(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/sessions`."""
    return answered(
        request,
        "sessions",
        lambda _, subject, given: named(wired().sessions.listed(subject, given), subject.wsid),
    )


@gzip_page
@reads_webservice()
def live_sessions(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/sessions/live`."""
    return answered(
        request,
        "live-sessions",
        lambda _, subject, given: limited(
            named(wired().sessions.live(subject, given), subject.wsid), subject.wsid
        ),
    )


@gzip_page
@reads_webservice()
def session_series(request: AskedRequest, grain: str, limit: str) -> HttpResponse:
    """`/<wsid>/data/sessions/<grain>/<limit>`."""
    return answered(
        request,
        "session-series",
        lambda _, subject, given: wired().sessions.series(subject, grain, limit, given),
        f"sessions-by-{grain}",
    )


@gzip_page
@reads_webservice()
def sources(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/sources`."""
    return answered(request, "sources", Questions.sources)


@gzip_page
@reads_webservice(Role.MANAGER)
def quarantine(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/quarantine`, which is not for viewers: a rejected payload may hold anything."""
    return answered(request, "quarantine", Questions.quarantine)


@reads_webservice(shared=True)
def live(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/live`: whether the one who asks may watch, and what. The stream itself never comes to Django."""
    if request.GET:
        return json_error(400, "The live stream has no parameters.")
    holder = f"account {request.user.pk}" if request.share is None else f"link {request.share.pk}{TICKS_ONLY}"
    shown = f"{request.webservice.wsid}; {holder}"
    return JsonResponse(
        {"status_code": 200}, headers={"Cache-Control": "private, no-store", STREAM_HEADER: shown}
    )


def answered(
    request: AskedRequest,
    kind: Kind,
    ask: Callable[[Questions, Subject, Given], Answer],
    name: str | None = None,
) -> HttpResponse:
    """What `ask` answers, or why it can't. `name` is for a file of it, if that is not the `kind`."""
    services = wired()
    subject = services.subject(request.webservice.wsid)
    if subject is None:
        return json_error(404)
    try:
        given = dict(request.GET.lists())
        questions = services.questions if request.share is None else services.public_questions
        answer = ask(questions, subject, given)
    except NoSuchView as error:
        return json_error(404, str(error))
    except QuestionError as error:
        return json_error(400, str(error))
    except Unavailable as error:
        log.warning("a question could not be answered", wsid=subject.wsid, why=str(error))
        own_words = str(error).capitalize() + "." if isinstance(error, TooLong) else None
        unavailable = json_error(503, own_words or "The store can't be asked now. Try again in a moment.")
        unavailable.headers["Retry-After"] = str(RETRY_AFTER_S)
        return unavailable
    except StoreError as error:
        log.error("a question could not be answered", wsid=subject.wsid, why=str(error))
        return json_error(500)
    if given.get("format") == ["csv"]:
        whose = subject.wsid if request.share is None else "shared"
        response = _file(answer, kind, f"tmon-{whose}-{name or kind}.csv")
    else:
        response = HttpResponse(msgspec.json.encode(answer), content_type="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _file(answer: Answer, kind: Kind, name: str) -> HttpResponse:
    """The answer as a CSV file; what it says beside its results is in headers."""
    response = HttpResponse(as_csv(answer, kind), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    for header, value in (
        ("TMon-From", answer.since),
        ("TMon-To", answer.until),
        ("TMon-Previous-From", answer.previous_from),
        ("TMon-Previous-To", answer.previous_to),
        ("TMon-Complete-From", answer.complete_from),
        ("TMon-Visits-Complete-From", answer.visits_complete_from),
        ("TMon-Open-From", answer.open_from),
        ("TMon-As-Of", answer.as_of),
        ("TMon-Approximate", ", ".join(answer.approximate or ())),
        ("TMon-Keys", answer.keys),
    ):
        if value not in (None, UNSET, ""):
            response.headers[header] = str(value)
    return response
