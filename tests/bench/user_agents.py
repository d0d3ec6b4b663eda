# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms of user agents as they are seen on the web, for the corpus: browsers, apps and bots, with their versions.

In a form `{x}` stands for one of the versions of its list; a form with two lists takes every pair of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

CHROME = tuple(f"{major}.0.0.0" for major in range(118, 142))
CHROME_FULL = tuple(f"{major}.0.{build}.{patch}" for major, build, patch in (
    (131, 6778, 200), (132, 6834, 122), (133, 6943, 137), (134, 6998, 135), (135, 7049, 111),
    (136, 7103, 125), (137, 7151, 115), (138, 7204, 157), (139, 7258, 143), (140, 7339, 155),
))  # fmt: skip
FIREFOX = tuple(f"{major}.0" for major in (102, 115, 121, *range(124, 144)))
EDGE = tuple(f"{major}.0.0.0" for major in range(126, 141))
SAFARI = (
    "15.6",
    "16.5",
    "16.6",
    "17.0",
    "17.1",
    "17.2",
    "17.4",
    "17.5",
    "17.6",
    "18.0",
    "18.1",
    "18.3",
    "18.5",
)
IOS = ("15_8", "16_6", "16_7", "17_0", "17_2", "17_4", "17_5", "17_6", "18_0", "18_1", "18_3", "18_5")
ANDROID = ("10", "11", "12", "13", "14", "15")
PIXELS = ("Pixel 6", "Pixel 6a", "Pixel 7", "Pixel 7 Pro", "Pixel 8", "Pixel 8a", "Pixel 9")
GALAXIES = (
    "SM-A146B",
    "SM-A346B",
    "SM-A546B",
    "SM-G991B",
    "SM-G998U",
    "SM-S901B",
    "SM-S911B",
    "SM-S921U",
    "SM-S928B",
)
OTHER_PHONES = (
    "2201117TG",
    "23021RAA2Y",
    "M2101K6G",
    "CPH2401",
    "RMX3370",
    "moto g54 5G",
    "XQ-CC54",
    "VOG-L29",
)
TABLETS = ("SM-T510", "SM-X200", "SM-X710", "Lenovo TB-X306F")

_WIN = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
_KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE_KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"

Form = tuple[float, str, Sequence[str], Sequence[str]]
"""Weight, form, the versions of {x}, those of {y}."""

PEOPLE: tuple[Form, ...] = (
    (17.0, f"{_WIN} {_KIT} Chrome/{{x}} Safari/537.36", CHROME, ()),
    (5.0, f"{_MAC} {_KIT} Chrome/{{x}} Safari/537.36", CHROME, ()),
    (2.0, f"{_LINUX} {_KIT} Chrome/{{x}} Safari/537.36", CHROME, ()),
    (0.6, f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_KIT} Chrome/{{x}} Safari/537.36", CHROME, ()),
    (5.5, f"{_WIN} {_KIT} Chrome/{{x}} Safari/537.36 Edg/{{x}}", EDGE, ()),
    (0.4, f"{_MAC} {_KIT} Chrome/{{x}} Safari/537.36 Edg/{{x}}", EDGE, ()),
    (1.2, f"{_WIN} {_KIT} Chrome/{{x}} Safari/537.36 OPR/{{y}}", CHROME[-6:], ("112.0.0.0", "114.0.0.0", "117.0.0.0")),
    (0.3, f"{_WIN} {_KIT} Chrome/{{x}} YaBrowser/{{y}} Safari/537.36", CHROME[-4:], ("24.10.0.0", "25.4.0.0")),
    (0.3, f"{_WIN} {_KIT} Chrome/{{x}} Safari/537.36 Vivaldi/{{y}}", CHROME_FULL[:4], ("7.1.3570.39", "7.3.3635.9")),
    (4.0, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{x}) Gecko/20100101 Firefox/{x}", FIREFOX, ()),
    (1.2, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{x}) Gecko/20100101 Firefox/{x}", FIREFOX, ()),
    (1.6, "Mozilla/5.0 (X11; Linux x86_64; rv:{x}) Gecko/20100101 Firefox/{x}", FIREFOX, ()),
    (0.8, "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:{x}) Gecko/20100101 Firefox/{x}", FIREFOX, ()),
    (0.3, "Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0", (), ()),
    (6.5, f"{_MAC} {_APPLE_KIT} Version/{{x}} Safari/605.1.15", SAFARI, ()),
    (0.2, f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) {_APPLE_KIT} Version/13.1.2 Safari/605.1.15", (), ()),
    (0.3, "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", (), ()),
    (16.0, f"Mozilla/5.0 (iPhone; CPU iPhone OS {{x}} like Mac OS X) {_APPLE_KIT} Version/{{y}} Mobile/15E148 Safari/604.1",
     IOS, SAFARI[-8:]),
    (1.5, f"Mozilla/5.0 (iPhone; CPU iPhone OS {{x}} like Mac OS X) {_APPLE_KIT} CriOS/{{y}} Mobile/15E148 Safari/604.1",
     IOS[-6:], CHROME_FULL),
    (0.3, f"Mozilla/5.0 (iPhone; CPU iPhone OS {{x}} like Mac OS X) {_APPLE_KIT} FxiOS/{{y}} Mobile/15E148 Safari/605.1.15",
     IOS[-6:], FIREFOX[-6:]),
    (0.7, f"Mozilla/5.0 (iPhone; CPU iPhone OS {{x}} like Mac OS X) {_APPLE_KIT} GSA/{{y}} Mobile/15E148 Safari/604.1",
     IOS[-6:], ("342.0.693598186", "361.1.742031518")),
    (0.8, f"Mozilla/5.0 (iPhone; CPU iPhone OS {{x}} like Mac OS X) {_APPLE_KIT} Mobile/15E148 Instagram {{y}}",
     IOS[-6:], ("341.0.3.35.97", "368.0.0.39.91")),
    (1.3, f"Mozilla/5.0 (iPad; CPU OS {{x}} like Mac OS X) {_APPLE_KIT} Version/{{y}} Mobile/15E148 Safari/604.1",
     IOS, SAFARI[-8:]),
    (0.2, f"Mozilla/5.0 (iPad; CPU OS {{x}} like Mac OS X) {_APPLE_KIT} CriOS/{{y}} Mobile/15E148 Safari/604.1",
     IOS[-4:], CHROME_FULL),
    (10.0, f"Mozilla/5.0 (Linux; Android 10; K) {_KIT} Chrome/{{x}} Mobile Safari/537.36", CHROME, ()),
    (1.6, f"Mozilla/5.0 (Linux; Android {{x}}; SM-G991B) {_KIT} Chrome/{{y}} Mobile Safari/537.36", ANDROID[1:], CHROME_FULL),
    (1.1, f"Mozilla/5.0 (Linux; Android 14; {{x}}) {_KIT} Chrome/{{y}} Mobile Safari/537.36", GALAXIES, CHROME_FULL),
    (0.9, f"Mozilla/5.0 (Linux; Android 15; {{x}}) {_KIT} Chrome/{{y}} Mobile Safari/537.36", PIXELS, CHROME_FULL),
    (0.9, f"Mozilla/5.0 (Linux; Android 13; {{x}}) {_KIT} Chrome/{{y}} Mobile Safari/537.36", OTHER_PHONES, CHROME_FULL),
    (1.6, f"Mozilla/5.0 (Linux; Android 13; {{x}}) {_KIT} SamsungBrowser/{{y}} Chrome/115.0.0.0 Mobile Safari/537.36",
     GALAXIES, ("23.0", "24.0", "25.0", "26.0", "27.0")),
    (0.6, "Mozilla/5.0 (Android {x}; Mobile; rv:{y}) Gecko/{y} Firefox/{y}", ANDROID[2:], FIREFOX[-10:]),
    (0.2, "Mozilla/5.0 (Android {x}; Tablet; rv:{y}) Gecko/{y} Firefox/{y}", ANDROID[2:], FIREFOX[-4:]),
    (0.4, f"Mozilla/5.0 (Linux; Android {{x}}; Redmi Note 12) {_KIT} Version/4.0 Chrome/{{y}} Mobile Safari/537.36"
     " XiaoMi/MiuiBrowser/14.9.1-gn", ANDROID[2:], CHROME_FULL[:4]),
    (0.3, f"Mozilla/5.0 (Linux; Android {{x}}; HLK-AL00) {_KIT} Chrome/{{y}} HuaweiBrowser/15.0.4.312 Mobile Safari/537.36",
     ANDROID[:2], CHROME_FULL[:2]),
    (0.5, f"Mozilla/5.0 (Linux; Android 10; K) {_KIT} Chrome/{{x}} Mobile Safari/537.36 OPR/{{y}}",
     CHROME[-4:], ("80.0.0.0", "84.0.0.0", "88.0.0.0")),
    (0.7, f"Mozilla/5.0 (Linux; Android 12; {{x}}) {_KIT} Chrome/{{y}} Safari/537.36", TABLETS, CHROME_FULL),
    (0.6, f"Mozilla/5.0 (Linux; Android 13; {{x}} Build/TP1A.220624.014; wv) {_KIT} Version/4.0 Chrome/{{y}} Mobile"
     " Safari/537.36 [FB_IAB/FB4A;FBAV/489.0.0.66.81;]", GALAXIES, CHROME_FULL[:5]),
    (0.2, f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.5) {_KIT} SamsungBrowser/4.0 Chrome/85.0.4183.93 TV Safari/537.36", (), ()),
    (0.1, f"Mozilla/5.0 (Web0S; Linux/SmartTV) {_KIT} Chrome/94.0.4606.128 Safari/537.36 WebAppManager", (), ()),
    (0.1, f"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) {_APPLE_KIT} Version/15.4 Safari/605.1.15", (), ()),
    (0.2, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{x} Safari/605.1.15 Epiphany/605.1.15",
     SAFARI[-3:], ()),
    (0.5, "harbour-app/{x} (iOS 18.1; iPhone15,2)", ("4.2.0", "4.2.1", "4.3.0"), ()),
    (0.5, "harbour-app/{x} (Android 14; Pixel 8) okhttp/4.12.0", ("4.2.0", "4.2.1", "4.3.0"), ()),
)  # fmt: skip

BOTS: tuple[Form, ...] = (
    (20.0, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", (), ()),
    (12.0, f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {_KIT} Chrome/{{x}} Mobile Safari/537.36"
     " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", CHROME_FULL, ()),
    (14.0, f"Mozilla/5.0 {_KIT[:18]} (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
     " Chrome/{x} Safari/537.36", CHROME[-8:], ()),
    (4.0, "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", (), ()),
    (3.0, "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", (), ()),
    (3.0, f"{_MAC} {_APPLE_KIT} Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)", (), ()),
    (2.0, "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)", (), ()),
    (7.0, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", (), ()),
    (7.0, "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", (), ()),
    (2.0, "Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot; help@moz.com)", (), ()),
    (4.0, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/{x}; +https://openai.com/gptbot)",
     ("1.1", "1.2"), ()),
    (4.0, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", (), ()),
    (2.0, "CCBot/2.0 (https://commoncrawl.org/faq/)", (), ()),
    (2.0, "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", (), ()),
    (2.0, "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", (), ()),
    (3.0, "python-requests/{x}", ("2.28.2", "2.31.0", "2.32.3"), ()),
    (3.0, "curl/{x}", ("7.68.0", "7.88.1", "8.5.0", "8.9.1"), ()),
    (2.0, "Go-http-client/{x}", ("1.1", "2.0"), ()),
    (1.0, "Wget/1.21.3", (), ()),
    (1.0, "Scrapy/2.11.2 (+https://scrapy.org)", (), ()),
)  # fmt: skip


def spelled_out(forms: Sequence[Form]) -> tuple[list[str], list[float]]:
    """Every user agent of the forms, and its weight: a form's, split over its versions, each 1.25 times the one before."""
    texts: list[str] = []
    weights: list[float] = []
    for weight, form, first, second in forms:
        pairs = list(product(first or ("",), second or ("",)))
        shares = [1.25 ** (place - len(pairs)) for place in range(len(pairs))]
        for (x, y), share in zip(pairs, shares, strict=True):
            texts.append(form.replace("{x}", x).replace("{y}", y))
            weights.append(weight * share / sum(shares))
    return texts, weights
