# SPDX-License-Identifier: GPL-3.0-or-later
"""Binds and connects Unix sockets whose paths may be longer than an address holds (about 100 bytes, unix(7)).

The directory is opened, and the socket is named through it: /proc/self/fd/<n>/<name>. Where there is no /proc, a
symbolic link in a private temporary directory does the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ADDRESS_BYTES: Final = 100
"""What every system allows: Linux has 107 bytes, others 103."""
OPEN_FILES: Final = Path("/proc/self/fd")


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """An address for `path` that is short enough, valid inside the context."""
    if len(os.fsencode(path)) <= ADDRESS_BYTES:
        yield str(path)
        return
    if OPEN_FILES.is_dir():
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield str(OPEN_FILES / str(directory) / path.name)
        finally:
            os.close(directory)
        return
    with tempfile.TemporaryDirectory(prefix="tmon-") as folder:
        link = Path(folder, "d")
        link.symlink_to(path.parent.resolve(), target_is_directory=True)
        yield str(link / path.name)


def listening(path: Path) -> socket.socket:
    """A socket that listens at `path` for its own user only; what was left there before is removed."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(path) as address:
            listener.bind(address)
        path.chmod(0o600)  # before listen: nobody can have connected yet
        listener.listen()
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def connected(path: Path, timeout_s: float) -> socket.socket:
    """A socket connected to `path`. Raises OSError, for instance FileNotFoundError or ConnectionRefusedError.

    Whoever listens there without taking connections, because it is stopped or stuck, has room for about a hundred; for
    more room `timeout_s` is waited, 0 for not at all. Then that is a BlockingIOError.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if timeout_s > 0:
            # Python's own timeout does not wait here: a socket that does not block is refused at once (unix(7)).
            whole, part = divmod(max(1, int(timeout_s * 1_000_000)), 1_000_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", whole, part))
        else:
            connection.setblocking(False)
        with address_of(path) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection
