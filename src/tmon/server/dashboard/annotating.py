# SPDX-License-Identifier: GPL-3.0-or-later
"""`/<wsid>/data/annotations`: what people note about moments. Readers read; managers write, change and delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.gzip import gzip_page

from tmon.server.query import Answer, BadQuestion, Noted, Questions, Subject
from tmon.server.tenants import annotating
from tmon.server.tenants.access import AskedRequest, changes_webservice, json_error, reads_webservice
from tmon.server.tenants.errors import NotFound, Refused
from tmon.server.tenants.models import Annotation

from .data import Given, answered
from .services import wired

METHODS = ("GET", "HEAD", "POST")
METHODS_OF_ONE = ("GET", "HEAD", "POST", "DELETE")


class New(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to note something; without `t` it is about now."""

    text: str
    t: str | None = None


class Changed(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent to change it: both, or one of them."""

    text: str | None = None
    t: str | None = None


Content = TypeVar("Content", New, Changed)


def annotations_of(request: HttpRequest, wsid: int) -> HttpResponseBase:
    """`/<wsid>/data/annotations`."""
    return (_add if request.method == "POST" else _list)(request, wsid)


def annotation(request: HttpRequest, wsid: int, number: int) -> HttpResponseBase:
    """`/<wsid>/data/annotations/<number>`."""
    views = {"POST": _change, "DELETE": _remove}
    return views.get(request.method or "", _show)(request, wsid, number)


# The views below decide about tokens against forgery.
annotations_of.csrf_exempt = annotation.csrf_exempt = True  # type: ignore[attr-defined]


@gzip_page
@reads_webservice(methods=METHODS)
def _list(request: AskedRequest) -> HttpResponse:
    wsid = request.webservice.wsid

    def find(start: int, end: int) -> list[Noted]:
        return [_noted(one) for one in annotating.between(wsid, start, end)]

    def ask(questions: Questions, subject: Subject, given: Given) -> Answer:
        return questions.annotations(subject, given, find)

    return answered(request, "annotations", ask)


@reads_webservice(methods=METHODS_OF_ONE)
def _show(request: AskedRequest, number: int) -> HttpResponse:
    return _done(request, lambda _questions, _subject: annotating.one(request.webservice.wsid, number))


@changes_webservice()
def _add(request: AskedRequest) -> HttpResponse:
    def add(questions: Questions, subject: Subject) -> Annotation:
        content = _content(request, New)
        at = questions.moment(subject, content.t)
        return annotating.add(request.webservice, request.user, at, content.text)

    return _done(request, add, 201)


@changes_webservice()
def _change(request: AskedRequest, number: int) -> HttpResponse:
    def change(questions: Questions, subject: Subject) -> Annotation:
        content = _content(request, Changed)
        at = None if content.t is None else questions.moment(subject, content.t)
        return annotating.change(request.webservice, request.user, number, at, content.text)

    return _done(request, change)


@changes_webservice()
def _remove(request: AskedRequest, number: int) -> HttpResponse:
    return _done(
        request, lambda _questions, _subject: annotating.remove(request.webservice, request.user, number)
    )


def _done(
    request: AskedRequest, act: Callable[[Questions, Subject], Annotation], status: int = 200
) -> HttpResponse:
    """What `act` returns as an answer with that status, or why it was not done."""
    services = wired()
    subject = services.subject(request.webservice.wsid)
    if subject is None:
        return json_error(404)
    if request.GET:
        return json_error(400, "One annotation has no parameters.")
    try:
        answer = services.questions.annotation(subject, _noted(act(services.questions, subject)), status)
    except NotFound:
        return json_error(404, "There is no such annotation.")
    except (BadQuestion, Refused) as error:
        return json_error(400, str(error))
    return HttpResponse(
        msgspec.json.encode(answer),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )


def _content(request: AskedRequest, kind: type[Content]) -> Content:
    """The JSON that was sent. Raises BadQuestion."""
    if request.content_type != "application/json":
        raise BadQuestion("send JSON, and say so: Content-Type: application/json")
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadQuestion(f"this is not the JSON that an annotation is made of: {error}") from None


def _noted(row: Annotation) -> Noted:
    return Noted(
        id=row.pk,
        at_ms=round(row.at.timestamp() * 1000),
        text=row.text,
        by=row.by.get_username() if row.by is not None else None,
        created_ms=round(row.created.timestamp() * 1000),
    )
