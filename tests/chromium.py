# SPDX-License-Identifier: GPL-3.0-or-later
"""How Chromium is started: without a window, and so that it asks nobody for anything by itself."""

from __future__ import annotations

from typing import Final

from tests.system_packages import installed, program

# The address bar's lists of suggestions are pages of Chromium's own, and each window starts a process for them that no
# test looks at: opening an empty page in a new context took 780 ms of processor time with them and 295 ms without
# (Chromium 156). The other names are those that Playwright turns off: where the switch is given twice, the last one
# alone holds, and that is this one.
_FEATURES_OFF: Final = (
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning",
)
_SHELL: Final = "chromium-headless-shell"
ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_FEATURES_OFF)}",
]


def chromium() -> str:
    """The path of Debian's Chromium without windows, or else of the whole one; skips the test where there is neither.

    It is the same engine, without what draws windows and tabs. Opening a dashboard in a new context took 1.70 s of
    processor time, and 1.95 s to 2.08 s with the whole one (Chromium 156).
    """
    return installed(_SHELL, _SHELL) or program("chromium", "chromium")
