# SPDX-License-Identifier: GPL-3.0-or-later
"""A Django project as it would be deployed: the DSN is in the environment, the client is made before gunicorn forks."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

import tmon

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["tmon.middleware.django.TmonMiddleware"],
    ROOT_URLCONF="shop_django",
    SECRET_KEY="for tests",
)
django.setup()
tmon.init(source="shop")


def item(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(f"item {number}")


urlpatterns = [path("items/<int:number>", item)]
application = get_wsgi_application()
