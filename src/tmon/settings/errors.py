# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with the settings.

SettingError          the operator's environment is wrong; the message names the setting and the way out
"""

from __future__ import annotations


class SettingError(Exception):
    """A setting is missing or its value can't be used."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
