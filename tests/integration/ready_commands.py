# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon` commands without most of what starting them takes: a process that has imported the libraries forks for each.

    run("webservice", "create", "shop", "--owner", "anna", environ={**os.environ, "TMON_DATA": str(folder)})

Each command is a process with its own arguments, environment, standard streams and exit status, and runs from
`tmon.cli.main` to the interpreter's end; nothing of T-Mon's settings or of Django's has been set up before. That takes
0.15 s of the processor in place of 0.55 s. It is for what tests need done, and for the many ways of one command; how
`tmon` is started is tested by starting it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 120.0
MOST_BYTES: Final = 200_000
"""Of a command's arguments and environment."""
IMPORTED: Final = (
    "cryptography.hazmat.primitives.ciphers.aead",
    "django.contrib.admin",
    "django.contrib.auth.hashers",
    "django.core.mail",
    "django.core.management.commands.migrate",
    "django.core.serializers.json",
    "django.core.validators",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.db.models",
    "django.forms",
    "django.http",
    "django.template",
    "django.urls",
    "django.utils.log",
    "logging.config",
    "structlog",
    "tmon.settings",
    "tmon.settings.logs",
)
"""What most commands import and what needs no settings."""


def run(*arguments: str, environ: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what it writes is text. A test process runs one at a time."""
    return _forking().run(arguments, environ, stdin)


class _Forking:
    """The process that forks, as the tests see it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._channel.settimeout(PATIENCE_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def run(
        self, arguments: tuple[str, ...], environ: Mapping[str, str], stdin: str
    ) -> subprocess.CompletedProcess[str]:
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            streams[0].write(stdin.encode())
            streams[0].seek(0)
            asked = {"arguments": arguments, "environ": dict(environ), "folder": str(Path.cwd())}
            with self._lock:
                socket.send_fds(
                    self._channel, [json.dumps(asked).encode()], [one.fileno() for one in streams]
                )
                status = int(self._channel.recv(16))
            for stream in streams[1:]:
                stream.seek(0)
            out, err = (stream.read().decode() for stream in streams[1:])
        return subprocess.CompletedProcess(["tmon", *arguments], status, out, err)

    def close(self) -> None:
        self._channel.close()
        self._process.wait(PATIENCE_S)


@functools.cache
def _forking() -> _Forking:
    forking = _Forking()
    atexit.register(forking.close)
    return forking


# -- in the process that forks ----------------------------------------------------------------------------------------


def _fork_for_each(channel: socket.socket) -> int:
    """Fork for each command that is asked for. Returns an exit status: in a fork its command's."""
    from tmon.cli import main, parser

    parser()  # imports the groups
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, MOST_BYTES, 3)
        if not message:
            return 0
        child = os.fork()
        if child == 0:
            channel.close()
            asked = json.loads(message)
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.environ.clear()
            os.environ.update(asked["environ"])
            os.chdir(asked["folder"])
            return main(asked["arguments"])
        for descriptor in descriptors:
            os.close(descriptor)
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        ended = _fork_for_each(asking)
    sys.exit(ended)
