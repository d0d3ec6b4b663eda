# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with accounts and web services.

TenantsError            the message says what is wrong and what to do
├── NotFound            no such user, web service, key, member or token
├── Refused             it exists but this can't be done to it (name taken, two keys active, unknown zone …)
├── StoreAway           whoever owns the event store did not do what was asked; the message says why
└── SaltsUnavailable    the accounts database can't be asked for a salt now; try again later
"""

from __future__ import annotations


class TenantsError(Exception):
    """Base of this room's errors."""


class NotFound(TenantsError):
    """What was named does not exist."""


class Refused(TenantsError):
    """What was asked for breaks a rule."""


class StoreAway(TenantsError):
    """The event store can't be asked now, or could not do it."""


class SaltsUnavailable(TenantsError):
    """No answer from the accounts database; nothing was decided."""
