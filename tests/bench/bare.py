# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collector is measured against: a Tornado application with one handler that answers POST and does nothing.

`python -m tests.bench.bare` takes a free port, prints it, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from .serving import cpu_seconds

ANSWER = b'{"status_code":200,"accepted":1,"rejected_count":0,"rejected":[]}'


class Handler(tornado.web.RequestHandler):
    """Takes a body, as Tornado does by itself, and answers with what the collector would."""

    def post(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(ANSWER)


class Bare:
    """The baseline as a process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def cpu_s(self) -> float:
        """Seconds of processor time so far; 0 where there is no /proc."""
        return cpu_seconds(self._process.pid)

    def stop(self) -> None:
        self._process.communicate()


async def serve() -> None:
    """Serve until standard input ends."""
    application = tornado.web.Application([(r"/data/collect.*", Handler)])
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application)
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
