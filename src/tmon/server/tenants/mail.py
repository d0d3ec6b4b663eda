# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends mail by the server that TMON_EMAIL_URL names, if there is one."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connections
from django.template.loader import render_to_string

from .errors import TenantsError

log = structlog.get_logger(__name__)

WAITING = 100
"""Messages that wait to be sent; further ones are not taken."""
_threads = ThreadPoolExecutor(1, thread_name_prefix="mail")
_room = threading.BoundedSemaphore(WAITING)


class NotSent(TenantsError):
    """The mail server did not take a message."""


def is_set_up() -> bool:
    """Whether mail can be sent at all."""
    return settings.TMON.email is not None


def send(to: str, subject: str, template: str, **context: object) -> None:
    """Send a text to one address, from templates/mail/. Blocks for seconds. Raises NotSent."""
    text = render_to_string(f"mail/{template}.txt", context)
    try:
        send_mail(subject, text, None, [to])
    except (OSError, smtplib.SMTPException) as error:
        log.error("a message could not be sent", to=_domain(to), why=_reason(error))
        raise NotSent("the mail server did not take the message") from error


def later(work: Callable[[], None]) -> None:
    """Do work that ends in a message beside everything else: nobody learns of it, not even by the time it takes.

    What goes wrong is logged. Work beyond what may wait is not done.
    """
    if not _room.acquire(blocking=False):
        log.error("a message could not be sent", why="too many wait")
        return

    def run() -> None:
        try:
            work()
        except NotSent:
            pass  # it is logged
        except Exception:
            log.exception("a message could not be sent")
        finally:
            connections.close_all()
            _room.release()

    _threads.submit(run)


def _domain(address: str) -> str:
    """What the log says of an address."""
    return f"…@{address.rpartition('@')[2]}"


def _reason(error: Exception) -> str:
    """An error without the addresses and texts that mail servers repeat in it."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__}, status {error.smtp_code}"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
