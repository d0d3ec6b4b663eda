# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: which views there are, read from one TOML file per view."""

from .folder import read_views
from .view import VISIT, Classes, View, ViewError, parse_view

__all__ = ["VISIT", "Classes", "View", "ViewError", "parse_view", "read_views"]
