# SPDX-License-Identifier: LGPL-3.0-or-later
"""For Starlette, and what is built on it: `watch(app)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .asgi import AsgiMiddleware, Scope

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from tmon.client_api import Client


def watch(app: Starlette, client: Client | None = None, **settings: Any) -> None:
    """Report the requests of `app`. The settings are those of `Recorder`; `username` is given the ASGI scope.

    What the application's own middleware answers is reported if that is added before.
    """
    app.add_middleware(AsgiMiddleware, client=client, route=_route, **settings)  # type: ignore[arg-type]  # looser types


def _route(scope: Scope, root_path: str) -> str:
    """The path of the route, below where its application is mounted."""
    template = getattr(scope.get("route"), "path", "")
    mounted = scope.get("root_path", "").removeprefix(root_path)
    return f"{mounted}{template}" if template else ""
