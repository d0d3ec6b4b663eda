# SPDX-License-Identifier: GPL-3.0-or-later
"""Django under ASGI, served by uvicorn."""

from __future__ import annotations

import django_site  # noqa: F401 (it configures Django)
from django.core.handlers.asgi import ASGIHandler
from reporting import begin
from under_uvicorn import serve

begin()
serve(ASGIHandler())
