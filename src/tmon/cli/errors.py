# SPDX-License-Identifier: GPL-3.0-or-later
"""How a command says that it could not be done.

Failure        exit status 1; the message is the one line on stderr
WrongUsage     exit status 2
"""

from __future__ import annotations


class Failure(Exception):
    """It could not be done; the message says why and what to do."""

    status = 1


class WrongUsage(Failure):
    """The command line makes no sense; the message says why."""

    status = 2
