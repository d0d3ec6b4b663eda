# SPDX-License-Identifier: GPL-3.0-or-later
"""The one owner of a store: the queue into it, group commit, the views that follow, and commands from outside."""

from tmon.server.events import Rejected
from tmon.server.store.base import Envelope, Outcome

from .collectors import Collectors
from .control import ALONE, CORE, ORPHANED, SUPERVISED, Commands, Control, ask, carry_out, kind_of_owner
from .errors import (
    Busy,
    CommandFailed,
    Deleted,
    Locked,
    NoAnswer,
    NotStored,
    NotTaken,
    OverBudget,
    OverShare,
    WriterError,
)
from .figures import StoreFigures
from .follower import Follower
from .group_commit import Bounds, Writer
from .lock import WriterLock, owner
from .remote import RemoteWriter
from .shares import DiskShares, Share

__all__ = [
    "ALONE",
    "CORE",
    "ORPHANED",
    "SUPERVISED",
    "Bounds",
    "Busy",
    "Collectors",
    "CommandFailed",
    "Commands",
    "Control",
    "Deleted",
    "DiskShares",
    "Envelope",
    "Follower",
    "Locked",
    "NoAnswer",
    "NotStored",
    "NotTaken",
    "Outcome",
    "OverBudget",
    "OverShare",
    "Rejected",
    "RemoteWriter",
    "Share",
    "StoreFigures",
    "Writer",
    "WriterError",
    "WriterLock",
    "ask",
    "carry_out",
    "kind_of_owner",
    "owner",
]
