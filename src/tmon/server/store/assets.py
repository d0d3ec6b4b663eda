# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths are assets: what a browser fetches for a page, or a program reads, and nobody visits.

An asset is told by the extension of its last segment. Documents that people open by themselves (PDF, office files) are
none.
"""

from __future__ import annotations

from typing import Final

ASSETS: Final = frozenset(
    word
    for line in (
        "css js mjs cjs map wasm json jsonld webmanifest xml rss atom txt",
        "png apng jpg jpeg jfif gif svg svgz webp avif jxl heic ico bmp tif tiff cur",
        "woff woff2 ttf otf eot",
        "mp3 m4a aac oga ogg opus wav flac mp4 m4v mov avi mkv ogv webm m3u8 ts vtt",
        "zip gz tgz bz2 xz zst 7z rar tar jar apk exe msi dmg iso deb rpm bin",
    )
    for word in line.split()
)
"""Extensions, in small letters."""
LONGEST: Final = max(map(len, ASSETS))


def is_asset(path: str) -> bool:
    """Whether a path (an URL without its query) is that of an asset; capital and small letters are alike."""
    _, point, extension = path[-LONGEST - 1 :].rpartition(".")
    return point == "." and extension.lower() in ASSETS
