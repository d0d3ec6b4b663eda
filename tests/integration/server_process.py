# SPDX-License-Identifier: GPL-3.0-or-later
"""A real `tmon serve` process on a data folder of its own: started, stopped and killed, spoken to over HTTP.

with ServerProcess(tmp_path) as server:
    shop = server.webservice("shop")
    server.collect(shop, shop.seal([{"url": "/", "ip": None, "useragent": None}]))
    server.ask(shop, "summary")["results"]["requests"]
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

from tests.integration import ready_commands

from tmon.client_api import envelope

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 60.0
IDLE_S: Final = 45.0
"""A server ends a connection that was idle for 75 s, and a slow machine may be about to."""
OWNER: Final = "harbour"
PAGE: Final = 1_000
_SERVES: Final = re.compile(rb"^T-Mon serves http://127\.0\.0\.1:(\d+)$", re.MULTILINE)
_TROUBLE: Final = re.compile(r"\[(?:error|critical) *\]|Traceback|Exception|Error\b|Warning\b")


class WebService(NamedTuple):
    """A web service to send to and to ask about."""

    wsid: int
    secret: bytes
    dsn: str

    def seal(self, document: Any, codec: envelope.Codec = envelope.Codec.ZLIB) -> bytes:
        """A fresh envelope whose plaintext is `document`: bytes as they are, anything else as JSON."""
        plaintext = document if isinstance(document, bytes) else json.dumps(document).encode()
        return envelope.seal(plaintext, self.secret, self.wsid, codec=codec)


class Answer(NamedTuple):
    """An HTTP answer; header names are in lower case and the body is as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> bytes:
        """The body without its Content-Encoding."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    def json(self) -> Any:
        """The JSON in the body."""
        return json.loads(self.content)


class Connection:
    """One kept connection to a server, made anew where it was idle for long; belongs to one thread."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
        self._used_at = time.monotonic()

    def send(
        self, method: str, target: str, body: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> Answer:
        """Send a request and read its answer. Raises OSError or HTTPException where there is none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if time.monotonic() - self._used_at > IDLE_S:
            self._http.close()
        try:
            self._http.request(method, target, body, named, encode_chunked=isinstance(body, Iterator))
            response = self._http.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            self._used_at = time.monotonic()
            return Answer(response.status, fields, response.read())
        except (OSError, http.client.HTTPException):
            self._http.close()
            raise

    def collect(self, wsid: int | str, sealed: bytes) -> Answer:
        """Send a raw envelope."""
        path = f"/data/collect/{wsid}"
        return self.send("POST", path, sealed, Content_Type="application/octet-stream")

    def close(self) -> None:
        self._http.close()


class ServerProcess:
    """`tmon serve` on `data`, with further arguments. Where `environ` names settings, every command and every start
    gets them.
    """

    def __init__(self, data: Path, *arguments: str, **environ: str) -> None:
        self.data = data
        self.arguments = arguments
        self.port = 0
        self.log_path = data / "serve.log"
        self._environ = {**os.environ, **environ, "TMON_DATA": str(data)}
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._token = ""
        self._logged = 0

    # -- starting and ending ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it says that it serves."""
        self.launch()
        self.wait_until_it_serves()

    def launch(self) -> None:
        """Start it without waiting for it: on a free port at first, on the same one later."""
        assert self._process is None, "it runs"
        assert self.token  # a data folder without accounts would be given some by the start itself
        with self.log_path.open("ab") as log:
            self._logged = log.tell()
            self._process = subprocess.Popen(
                [*_TMON, "serve", "--host", HOST, "--port", str(self.port), *self.arguments],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_it_serves(self) -> None:
        """Wait for what a launched one says when it listens."""

        def serving() -> bool:
            assert self._process is not None, "it does not run"
            if self._process.poll() is not None:
                raise AssertionError(f"tmon serve has ended: {self.log[-2000:]}")
            found = _SERVES.search(self.log_path.read_bytes()[self._logged :])
            if found:
                self.port = int(found[1])
            return bool(found)

        until(serving, "it serves")
        self._connection = Connection(self.port)

    def stop(self) -> None:
        """Ask it to end, which it does in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does: nothing of it runs any more."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        if self._connection is not None:
            self._connection.close()
        process.send_signal(number)
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        assert status == (-signal.SIGKILL if number is signal.SIGKILL else 0), self.log[-2000:]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process is not None:
            if kind is None:
                self.stop()
            else:
                self.kill()

    # -- looking at it ------------------------------------------------------------------------------------------------

    @property
    def runs(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    @property
    def said(self) -> str:
        """What it has printed and logged since the last start."""
        return self.log_path.read_bytes()[self._logged :].decode(errors="replace")

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def children(self) -> dict[str, int]:
        """The numbers of the processes that it has started, by their names: `core`, `collector-1` and so on."""
        found = {}
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError):
                line = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
                if "--lifeline" in line:  # not between fork and exec
                    found[line[line.index("--name") + 1] if "--name" in line else "core"] = int(child)
        return found

    @property
    def log(self) -> str:
        """What it has printed and logged since the first start."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def troubles(self) -> list[str]:
        """Lines of the log that no request should be able to cause: errors, tracebacks, warnings of Python's."""
        return [line for line in self.log.splitlines() if _TROUBLE.search(line)]

    def metric(self, name: str) -> float:
        """A sample of /metrics, `name` with its labels."""
        text = self.connection.send("GET", "/metrics").body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    # -- accounts -----------------------------------------------------------------------------------------------------

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run a `tmon` command on the data folder and return what it prints."""
        return _printed(ready_commands.run(*arguments, environ=self._environ, stdin=stdin))

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a program with the server's settings and return what it prints."""
        done = subprocess.run(
            command, input=stdin, env=self._environ, capture_output=True, check=False, text=True
        )
        return _printed(done)

    @property
    def token(self) -> str:
        """A token that reads every web service made here. The first use makes the owner, and it."""
        if not self._token:
            if self._keeps_accounts_elsewhere or (self.data.exists() and any(self.data.iterdir())):
                self._token = _make_owner(self._environ)
            else:
                folder, self._token = _furnished()
                shutil.copytree(folder, self.data, dirs_exist_ok=True)
        return self._token

    @property
    def _keeps_accounts_elsewhere(self) -> bool:
        """Whether accounts are kept or sealed otherwise than in a data folder that a first command made."""
        return not {"DATABASE_URL", "TMON_STAGE", "TMON_SECRET_KEY", "TMON_SECRET_KEY_FILE"}.isdisjoint(
            self._environ
        )

    def share_accounts(self, other: ServerProcess) -> None:
        """Have the owner and the token of a server that uses the same accounts database."""
        self._token = other.token

    def webservice(self, name: str, zone: str = "UTC") -> WebService:
        """Make a web service; the owner of all is made with the first."""
        assert self.token
        made = json.loads(
            self.command("webservice", "create", name, "--owner", OWNER, "--timezone", zone, "--json")
        )
        return WebService(made["wsid"], bytes.fromhex(made["secret"]), made["dsn"])

    # -- HTTP ---------------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """The test's own connection."""
        assert self._connection is not None, "it does not run"
        return self._connection

    def connect(self) -> Connection:
        """Another connection, for another thread."""
        return Connection(self.port)

    def dsn(self, service: WebService) -> str:
        """The web service's DSN, with the port that this server listens on."""
        return f"tmon+http://{service.secret.hex()}@{HOST}:{self.port}/{service.wsid}"

    def collect(self, service: WebService, sealed: bytes) -> Answer:
        """Send an envelope."""
        return self.connection.collect(service.wsid, sealed)

    def ask(self, service: WebService, path: str, **parameters: Any) -> Any:
        """The whole answer to a question below `/<wsid>/data/`; `since` stands for `from`, a list for several."""
        if "since" in parameters:
            parameters["from"] = parameters.pop("since")
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        target = f"/{service.wsid}/data/{path}{query}"
        answer = self.connection.send("GET", target, Authorization=f"Bearer {self.token}")
        assert answer.status == 200, (target, answer)
        content = answer.json()
        assert content["status_code"] == 200
        return content

    def events(self, service: WebService, after: int = 0) -> list[dict[str, Any]]:
        """Every event after that number that the server still has, the oldest first."""
        found: list[dict[str, Any]] = []
        while page := self.ask(service, "events", after=after, limit=PAGE)["results"]:
            found += page
            after = page[-1]["seq"]
        return found


def _printed(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def _make_owner(environ: Mapping[str, str]) -> str:
    """Make the owner and a token of his, and return it."""
    _printed(ready_commands.run("user", "create", OWNER, environ=environ))
    made = _printed(ready_commands.run("token", "create", OWNER, "--json", environ=environ))
    token: str = json.loads(made)["token"]
    return token


@functools.cache
def _furnished() -> tuple[Path, str]:
    """A data folder with the owner and nothing else, to be copied, and the owner's token. Making the tables anew each
    time would take the processor longer than all other commands of most tests.
    """
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return folder, _make_owner({**os.environ, "TMON_DATA": str(folder)})


def until(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds, and fail where that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


_TMON: Final = (sys.executable, "-W", "error", "-m", "tmon.cli")
