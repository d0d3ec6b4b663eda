# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that finds the site that a request was referred from."""

from __future__ import annotations

import re
from typing import Final

from tmon.server.events import Referrer

from .draft import Delivery, Draft
from .recent import Recent

_AUTHORITY: Final = re.compile(r"[a-z][a-z0-9+.-]*+://([^/?#\\]*+)", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:[\w.-]{1,253}|\[[0-9a-f:.]{2,45}\])\Z")


def site_of(host: str) -> str:
    """A host as it is counted: lower case, without port, `www.` and the root's dot; "" where it is none."""
    host = host.lower()
    end = host.find("]") + 1 if host.startswith("[") else host.find(":")
    if end >= 0:
        host = host[:end]
    host = host.rstrip(".")
    if host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    return host if _HOST.match(host) else ""


def _authority(url: str) -> str:
    """Host and port of a URL, "" of anything else."""
    match = _AUTHORITY.match(url)
    return match[1].rpartition("@")[2] if match else ""


def _read(text: str) -> tuple[Referrer, Referrer]:
    site = site_of(_authority(text))
    own = Referrer(text)
    return (Referrer(text, site), own) if site else (own, own)


REFERRERS: Final = Recent[str, tuple[Referrer, Referrer]](_read, room=3_000_000, each=400)
"""A referrer by its text: as seen by others, and as seen by its own host, which does not refer to itself."""

SITES: Final = Recent[str, str](site_of, room=1_000_000, each=150)


def refer(draft: Draft, delivery: Delivery) -> Draft:
    """Fill in `referrer`. Its site is "" where the referrer is no URL, or of the host that was asked.

    That host is the event's own, or else that of its url where it has one.
    """
    given = draft.given
    text = given.referrer
    if text:
        referrer, own = REFERRERS[text]
        host = given.host
        if host is None:
            url = given.url
            host = _authority(url) if url and url[0] != "/" else ""
        draft.referrer = own if host and referrer.site == SITES[host] else referrer
    return draft
