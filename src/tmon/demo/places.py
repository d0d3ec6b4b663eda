# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the demo's visitors are: countries, their clocks, and networks of large providers there.

The networks are allocations that belong to one provider in one country; the larger ones cover many of its cities.
"""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Final, NamedTuple


class Country(NamedTuple):
    """A country: its ISO 3166-1 code, the IANA zone that most people there live by, and networks."""

    code: str
    zone: str
    networks: tuple[str, ...]


COUNTRIES: Final = {
    country.code: country
    for country in (
        Country(
            "AT", "Europe/Vienna", ("80.108.0.0/15", "84.112.0.0/14", "178.112.0.0/14", "2a02:8388::/32")
        ),
        Country(
            "AU", "Australia/Sydney", ("1.120.0.0/13", "49.176.0.0/12", "120.144.0.0/12", "2001:8003::/32")
        ),
        Country(
            "BR", "America/Sao_Paulo", ("177.32.0.0/12", "179.96.0.0/12", "177.64.0.0/12", "2804:14c::/32")
        ),
        Country(
            "CA", "America/Toronto", ("24.114.0.0/16", "70.48.0.0/13", "99.224.0.0/11", "2607:fea8::/32")
        ),
        Country("CH", "Europe/Zurich", ("83.76.0.0/14", "85.0.0.0/13", "178.192.0.0/13", "2a02:1200::/27")),
        Country("CZ", "Europe/Prague", ("85.70.0.0/15", "89.176.0.0/15", "90.176.0.0/13", "2a00:1028::/32")),
        Country("DE", "Europe/Berlin", ("79.192.0.0/10", "84.128.0.0/10", "91.0.0.0/10", "2003:c0::/27")),
        Country("ES", "Europe/Madrid", ("79.144.0.0/12", "81.32.0.0/12", "88.0.0.0/11", "2a0c:5a80::/29")),
        Country("FR", "Europe/Paris", ("82.64.0.0/14", "86.192.0.0/10", "90.0.0.0/10", "2a01:e00::/26")),
        Country("GB", "Europe/London", ("81.128.0.0/12", "86.128.0.0/10", "90.192.0.0/11", "2a00:23c0::/27")),
        Country("ID", "Asia/Jakarta", ("36.64.0.0/11", "114.120.0.0/13", "180.240.0.0/13", "2001:448a::/32")),
        Country("IN", "Asia/Kolkata", ("49.36.0.0/14", "117.192.0.0/10", "122.160.0.0/12", "2405:200::/29")),
        Country("IT", "Europe/Rome", ("79.0.0.0/10", "87.0.0.0/12", "151.16.0.0/12", "2a01:e11::/32")),
        Country("JP", "Asia/Tokyo", ("60.32.0.0/12", "118.0.0.0/12", "126.0.0.0/9", "240b:10::/28")),
        Country("KR", "Asia/Seoul", ("112.144.0.0/12", "121.128.0.0/10", "175.192.0.0/10")),
        Country("MX", "America/Mexico_City", ("187.192.0.0/11", "189.128.0.0/11", "201.96.0.0/11")),
        Country("NG", "Africa/Lagos", ("102.88.0.0/13", "105.112.0.0/12", "197.210.0.0/16")),
        Country(
            "NL", "Europe/Amsterdam", ("77.160.0.0/12", "82.72.0.0/14", "84.80.0.0/13", "2a02:a400::/22")
        ),
        Country("PL", "Europe/Warsaw", ("79.184.0.0/13", "83.0.0.0/11", "178.36.0.0/15", "2a02:a310::/28")),
        Country(
            "SE", "Europe/Stockholm", ("78.64.0.0/12", "81.224.0.0/12", "90.224.0.0/12", "2001:2040::/29")
        ),
        Country(
            "SG", "Asia/Singapore", ("116.86.0.0/15", "119.74.0.0/16", "175.156.0.0/16", "2406:3003::/32")
        ),
        Country("TR", "Europe/Istanbul", ("78.160.0.0/11", "85.96.0.0/12", "88.224.0.0/11")),
        Country(
            "US",
            "America/Chicago",
            ("24.0.0.0/12", "68.32.0.0/11", "71.192.0.0/12", "73.0.0.0/8", "98.192.0.0/10", "2601::/20"),
        ),
        Country("ZA", "Africa/Johannesburg", ("41.0.0.0/11", "105.0.0.0/12", "197.64.0.0/13")),
    )
}
CRAWLERS: Final = Country(
    "US", "Etc/UTC", ("40.77.167.0/24", "52.167.144.0/24", "66.249.64.0/20", "207.46.13.0/24")
)
"""From where search engines crawl; they know no night."""
IPV6_SHARE: Final = 0.35


class Addresses:
    """Draws addresses from the networks of a country, from each as often as from any other of its kind."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._old = [ipaddress.IPv4Network(network) for network in networks if ":" not in network]
        self._new = [ipaddress.IPv6Network(network) for network in networks if ":" in network]

    def draw(self, random: Random) -> str:
        """An address; where there are IPv6 networks, it is one of theirs at 35 %."""
        if self._new and random.random() < IPV6_SHARE:
            # People have networks of their own: a /56 of the provider's, and a machine somewhere in its first /64.
            provider = random.choice(self._new)
            subnet = random.getrandbits(56 - provider.prefixlen) << 72
            return str(provider[0] + subnet + random.getrandbits(64))
        network = random.choice(self._old)
        return str(network[0] + (random.getrandbits(32 - network.prefixlen) & ~255) + random.randint(1, 254))
