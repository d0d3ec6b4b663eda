# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from one web service's pages to another's."""

from __future__ import annotations

from tmon.server.tenants.access import AskedRequest
from tmon.server.tenants.models import WebService
from tmon.server.tenants.rights import readable_by


def others(request: AskedRequest) -> list[WebService]:
    """The other web services that whoever asks may read, as far as a token reaches, by name."""
    reaches = [one for one, _ in readable_by(request.user) if request.reach in (None, one.wsid)]
    return [one for one in reaches if one.wsid != request.webservice.wsid]
