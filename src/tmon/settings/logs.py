# SPDX-License-Identifier: GPL-3.0-or-later
"""Configures logging: structlog for our own messages and for those of the libraries, on stderr, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from .declared import Settings, Stage
from .redaction import redact

LEAST = {
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "axes": logging.WARNING,
    # What strangers ask for wrongly is counted, not logged: it would fill disks, and has their addresses in it.
    "tornado.access": logging.ERROR,
    "django.request": logging.ERROR,
    "django.security.DisallowedHost": logging.CRITICAL,
}
"""From which level on the messages of some libraries are logged."""

_handler: logging.Handler | None = None
_process: str | None = None


def name_process(name: str) -> None:
    """Say in each message which of several processes it is from."""
    global _process  # noqa: PLW0603 (a process has one name)
    _process = name


def configure(settings: Settings) -> None:
    """Log from `settings.log_level` up: one JSON object a line in staging and production, words in testing."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_process,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor
    if settings.stage is Stage.TESTING:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain)
    else:
        renderer = structlog.processors.JSONRenderer()
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_request,
                structlog.processors.format_exc_info,
                _without_secrets,
                renderer,
            ],
        )
    )
    global _handler  # noqa: PLW0603 (logging is configured per process)
    root = logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
    root.addHandler(handler)
    _handler = handler
    root.setLevel(settings.log_level.upper())
    for name, least in LEAST.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.captureWarnings(True)


class _Stderr(logging.StreamHandler):
    """Writes to whatever sys.stderr is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


def _with_process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _process is not None:
        event["process"] = _process
    return event


def _plain(stream: Any, exc_info: Any) -> None:
    structlog.dev.plain_traceback(stream, exc_info)


def _without_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Django attaches whole requests to its records; their text has headers and cookies in it."""
    event.pop("request", None)
    return event


def _without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            event[key] = redact(repr(value))
    return event
