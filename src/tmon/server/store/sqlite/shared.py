# SPDX-License-Identifier: GPL-3.0-or-later
"""What entries and events of the log share: texts, places, user agents, campaigns and profiles, by their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ...events import NO_CAMPAIGN, Agent, Campaign, Place
from .dictionary import Dictionary
from .driver import Connection

Profile = tuple[int, str, str | None, str | None, int | None, str | None, str, Campaign]
"""wsid, source, host, method, status, user name, referrer's site, campaign."""


class Shared:
    """The shared values of the log. Used within the writer's transaction."""

    def __init__(self, log: Connection) -> None:
        self.texts = Dictionary[str](log, "texts", ("text",), lambda text: (text,))
        self.places = Dictionary[Place](log, "places", ("country", "region", "city", "lat", "lon"), _row)
        self.agents = Dictionary[Agent](
            log, "agents", ("useragent", "os", "browser", "device", "model", "bot"), _row
        )
        self.profiles = Dictionary[Profile](
            log,
            "profiles",
            ("wsid", "source", "host", "method", "status", "username", "site", "campaign"),
            self._profile_row,
            _profile_identity,
        )
        self._campaigns = Dictionary[Campaign](
            log, "campaigns", ("source", "medium", "campaign", "term", "content"), _row
        )
        self._all = (self.texts, self.places, self.agents, self.profiles, self._campaigns)

    def begin(self, day: int) -> None:
        """Start a transaction on this day (since 1970)."""
        for dictionary in self._all:
            dictionary.begin(day)

    def forget(self) -> None:
        """Forget all numbers: some were changed, deleted, or given out in a transaction that was rolled back."""
        for dictionary in self._all:
            dictionary.forget()

    def learn_parts_of(self, profiles: Iterable[Profile]) -> None:
        """Learn what those of these profiles are made of that have no number: do so before learning them."""
        unknown = self.profiles.unknown(profiles)
        self.texts.learn(text for profile in unknown for text in _texts_of(profile) if text)
        self._campaigns.learn(profile[7] for profile in unknown if profile[7] != NO_CAMPAIGN)

    def _profile_row(self, profile: Profile) -> tuple[Any, ...]:
        wsid, source, host, method, status, username, site, campaign = profile
        text = self.texts.numbers
        return (
            wsid,
            text[source] if source else None,
            text[host] if host else None,
            text[method] if method else None,
            status,
            text[username] if username else None,
            text[site] if site else None,
            None if campaign == NO_CAMPAIGN else self._campaigns.numbers[campaign],
        )


def _texts_of(profile: Profile) -> tuple[str | None, ...]:
    _, source, host, method, _, username, site, _ = profile
    return source, host, method, username, site


def _profile_identity(profile: Profile) -> tuple[Any, ...]:
    return (*profile[:7], _row(profile[7]))


def _row(value: Any) -> tuple[Any, ...]:
    return msgspec.structs.astuple(value)
