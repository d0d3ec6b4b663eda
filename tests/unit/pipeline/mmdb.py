# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes small MMDB files (MaxMind DB 2.0), so that tests can say what an address's record is."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"
EPOCH = 1_764_547_200


def write_mmdb(path: Path, networks: Mapping[str, Any], ip_version: int = 6, kind: str = "Test-City") -> None:
    """Write a database in which each of the networks has that record."""
    bits = 32 if ip_version == 4 else 128
    tree: list[list[Any]] = [[None, None]]
    data = b""
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        prefix = network.prefixlen + (bits - network.max_prefixlen)
        address = int(network.network_address)
        node = 0
        for depth in range(prefix):
            side = address >> (bits - 1 - depth) & 1
            if depth == prefix - 1:
                tree[node][side] = -1 - len(data)
            elif tree[node][side] is None:
                tree.append([None, None])
                tree[node][side] = len(tree) - 1
            node = tree[node][side] if depth < prefix - 1 else node
        data += _encoded(record)
    count = len(tree)

    def pointer(value: int | None) -> int:
        if value is None:
            return count
        return value if value >= 0 else count + 16 + (-1 - value)

    nodes = b"".join(struct.pack(">II", pointer(left), pointer(right)) for left, right in tree)
    metadata = _map(
        {
            "node_count": _unsigned(count, 6),
            "record_size": _unsigned(32, 5),
            "ip_version": _unsigned(ip_version, 5),
            "database_type": _encoded(kind),
            "languages": _encoded(["en"]),
            "binary_format_major_version": _unsigned(2, 5),
            "binary_format_minor_version": _unsigned(0, 5),
            "build_epoch": _unsigned(EPOCH, 9),
            "description": _encoded({"en": "made by a test"}),
        }
    )
    path.write_bytes(nodes + bytes(16) + data + MARKER + metadata)


def _control(kind: int, size: int) -> bytes:
    if size < 29:
        low, rest = size, b""
    elif size < 285:
        low, rest = 29, bytes([size - 29])
    else:
        low, rest = 30, (size - 285).to_bytes(2, "big")
    return bytes([kind << 5 | low]) + rest if kind <= 7 else bytes([low, kind - 7]) + rest


def _unsigned(value: int, kind: int) -> bytes:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _control(kind, len(raw)) + raw


def _map(encoded: Mapping[str, bytes]) -> bytes:
    return _control(7, len(encoded)) + b"".join(_encoded(name) + value for name, value in encoded.items())


def _encoded(value: Any) -> bytes:
    match value:
        case bool():
            return _control(14, int(value))
        case str():
            raw = value.encode()
            return _control(2, len(raw)) + raw
        case int():
            return _unsigned(value, 6)
        case float():
            return _control(3, 8) + struct.pack(">d", value)
        case list():
            return _control(11, len(value)) + b"".join(map(_encoded, value))
        case _:
            return _map({name: _encoded(part) for name, part in value.items()})
