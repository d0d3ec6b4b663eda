# SPDX-License-Identifier: LGPL-3.0-or-later
"""For Flask: `watch(app)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Flask, request

from .recorder import Exchange
from .wsgi import EXCHANGE, WsgiMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from tmon.client_api import Client

REQUEST: Final = "werkzeug.request"
"""Where werkzeug leaves its request in the environment."""


def watch(app: Flask, client: Client | None = None, **settings: Any) -> None:
    """Report the requests of `app`. The settings are those of `Recorder`; `username` is given Flask's request.

    It is asked within the request, so that what extensions for logins keep there can be read.
    """
    middleware = WsgiMiddleware(app.wsgi_app, client, route=_route, **settings)
    app.wsgi_app = middleware  # type: ignore[method-assign]  # as Flask says to
    if settings.get("username") is not None:
        app.teardown_request(_ask)


def _route(environ: WSGIEnvironment) -> str:
    rule = getattr(environ.get(REQUEST), "url_rule", None)
    return rule.rule if rule is not None else ""


def _ask(_: BaseException | None) -> None:
    exchange: Exchange | None = request.environ.get(EXCHANGE)
    if exchange is not None:
        exchange.ask(request)
