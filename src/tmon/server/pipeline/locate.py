# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that finds the place of an event's address."""

from __future__ import annotations

from .draft import Delivery, Draft, Step
from .geoip import Locator


def locate_with(locator: Locator) -> Step:
    """The step that fills in `place` from the locator's files. Private and unknown addresses are nowhere."""

    def locate(draft: Draft, delivery: Delivery) -> Draft:
        address = draft.address
        if address is not None:
            draft.place = locator.places[address]
        return draft

    return locate
