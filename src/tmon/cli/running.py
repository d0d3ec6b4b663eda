# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of process that there are: each is put together here, started in order and stopped in the opposite one.

Alone       owns the store, collects and answers: `tmon serve`
Core        owns the store: `tmon core`, also for `tmon serve --processes N`
Beside      collects and answers beside a core: each of the N
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from socket import socket
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from tmon.server.collector import merged
from tmon.server.store import open_reader
from tmon.server.tenants import Keyring, Salts
from tmon.server.writer import CORE, ORPHANED, Collectors, Commands, RemoteWriter, WriterError
from tmon.settings import Settings

from .collecting import Collecting, start_keyring
from .owning import Owning

log = structlog.get_logger(__name__)

ANSWER_S: Final = 3.0
"""How long the core may take to answer what a collector asks: less than /readyz gives to each of its checks."""
MORE_S: Final = 1.0
"""How much longer than it was given it may take for having the views settled."""
LEFT_ALONE_S: Final = 1.0
REACHED_S: Final = 2.0
LEAVE_S: Final = 15.0
"""How long a core that loses its supervisor waits for collectors, which lose it too and finish what they have taken."""


class Alone:
    """Everything in one process, which holds the lock of the data folder."""

    def __init__(self, settings: Settings) -> None:
        registry = _registry()
        self._keyring, salts = Keyring(), Salts()
        self._owning = Owning(settings, self._keyring, salts, registry)
        self._collecting = Collecting(
            settings,
            self._owning,
            self._owning.store,
            self._keyring,
            salts,
            registry,
            partial(generate_latest, registry),
        )

    async def start(self, listeners: Sequence[socket]) -> None:
        """Start everything and take connections from sockets that listen. Raises OSError, django.db.Error."""
        await asyncio.to_thread(start_keyring, self._keyring)
        await self._owning.start()
        self._collecting.start(listeners)
        _settle_down()

    async def stop(self) -> None:
        """Answer what is under way, write what was accepted, and let go of everything."""
        log.info("stopping")
        await self._collecting.stop()
        await self._owning.stop()
        await asyncio.to_thread(self._keyring.stop)
        await self._collecting.close()
        log.info("stopped")


class Core:
    """The owner of a data folder, whose lock this process holds, for collectors that are processes of their own.

    `kind` is CORE or SUPERVISED.
    """

    def __init__(self, settings: Settings, kind: str) -> None:
        self._registry = _registry()
        self._keyring = Keyring()
        self._owning = Owning(settings, self._keyring, Salts(), self._registry, self._figures, kind=kind)
        self._collectors = Collectors(settings.data, self._owning.writer.take, self._registry)

    async def start(self) -> None:
        """Start everything. Raises OSError, django.db.Error."""
        await asyncio.to_thread(start_keyring, self._keyring)
        await self._owning.start()
        await self._collectors.start()
        _settle_down()

    async def left(self) -> None:
        """Take no more collectors, and wait until none is connected, but not for ever."""
        self._owning.kind = ORPHANED
        await self._collectors.left(LEAVE_S)

    async def stop(self) -> None:
        """Write what was accepted, and let go of everything."""
        log.info("stopping")
        await self._owning.stop()
        await self._collectors.stop()
        await asyncio.to_thread(self._keyring.stop)
        log.info("stopped")

    async def _figures(self) -> dict[str, str]:
        ours = await asyncio.to_thread(_text, self._registry)
        return {CORE: ours, **await self._collectors.figures()}


class Beside:
    """Collects and answers; the store belongs to a core. `name` tells this process's figures from others'."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._registry = _registry()
        self._name = name
        self._keyring = Keyring()
        self._reader = open_reader(settings.store, settings.data)
        self._owner = _Elsewhere(settings.data, name, self._registry)
        self._collecting = Collecting(
            settings, self._owner, self._reader, self._keyring, Salts(), self._registry, self._figures
        )

    async def start(self, listeners: Sequence[socket], *, others: Sequence[socket] = ()) -> None:
        """Start everything and take connections from sockets that listen, and what waits too long at others'.

        Raises OSError, django.db.Error.
        """
        await asyncio.to_thread(start_keyring, self._keyring)
        self._owner.writer.start()
        await self._owner.writer.reached(REACHED_S)  # else the first envelopes would be refused
        self._collecting.start(listeners, others=others)
        _settle_down()

    async def stop(self) -> None:
        """Answer what is under way, and let go of everything."""
        log.info("stopping")
        await self._collecting.stop()
        await self._owner.writer.stop()
        await asyncio.to_thread(self._keyring.stop)
        await self._collecting.close()
        self._owner.commands.close()
        self._reader.close()
        log.info("stopped")

    def _figures(self) -> bytes:
        try:
            texts = self._owner.commands.ask({"do": "figures"}, ANSWER_S)["figures"]
        except WriterError:
            texts = {}
        return merged({self._name: _text(self._registry), **texts})


class _Elsewhere:
    """The owner of the store, where that is another process."""

    def __init__(self, data_dir: Path, name: str, registry: CollectorRegistry) -> None:
        self.commands = Commands(data_dir)
        self.writer = RemoteWriter(data_dir, name, partial(_text, registry), registry=registry)
        self.checks = (self._check,)
        self._left_alone_until = 0.0

    def settle(self, seconds: float) -> bool:
        """See Follower.settle. A core that did not answer is left alone for a while: questions do not wait for it."""
        if time.monotonic() < self._left_alone_until:
            return False
        try:
            answer = self.commands.ask({"do": "settle", "seconds": seconds}, seconds + MORE_S)
        except WriterError:
            self._left_alone_until = time.monotonic() + LEFT_ALONE_S
            return False
        return bool(answer["settled"])

    def _check(self) -> str | None:
        if not self.writer.connected:
            return "the writer is away"
        try:
            return "; ".join(self.commands.ask({"do": "readiness"}, ANSWER_S)["reasons"]) or None
        except WriterError as error:
            return str(error)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def _text(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def _settle_down() -> None:
    """What the start has made lives as long as the process; the collector of garbage need not look through it.

    Nor need it look after every 700 objects: an event makes dozens, and hardly any of them refer to each other in
    circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
