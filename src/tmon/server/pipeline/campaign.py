# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that splits a url into path and query and reads the campaign from the query's utm parameters."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from tmon.server.events import NO_CAMPAIGN, Campaign

from .draft import Delivery, Draft
from .recent import Recent

_PARAMETERS: Final = {f"utm_{field}": field for field in ("source", "medium", "campaign", "term", "content")}


def _read(query: str) -> Campaign:
    found: dict[str, str] = {}
    for part in query.partition("#")[0].split("&"):
        name, _, value = part.partition("=")
        field = _PARAMETERS.get(name)
        if field is not None and field not in found:
            found[field] = unquote_plus(value, errors="replace").replace("\0", "\ufffd")
    campaign = Campaign(**found)
    return NO_CAMPAIGN if campaign == NO_CAMPAIGN else _EQUAL[campaign]


def _itself(campaign: Campaign) -> Campaign:
    return campaign


_EQUAL: Final = Recent[Campaign, Campaign](_itself, room=500_000, each=400)
CAMPAIGNS: Final = Recent[str, Campaign](_read, room=2_000_000, each=150)
"""The campaign by the query of a url. Of a parameter that is repeated the first counts."""


def campaign(draft: Draft, delivery: Delivery) -> Draft:
    """Fill in `path`, `query` and `campaign`."""
    url = draft.given.url
    if url is not None:
        draft.path, mark, query = url.partition("?")
        if mark:
            draft.query = query
            if "utm_" in query:
                draft.campaign = CAMPAIGNS[query]
    return draft
