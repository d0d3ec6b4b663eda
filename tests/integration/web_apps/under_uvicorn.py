# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves an application with uvicorn, which is not to believe any proxy itself."""

from __future__ import annotations

from typing import Any

import uvicorn
from reporting import listening


def serve(app: Any) -> None:
    """Serve until it is ended."""
    config = uvicorn.Config(app, proxy_headers=False, log_level="critical", lifespan="auto")
    uvicorn.Server(config).run(sockets=[listening()])
