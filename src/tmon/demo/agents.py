# SPDX-License-Identifier: GPL-3.0-or-later
"""User agents of the demo's visitors: browsers on desktops and phones, an app, programs that call an API, crawlers.

Each is (user agent, weight); the weights of a table are shares of it.
"""

from __future__ import annotations

from typing import Final

Agents = tuple[tuple[str, float], ...]

_SAFARI: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME: Final = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WINDOWS: Final = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME}"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_ANDROID: Final = "Mozilla/5.0 (Linux; Android 10; K)"


def _iphone(system: str, version: str) -> str:
    return (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS {system} like Mac OS X) {_SAFARI} Version/{version} "
        "Mobile/15E148 Safari/604.1"
    )


DESKTOPS: Final[Agents] = (
    (f"{_WINDOWS} Chrome/142.0.0.0 Safari/537.36", 26),
    (f"{_WINDOWS} Chrome/141.0.0.0 Safari/537.36", 11),
    (f"{_WINDOWS} Chrome/139.0.0.0 Safari/537.36", 4),
    (f"{_WINDOWS} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", 10),
    (f"{_WINDOWS} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", 3),
    (f"{_WINDOWS} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0", 2),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", 6),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", 2),
    (f"{_MAC} {_CHROME} Chrome/142.0.0.0 Safari/537.36", 10),
    (f"{_MAC} {_CHROME} Chrome/141.0.0.0 Safari/537.36", 3),
    (f"{_MAC} {_SAFARI} Version/26.0 Safari/605.1.15", 5),
    (f"{_MAC} {_SAFARI} Version/18.6 Safari/605.1.15", 6),
    (f"{_MAC} {_SAFARI} Version/17.6 Safari/605.1.15", 2),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", 2),
    (f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Chrome/142.0.0.0 Safari/537.36", 3),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", 2),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 2),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_CHROME} Chrome/142.0.0.0 Safari/537.36", 1),
)
PHONES: Final[Agents] = (
    (_iphone("18_6", "18.6"), 18),
    (_iphone("18_7", "26.0"), 12),
    (_iphone("18_5", "18.5"), 7),
    (_iphone("17_6", "17.6"), 4),
    (_iphone("16_7", "16.6"), 2),
    (f"{_ANDROID} {_CHROME} Chrome/142.0.0.0 Mobile Safari/537.36", 22),
    (f"{_ANDROID} {_CHROME} Chrome/141.0.0.0 Mobile Safari/537.36", 8),
    (f"{_ANDROID} {_CHROME} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", 7),
    (f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_CHROME} Chrome/142.0.0.0 Mobile Safari/537.36", 2),
    (f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {_CHROME} Chrome/141.0.0.0 Mobile Safari/537.36", 3),
    (f"Mozilla/5.0 (Linux; Android 13; SM-A536B) {_CHROME} Chrome/139.0.0.0 Mobile Safari/537.36", 3),
    ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", 2),
    (
        f"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) {_SAFARI} Version/18.6 Mobile/15E148 Safari/604.1",
        4,
    ),
    (f"Mozilla/5.0 (Linux; Android 14; SM-X710) {_CHROME} Chrome/142.0.0.0 Safari/537.36", 2),
)
APP: Final[Agents] = (
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_SAFARI} Mobile/15E148 Larkfield/5.3.1", 30),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_SAFARI} Mobile/15E148 Larkfield/5.2.0", 12),
    (
        (
            f"Mozilla/5.0 (Linux; Android 15; Pixel 8; wv) {_CHROME} Version/4.0 Chrome/142.0.0.0 Mobile "
            "Safari/537.36 Larkfield/5.3.1"
        ),
        14,
    ),
    (
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S911U; wv) {_CHROME} Version/4.0 Chrome/141.0.0.0 Mobile "
            "Safari/537.36 Larkfield/5.3.1"
        ),
        20,
    ),
    (
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-A146U; wv) {_CHROME} Version/4.0 Chrome/139.0.0.0 Mobile "
            "Safari/537.36 Larkfield/5.1.4"
        ),
        9,
    ),
)
PROGRAMS: Final[Agents] = (
    ("python-requests/2.32.5", 26),
    ("axios/1.12.2", 20),
    ("Go-http-client/2.0", 14),
    ("okhttp/4.12.0", 12),
    ("curl/8.14.1", 8),
    ("python-httpx/0.28.1", 7),
    ("Java-http-client/21.0.8", 6),
    ("GuzzleHttp/7", 4),
    ("PostmanRuntime/7.49.0", 3),
)
CRAWLERS: Final[Agents] = (
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 20),
    (
        (
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/141.0.7390.122 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
        ),
        14,
    ),
    (
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; "
            "+http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36"
        ),
        18,
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        14,
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
        10,
    ),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", 8),
    ("Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", 6),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", 4),
    ("DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)", 3),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 3),
)
