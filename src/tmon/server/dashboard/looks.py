# SPDX-License-Identifier: GPL-3.0-or-later
"""What the templates of every page are told: which release this is, and whether its reader prefers dark or light.

Unless he has chosen (static/js/scheme.js, in the cookie), that follows his system, which only the browser knows. The
server has to know the choice, so that a page comes in the right colours and does not change them once its scripts run.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from typing import Final

from django.http import HttpRequest

from tmon.settings.paths import shipped

SCHEME: Final = "tmon_scheme"
"""The cookie with `dark` or `light`."""
LIGHT_WHERE: Final = {"dark": "print", "light": "all"}
"""The media for which the light colours (static/css/light.css) are, by what was chosen; paper is white."""
SUPPORTED: Final = "dark light"
"""What the page says of itself until its style sheets are there (WHATWG HTML, the meta tag color-scheme)."""


@cache
def release() -> str:
    """The version of T-Mon and, after a dash, a digest of what its pages are made of: a page that was made by another
    release should be loaded again.
    """
    digest = hashlib.sha256()
    for root in (shipped("templates"), shipped("static") / "js", shipped("static") / "css"):
        for path in sorted(root.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{version('tmon')}-{digest.hexdigest()[:12]}"


def looks(request: HttpRequest) -> dict[str, str]:
    """A context processor: `release`, `scheme` (dark, light or system), `schemes` and `light_media`."""
    chosen = request.COOKIES.get(SCHEME, "")
    scheme = chosen if chosen in LIGHT_WHERE else "system"
    return {
        "release": release(),
        "scheme": scheme,
        "schemes": chosen if chosen in LIGHT_WHERE else SUPPORTED,
        "light_media": LIGHT_WHERE.get(scheme, "(prefers-color-scheme: light), print"),
    }
