# SPDX-License-Identifier: GPL-3.0-or-later
"""The MMDB files by which addresses are located: which, whether they can be read, and how old they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

OLD_DAYS: Final = 90
TRIED: Final = ("192.0.2.1", "2001:db8::1")


def check(deployment: Deployment) -> Iterator[Finding]:
    """The operator's own file, else those that came with the installation."""
    from tmon.settings.paths import geoip_files

    own = deployment.settings.geoip
    files = [own] if own else geoip_files()
    if not files:
        yield warning(
            "this installation came without GeoIP data, so nothing is located",
            "set TMON_GEOIP to an MMDB file with cities, or build again without TMON_BUILD_WITHOUT_GEOIP",
        )
    for file in files:
        yield _of_file(file, deployment.now, "TMON_GEOIP" if own else "")


def _of_file(file: Path, now: float, setting: str) -> Finding:
    named = f"{setting}: {file}" if setting else str(file)
    advice = (
        f"set {setting} to an MMDB file that the server's user can read" if setting else "install T-Mon again"
    )
    try:
        kind, built = _described(file)
    except OSError as error:
        return problem(f"{named} cannot be read: {error.strerror or error}", advice)
    except Exception as error:  # noqa: BLE001 (the reader raises all sorts of errors at what is no MMDB file)
        return problem(f"{named} is no MMDB file, or a damaged one ({type(error).__name__})", advice)
    days = int((now - built) // 86_400)
    said = f"{named}: {kind} of {dt.datetime.fromtimestamp(built, dt.UTC):%Y-%m-%d}"
    if days > OLD_DAYS:
        newer = (
            "replace the file, which is noticed while the server runs"
            if setting
            else "upgrade T-Mon, or set TMON_GEOIP"
        )
        return warning(f"{said}, {days} days old; networks have moved since", newer)
    return ok(said)


def _described(file: Path) -> tuple[str, int]:
    """Its type and build time. By the reader in pure Python, which damaged data cannot crash."""
    import maxminddb

    with maxminddb.open_database(file, maxminddb.MODE_MMAP) as reader:
        metadata = reader.metadata()
        for address in TRIED if metadata.ip_version == 6 else TRIED[:1]:
            reader.get(address)
        return str(metadata.database_type), int(metadata.build_epoch)
