# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a script or a style sheet in templates."""

from __future__ import annotations

from django import template
from django.templatetags.static import static

from tmon.server.dashboard.built import built

register = template.Library()


@register.simple_tag
def bundle(source: str) -> str:
    """The address of what was built of this file of `static`, or of the file itself where nothing was."""
    return static(built().get(source, source))
