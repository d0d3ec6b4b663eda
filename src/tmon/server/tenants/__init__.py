# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenants room: who has accounts, which web services there are, their keys, and who may read what.

`keyring`, `salts` and `errors` may be imported before Django is set up; the other modules after
`tmon.settings.prepare`.

    models          the tables
    keyring         what the way in knows of web services, in memory
    salts           the salts of visitors
    keys, tokens    issue, revoke, open
    accounts        what is done with users, web services, members and tokens
    audit           who has done what
    sharing, guests the links by which guests read, and their door
    invitations     links that make members
    mail            sends some of these links
    throttle        slows down who guesses
    erasures        what is erased from the store
    rights, access  who may read what, and how requests say who they are
    annotating      what people note about moments
    deletions       what the store has still to drop
"""

from __future__ import annotations

from .errors import NotFound, Refused, SaltsUnavailable, StoreAway, TenantsError
from .keyring import ActiveKey, Keyring, Service
from .salts import MISSING, Salts

__all__ = [
    "MISSING",
    "ActiveKey",
    "Keyring",
    "NotFound",
    "Refused",
    "Salts",
    "SaltsUnavailable",
    "Service",
    "StoreAway",
    "TenantsError",
]
