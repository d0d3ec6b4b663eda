# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail server of a test's own: takes messages by SMTP (RFC 5321) on a real socket and keeps them, or refuses them."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from email.message import EmailMessage
from types import TracebackType
from typing import Self


class MailServer:
    """Listens on a free port while it is entered. `refuses` has it say no to every address."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.messages: list[EmailMessage] = []
        self._arrived = threading.Condition()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        self._server.daemon_threads = True
        self._server.keeper = self  # type: ignore[attr-defined]

    @property
    def url(self) -> str:
        """What TMON_EMAIL_URL is to be."""
        return f"smtp://127.0.0.1:{self._server.server_address[1]}?from=tmon@example.org"

    def keep(self, content: bytes) -> None:
        """A message has arrived."""
        with self._arrived:
            message = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self._arrived.notify_all()

    def wait_for(self, count: int, timeout_s: float = 20.0) -> list[EmailMessage]:
        """The messages, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.messages) >= count, timeout_s), self.messages
            return list(self.messages)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Session(socketserver.StreamRequestHandler):
    """One client. Knows no more than a client needs that has one message."""

    def handle(self) -> None:
        keeper: MailServer = self.server.keeper  # type: ignore[attr-defined]
        self._say("220 test")
        for line in self.rfile:
            match line[:4].upper():
                case b"DATA":
                    self._say("354 go on")
                    keeper.keep(self._content())
                    self._say("250 kept")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case b"RCPT" if keeper.refuses:
                    self._say("550 nobody here")
                case b"EHLO" | b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                    self._say("250 fine")
                case _:
                    self._say("500 what?")

    def _content(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
