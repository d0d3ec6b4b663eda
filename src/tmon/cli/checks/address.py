# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether people, clients and proxies reach the server as it expects."""

from __future__ import annotations

from collections.abc import Iterator

from .deployment import Deployment
from .findings import Finding, ok, warning


def check(deployment: Deployment) -> Iterator[Finding]:
    """The public address, and with https the proxy that must be in front."""
    from tmon.settings import Stage

    settings = deployment.settings
    if settings.public_url is None:
        if settings.stage is Stage.TESTING:
            yield ok(f"pages and DSNs are for this machine: {settings.base_url}")
        else:
            yield warning(
                f"TMON_PUBLIC_URL is unset, so pages open on this machine only and DSNs say {settings.base_url}",
                "set TMON_PUBLIC_URL to the address that people and clients use",
            )
        return
    if settings.public_url.startswith("https:") and not settings.trusted_proxies:
        yield warning(
            f"the public address is {settings.public_url}, and TMON_TRUSTED_PROXIES is unset: behind a reverse proxy "
            "all requests then seem to come from the proxy, unencrypted",
            "set TMON_TRUSTED_PROXIES to the proxy's address, for instance 127.0.0.1",
        )
        return
    yield ok(f"the public address is {settings.public_url}")
