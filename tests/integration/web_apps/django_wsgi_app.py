# SPDX-License-Identifier: GPL-3.0-or-later
"""Django under WSGI, served by the standard library."""

from __future__ import annotations

import django_site  # noqa: F401 (it configures Django)
from django.core.handlers.wsgi import WSGIHandler
from reporting import begin
from under_wsgiref import serve

begin()
serve(WSGIHandler())
