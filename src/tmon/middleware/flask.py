# SPDX-License-Identifier: LGPL-3.0-or-later
"""For Flask: `watch(app)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, request, request_started

from .recorder import Exchange
from .wsgi import EXCHANGE, WsgiMiddleware

if TYPE_CHECKING:
    from tmon.client_api import Client


def watch(app: Flask, client: Client | None = None, **settings: Any) -> None:
    """Report the requests of `app`. The settings are those of `Recorder`; `username` is given Flask's request.

    It is asked within the request, so that what extensions for logins keep there can be read.
    """
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, client, **settings)  # type: ignore[method-assign]  # as Flask says to
    request_started.connect(_routed, app)
    app.teardown_request(_ending)


def _routed(_: Flask, **__: Any) -> None:
    exchange = _exchange()
    if exchange is not None and request.url_rule is not None:
        exchange.route = request.url_rule.rule


def _ending(_: BaseException | None) -> None:
    exchange = _exchange()
    if exchange is not None:
        exchange.ask(request)


def _exchange() -> Exchange | None:
    return request.environ.get(EXCHANGE)
