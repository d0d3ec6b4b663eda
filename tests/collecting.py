# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector with its writer and a real store in this process, on a real socket, and ways to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self
from urllib.parse import urlencode

from prometheus_client import CollectorRegistry, Counter, generate_latest

from tmon.client_api.envelope import Codec, seal, to_data
from tmon.server.calendar import Calendar
from tmon.server.collector import (
    PATH,
    Collect,
    Collector,
    Failures,
    Front,
    Judge,
    Operations,
    Pages,
    Refresher,
    bound,
)
from tmon.server.collector.exchange import Exchange
from tmon.server.pipeline import Locator, Pipeline, SaltMissing, SaltOf, standard_steps
from tmon.server.store.base import Run, Store
from tmon.server.store.memory import MemoryStore
from tmon.server.tenants.keyring import ActiveKey, Service
from tmon.server.writer import Bounds, Follower, Writer
from tmon.settings.proxies import TrustedProxies

WSID = 7
KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
EVENT = {"ip": "72.32.231.8", "useragent": "curl/8.5.0", "url": "/"}
SERVICE = Service(
    wsid=WSID,
    name="shop",
    keys=(ActiveKey(1, KEY, 0),),
    calendar=Calendar([(float("-inf"), "Europe/Vienna")]),
    ip_policy="none",
    retention_days=14,
    events_per_second=100_000,
)


@dataclass
class Answer:
    """An HTTP answer as it was read."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


def sealed(document: Any, *, key: bytes = KEY, wsid: int = WSID, codec: Codec = Codec.PLAIN) -> bytes:
    """An envelope with this JSON document, or these bytes."""
    plaintext = document if isinstance(document, bytes) else json.dumps(document).encode()
    return seal(plaintext, key, wsid, codec=codec)


def form(envelope: bytes, wsid: int | str = WSID) -> bytes:
    return urlencode({"data": to_data(envelope), "wsid": wsid}).encode()


class FakeKeyring:
    """Web services that a test makes; `arriving` are those that only a refresh finds."""

    def __init__(self) -> None:
        self.known = {WSID: SERVICE}
        self.arriving: dict[int, Service] = {}
        self.refreshes = 0
        self.broken = False

    def get(self, wsid: int) -> Service | None:
        return self.known.get(wsid)

    def refresh(self) -> bool:
        self.refreshes += 1
        if self.broken:
            raise ConnectionError("the accounts database is away")
        self.known.update(self.arriving)
        return True

    def change(self, **fields: Any) -> None:
        """Change the web service."""
        self.known[WSID] = replace(self.known[WSID], **fields)


@dataclass
class FakeSalts:
    """Salts that have to be fetched once per day; `away` raises instead."""

    held: dict[int, bytes] = field(default_factory=dict)
    fetched: int = 0
    away: Callable[[], Exception] | None = None

    def known(self, wsid: int) -> SaltOf:
        def salt_of(day: int) -> bytes:
            if day not in self.held:
                raise SaltMissing(day)
            return self.held[day]

        return salt_of

    def fetch(self, wsid: int) -> SaltOf:
        def salt_of(day: int) -> bytes:
            if self.away is not None:
                raise self.away()
            if day not in self.held:
                self.fetched += 1
                self.held[day] = bytes(32)
            return self.held[day]

        return salt_of


class Server:
    """Front, writer and follower on an event loop in a thread of their own."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        bounds: Bounds | None = None,
        failures_per_minute: int = 60,
        debug: bool = True,
        trusted_proxies: str = "",
        metrics_token: str | None = None,
        checks: tuple[Callable[[], str | None], ...] = (),
        application: Any = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.store = store if store is not None else MemoryStore()
        self.keyring = FakeKeyring()
        self.salts = FakeSalts()
        self.registry = CollectorRegistry()
        self.pipeline = Pipeline(standard_steps(Locator(registry=self.registry)))
        self.port = 0
        self.front: Front
        self.writer: Writer
        self.follower: Follower
        self._bounds = bounds
        self._failures = Failures(failures_per_minute)
        self._debug = debug
        self._trusted = TrustedProxies.parse(trusted_proxies)
        self._token = metrics_token
        self._checks = checks
        self._application = application or _not_found
        self._clock = {"clock": clock} if clock is not None else {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._stopping: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop as `tmon serve` does, and wait for it."""
        self.begin_to_stop()
        self._thread.join()

    def begin_to_stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _main(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        follower = self.follower = Follower(self.store, registry=self.registry)
        self.writer = Writer(
            self.store,
            lambda wsid: self.keyring.known[wsid].events_per_second,
            committed=follower.wake,
            bounds=self._bounds,
            registry=self.registry,
        )
        workers = ThreadPoolExecutor(2)
        pages = Pages(self._application)
        operations = Operations(
            lambda: generate_latest(self.registry),
            self._checks,
            token=self._token,
            trusted_proxies=self._trusted,
        )
        collector = Collector(
            keyring=self.keyring,  # type: ignore[arg-type]
            judge=Judge(self.pipeline, self.salts.known, self.salts.fetch, **self._clock),
            writer=self.writer,
            refresher=Refresher(self.keyring.refresh, workers),
            workers=workers,
            failures=self._failures,
            trusted_proxies=self._trusted,
            failed_opens=Counter("tmon_failed_opens", "For tests.", registry=self.registry),
        )
        collect: Callable[[Exchange], Collect] = partial(Collect, collector)
        self.front = Front(
            {
                PATH: collect,
                "/healthz": operations.healthz,
                "/readyz": operations.readyz,
                "/metrics": operations.metrics,
            },
            {f"{PATH}/": collect},
            pages.route,
            debug=self._debug,
            registry=self.registry,
        )
        self.writer.start()
        follower.start()
        (listeners,) = bound("127.0.0.1", 0)
        self.port = listeners[0].getsockname()[1]
        self.front.listen(listeners)
        self._ready.set()
        await self._stopping.wait()
        await self.front.stop(30)
        await self.writer.stop()
        await asyncio.to_thread(follower.stop)
        operations.stop()
        pages.stop()
        workers.shutdown()

    # -- talking to it --------------------------------------------------------------------------------------------

    def request(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> Answer:
        """One request on a connection of its own; `_` in names of headers stands for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named, encode_chunked=isinstance(body, Iterator))
            return read_answer(connection.getresponse())
        finally:
            connection.close()

    def post(self, body: bytes, **headers: str) -> Answer:
        """POST a form."""
        headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        return self.request("POST", "/data/collect", body, **headers)

    def post_raw(self, envelope: bytes, wsid: int | str = WSID, **headers: str) -> Answer:
        """POST an envelope as it is."""
        headers.setdefault("Content_Type", "application/octet-stream")
        return self.request("POST", f"/data/collect/{wsid}", envelope, **headers)

    def send(self, document: Any, **options: Any) -> Answer:
        """Seal a document and POST it as it is."""
        return self.post_raw(sealed(document, **options))

    def talk(self, data: bytes) -> Answer:
        """Send these bytes and read one answer."""
        with self.connection() as connection:
            connection.sendall(data)
            return self.hear(connection)

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def hear(self, connection: socket.socket) -> Answer:
        """Read one answer from a connection, and not a byte of the next one."""
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise ConnectionError(f"the connection ended after {bytes(head)!r}")
            head += byte
        first, *lines = head.decode("latin1").split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        content = bytearray()
        while len(content) < int(headers["content-length"]):
            content += connection.recv(int(headers["content-length"]) - len(content))
        return Answer(int(first.split()[1]), headers, bytes(content))

    def value(self, name: str, **labels: str) -> float | None:
        """A figure of /metrics."""
        return self.registry.get_sample_value(name, labels)

    def runs(self) -> list[Run]:
        """The ledger, with everything in it that was answered."""
        assert self.follower.settle(30)
        return self.store.runs(WSID)

    def stored(self) -> int:
        """How many events the log holds."""
        return len(self.store.events(WSID, 100_000))


def read_answer(response: http.client.HTTPResponse) -> Answer:
    content = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def _not_found(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"nothing here"]
