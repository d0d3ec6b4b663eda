# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a CouchDB, as one: what one of them does not do, another is asked."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ..base import Unavailable
from .address import Address
from .answers import NodeFailed
from .asking import Request, target
from .errors import Answered, TooLarge
from .node import Busy, Lines, Node
from .resting import FIRST_S, LONGEST_S, Rests

TIMEOUT_S: Final = 30.0
LARGEST_BYTES: Final = 64 * 1024 * 1024
CONNECTIONS: Final = 16
Done = TypeVar("Done")


class Nodes:
    """The nodes at an address. From any thread.

    A request may reach two nodes, or one of them twice: the node that did it may be the one whose answer was lost. So
    only what may be repeated is to be asked. What this store writes may: every document has an id of its own before it
    is sent, and one that an earlier try has written answers as a conflict at the next. Whoever meets a conflict
    therefore looks at what is there before he takes it for somebody else's.

    A node fails by refusing the connection, not answering in time, breaking off, a 5xx, 408 or 429, and whatever isn't
    CouchDB's JSON. Which node is asked when is said in resting.py; with `n` nodes a request takes at most `n` times
    what node.py says. An answer 202 (written by fewer nodes of the cluster than it wants) is one like 201.

    `connections` bounds the connections to each node, `rest_s` how long a failed node is left alone: at first, and at
    most.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout_s: float = TIMEOUT_S,
        largest_bytes: int = LARGEST_BYTES,
        connections: int = CONNECTIONS,
        rest_s: tuple[float, float] = (FIRST_S, LONGEST_S),
    ) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._largest_bytes = largest_bytes
        # Without TLS nothing is verified, and reading the certificates takes 20 ms.
        tls = ssl.create_default_context() if address.secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._nodes = [Node(where, address, tls, connections) for where in address.nodes]
        self._rests = Rests(len(self._nodes), first_s=rest_s[0], longest_s=rest_s[1])
        self._closed = False

    def request(
        self,
        method: str,
        *path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout_s: float | None = None,
        largest_bytes: int | None = None,
    ) -> Any:
        """Ask the first node that answers, and return the JSON.

        `path` are the parts of the path, quoted here, with `_design`, `_local` and the name behind them as two parts.
        The values of `params` are written as CouchDB wants them: keys as JSON, True as `true`, text as it is. `body` is
        sent as JSON, None is no body. `timeout_s` and `largest_bytes` (of the answer) replace those of all requests.

        Raises Unavailable when every node has failed, naming what each did; Refused, Missing, Conflict, Exists and
        Answered for what CouchDB says of the request; TooLarge.
        """
        request = self.prepared(
            method, path, params or {}, body=body, timeout_s=timeout_s, largest_bytes=largest_bytes
        )
        return self._first(lambda node: node.ask(request), request.what)[1]

    def follow(self, request: Request) -> tuple[int, Lines]:
        """The lines of an answer that goes on, and the number of the node, for `fail`. Raises as `request` does."""
        return self._first(lambda node: node.follow(request), request.what)

    def prepared(
        self,
        method: str,
        path: tuple[str, ...],
        params: Mapping[str, Any],
        *,
        body: Any = None,
        timeout_s: float | None = None,
        largest_bytes: int | None = None,
    ) -> Request:
        """A request as `request` takes it, for `follow`."""
        return Request(
            method,
            target(path, params),
            None if body is None else msgspec.json.encode(body),
            self._timeout_s if timeout_s is None else timeout_s,
            self._largest_bytes if largest_bytes is None else largest_bytes,
        )

    def fail(self, number: int, begun: float) -> None:
        """A node has failed at something that it began then, by `clock`, and that went on after `follow`."""
        self._rests.failed(number, begun)

    def clock(self) -> float:
        """Seconds, for `fail`."""
        return self._rests.clock()

    def pause_s(self) -> float:
        """How long until a node that has failed is tried again; 0 where there is one that hasn't."""
        return self._rests.pause_s()

    def close(self) -> None:
        """Let go of the connections, when no request is under way. From now on requests raise Unavailable."""
        self._closed = True
        for node in self._nodes:
            node.close()

    def _first(self, do: Callable[[Node], Done], what: str) -> tuple[int, Done]:
        """Do it with one node after the other until one does not fail; the number of that, and what it has done.

        Raises Unavailable as `request` does, and what `do` raises.
        """
        failures = []
        for number in self._rests.order(self._timeout_s):
            if self._closed:
                raise Unavailable("the connections to CouchDB are closed")
            node, begun = self._nodes[number], self._rests.clock()
            try:
                done = do(node)
            except NodeFailed as failure:
                failures.append(f"{node.name} {failure}")
                if not isinstance(failure, Busy):
                    self._rests.failed(number, begun)
                continue
            except (Answered, TooLarge):
                self._rests.worked(number, begun)
                raise
            self._rests.worked(number, begun)
            return number, done
        raise Unavailable(f"no node of CouchDB has answered {what}: {'; '.join(failures)}")
