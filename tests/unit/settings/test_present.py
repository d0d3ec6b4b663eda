# SPDX-License-Identifier: GPL-3.0-or-later
"""What settings are at present is told without secrets, also where some are wrong."""

from __future__ import annotations

from pathlib import Path

from tmon.settings import Present, declarations, present

SECRET = "0123456789abcdef0123456789abcdef"


def one(name: str, environ: dict[str, str]) -> Present:
    return next(found for found in present(environ) if found.declaration.name == name)


def test_every_setting_is_told_in_the_order_of_its_declaration() -> None:
    assert [found.declaration for found in present({})] == [declaration for _, declaration in declarations()]


def test_a_setting_that_is_not_given_has_its_default() -> None:
    found = one("TMON_LOG_LEVEL", {})
    assert (found.shown, found.given, found.wrong) == ("info", False, None)
    assert one("TMON_GEOIP", {"TMON_GEOIP": ""}).shown == "unset"


def test_a_secret_is_told_as_set() -> None:
    found = one("TMON_SECRET_KEY", {"TMON_SECRET_KEY": SECRET})
    assert (found.shown, found.given, found.wrong) == ("set", True, None)
    assert one("TMON_SECRET_KEY", {}).shown == "unset"


def test_a_secret_from_a_file_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    assert (
        one("TMON_SECRET_KEY", {"TMON_SECRET_KEY_FILE": str(tmp_path / "secret")}).shown == "set, from a file"
    )


def test_what_is_wrong_is_told_beside_what_is_right() -> None:
    environ = {"TMON_LOG_LEVEL": "loud", "TMON_PUBLIC_URL": "https://tmon.example.org"}
    assert one("TMON_LOG_LEVEL", environ).wrong == "'loud' is none of debug, info, warning, error"
    assert one("TMON_PUBLIC_URL", environ).wrong is None


def test_a_secret_file_that_is_missing_is_wrong(tmp_path: Path) -> None:
    found = one("TMON_TOKEN", {"TMON_TOKEN_FILE": str(tmp_path / "none")})
    assert found.wrong == f"TMON_TOKEN_FILE: can't read {tmp_path}/none: No such file or directory"
