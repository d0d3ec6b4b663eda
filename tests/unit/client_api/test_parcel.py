# SPDX-License-Identifier: GPL-3.0-or-later
"""Parcels are compressed where that saves something, unless their sealer is told not to."""

from __future__ import annotations

import pytest

from tmon.client_api import Dsn
from tmon.client_api.envelope import Codec, parse
from tmon.client_api.parcel import COMPRESS_FROM_BYTES, Sealer

DSN = "tmon+http://" + "00" * 32 + "@{host}/7"


@pytest.mark.parametrize(
    ("compress", "size", "codec"),
    [
        (True, COMPRESS_FROM_BYTES, Codec.ZLIB),
        (True, 1, Codec.PLAIN),
        (False, 100 * COMPRESS_FROM_BYTES, Codec.PLAIN),
    ],
)
def test_a_parcel_is_compressed_where_that_saves_something(compress: bool, size: int, codec: Codec) -> None:
    sealer = Sealer(Dsn.parse(DSN.format(host="127.0.0.1")), compress=compress)
    event = b'{"url":"%s"}' % (b"a" * size)
    parcel = sealer.seal({"seq": 1}, [event])
    assert parse(parcel.envelope).codec is codec
    assert sealer.open(parcel) == ({"seq": 1}, [event])


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3:8000", True),
        ("localhost", True),
        ("[::1]:8000", True),
        ("a.example", False),
    ],
)
def test_a_server_on_this_machine_is_told_by_its_host(host: str, here: bool) -> None:
    assert Dsn.parse(DSN.format(host=host)).is_here is here
