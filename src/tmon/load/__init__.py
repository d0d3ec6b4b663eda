# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends HTTP requests that lie ready in a file to a server on this machine, at fixed times, and times the answers.

`python -m tmon.load` is a process of its own, so that a server does not wait for its lock; it does as little as it can:
one thread, one request under way per connection, nothing encoded or sealed on the way. What is in the requests is the
business of whoever writes the file: `tmon load` and the benchmark.
"""

from __future__ import annotations

from .process import Process, start
from .ready import write_requests
from .report import Report

__all__ = ["Process", "Report", "start", "write_requests"]
