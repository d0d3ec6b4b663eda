# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the writer did not take an envelope, or a command was not carried out.

WriterError
├── NotTaken            the envelope is not stored; the sender may try again after `retry_after_s`
│   ├── Busy            the queue is full, or the writer is stopping
│   ├── OverBudget      the web service's event budget is used up
│   │   └── OverShare   its share of the disk is used up
│   └── NotStored       the store is away or failed
├── Locked              another process owns the data directory
├── NoAnswer            a process owns the data directory but does not answer on its socket
└── CommandFailed       a command was understood and could not be done; the message says why
"""

from __future__ import annotations


class WriterError(Exception):
    """Base of this room's errors."""


class NotTaken(WriterError):
    """The envelope is not stored. `retry_after_s` is when another attempt may succeed."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Busy(NotTaken):
    """The queue is full, or the writer is stopping."""


class OverBudget(NotTaken):
    """The web service reported more events than its budget allows."""


class OverShare(OverBudget):
    """The web service has as much in the log as it may; what is new waits for what is old to go."""


class NotStored(NotTaken):
    """The store could not make the envelope durable."""


class Deleted(NotTaken):
    """The web service was deleted while the envelope was on its way."""


class Locked(WriterError):
    """Another process owns the data directory."""


class NoAnswer(WriterError):
    """A process owns the data directory but does not answer on its socket."""


class CommandFailed(WriterError):
    """A command was understood and could not be done."""
