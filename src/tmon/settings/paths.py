# SPDX-License-Identifier: GPL-3.0-or-later
"""Says where the data files are that T-Mon ships: beside the package in a wheel, at the top of a checkout.

A wheel carries them under ``tmon/_shipped``, put there by setup.py. An editable install or a plain
checkout has no such directory and reads them in place: ``views``, ``templates`` and ``static`` at the
top, the GeoIP data in ``build/geoip``.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
CHECKOUT = PACKAGE.parent.parent

_IN_CHECKOUT = {
    "views": CHECKOUT / "views",
    "templates": CHECKOUT / "templates",
    "static": CHECKOUT / "static",
    "geoip": CHECKOUT / "build" / "geoip",
}


def shipped(name: str) -> Path:
    """Return the directory of what T-Mon ships under ``name``: views, templates, static or geoip.

    The directory is not looked into and may be missing (``geoip`` is in a build that was told to leave
    it out, ``static/vendor`` before the first build).

    Raises ValueError when nothing is shipped under that name.
    """
    if name not in _IN_CHECKOUT:
        raise ValueError(f"nothing is shipped as {name!r}: one of {', '.join(_IN_CHECKOUT)} is")
    installed = PACKAGE / "_shipped"
    return installed / name if installed.is_dir() else _IN_CHECKOUT[name]


def geoip_files() -> list[Path]:
    """Return the shipped GeoIP databases (MMDB), ordered by name; empty when the build left them out."""
    return sorted(shipped("geoip").glob("*.mmdb"))
