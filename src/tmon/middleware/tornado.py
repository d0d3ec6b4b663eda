# SPDX-License-Identifier: LGPL-3.0-or-later
"""For Tornado: `watch(app)`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.routing import PathMatches, Rule, RuleRouter
from tornado.web import Application, Finish, OutputTransform, RequestHandler

from .recorder import Exchange, Recorder

if TYPE_CHECKING:
    from tmon.client_api import Client

Exchanges = WeakKeyDictionary[HTTPServerRequest, Exchange]
NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 (what Tornado calls a peer that came by a Unix socket)


def watch(app: Application, client: Client | None = None, **settings: Any) -> None:
    """Report the requests of `app`. The settings are those of `Recorder`; `username` is given the handler.

    Behind a proxy either `trusted_proxies` is set here or `xheaders` of Tornado's server, not both.
    """
    recorder = Recorder(client, **settings)

    exchanges: Exchanges = WeakKeyDictionary()

    class Following(_Following):
        def __init__(self, request: HTTPServerRequest) -> None:
            super().__init__(request, recorder, exchanges)

    app.add_transform(Following)
    logged = app.log_request

    def log_request(handler: RequestHandler) -> None:
        exchange = exchanges.pop(handler.request, None)
        if exchange is not None:
            try:
                _end(app, handler, exchange)
            except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
                recorder.failed(error, "a request could not be reported")
        logged(handler)

    app.log_request = log_request  # type: ignore[method-assign]  # what a handler calls at its end


class _Following(OutputTransform):
    """Counts what a handler sends. It comes after Tornado's own transform, which compresses."""

    def __init__(self, request: HTTPServerRequest, recorder: Recorder, exchanges: Exchanges) -> None:
        self._exchange: Exchange | None = None
        try:
            if recorder.wants(request.path):
                self._exchange = exchanges[request] = _asked(recorder, request)
        except Exception as error:  # noqa: BLE001 (as above)
            recorder.failed(error, "a request could not be read")

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Count the first piece."""
        return status_code, headers, self.transform_chunk(chunk, finishing)

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        """Count another piece."""
        if self._exchange is not None:
            self._exchange.bytes += len(chunk)
        return chunk


def _asked(recorder: Recorder, request: HTTPServerRequest) -> Exchange:
    headers = request.headers
    return Exchange(
        recorder,
        request.method or "",
        request.uri or "",
        None if request.remote_ip == NO_ADDRESS else request.remote_ip,
        forwarded=headers.get(recorder.proxies.header, ""),
        host=headers.get("Host", ""),
        referrer=headers.get("Referer", ""),
        useragent=headers.get("User-Agent"),
    )


def _end(app: Application, handler: RequestHandler, exchange: Exchange) -> None:
    """Tornado ends a handler also where it raised, and then in the middle of handling that."""
    exchange.status = handler.get_status()
    exchange.route = route(app, handler)
    exchange.ask(handler)
    error = sys.exc_info()[1]
    cut_short = error is not None and not isinstance(error, Finish) and exchange.status < 400
    exchange.end(failed=cut_short and not isinstance(error, StreamClosedError), aborted=cut_short)


def route(app: Application, handler: RequestHandler) -> str:
    """The pattern of the rule that led to the handler; empty where none did."""
    patterns = _patterns(app.default_router.rules, type(handler), handler.request)
    return next(iter(patterns), "")


def _patterns(rules: Iterable[Rule], kind: type[RequestHandler], request: HTTPServerRequest) -> Iterable[str]:
    for rule in rules:
        if isinstance(rule.target, RuleRouter):
            if rule.matcher.match(request) is not None:
                yield from _patterns(rule.target.rules, kind, request)
        elif (
            rule.target is kind
            and isinstance(rule.matcher, PathMatches)
            and rule.matcher.match(request) is not None
        ):
            yield rule.matcher.regex.pattern.removesuffix("$")
