# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard room: pages and the JSON API, which only ask the query room and the tenants."""

from __future__ import annotations
