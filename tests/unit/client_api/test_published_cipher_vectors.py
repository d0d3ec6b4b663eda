# SPDX-License-Identifier: GPL-3.0-or-later
"""The cipher under the envelope, held against the vectors of Wycheproof and NIST."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from tmon.client_api import envelope


def _wycheproof(data_dir: Path) -> list[dict[str, Any]]:
    document = json.loads((data_dir / "crypto" / "wycheproof_aes_gcm_test.open.json").read_text())
    return [
        test
        for group in document["testGroups"]
        if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
        for test in group["tests"]
    ]


def _nist(data_dir: Path) -> list[dict[str, str]]:
    """Every test with a nonce of 12 and a tag of 16 bytes; `FAIL` is a key of those that must not open."""
    tests: list[dict[str, str]] = []
    lengths: dict[str, str] = {}
    for line in (data_dir / "crypto" / "nist_gcmDecrypt128.rsp").read_text().splitlines():
        name, _, value = line.strip("[]").partition(" = ")
        if line.startswith("["):
            lengths[name] = value
        elif name == "Count":
            tests.append({"lengths": f"{lengths['IVlen']}/{lengths['Taglen']}"})
        elif tests and name:
            tests[-1][name] = value
    return [test for test in tests if test["lengths"] == "96/128"]


def test_the_cipher_agrees_with_every_wycheproof_vector_of_its_key_and_nonce_length(data_dir: Path) -> None:
    wrong = []
    tests = _wycheproof(data_dir)
    for test in tests:
        key, iv, aad, msg, ct, tag = (
            bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        cipher = envelope.cipher(key)
        try:
            opened = cipher.decrypt(iv, ct + tag, aad) == msg
        except InvalidTag:
            opened = False
        if opened is not (test["result"] == "valid"):
            wrong.append(test["tcId"])
        if opened and cipher.encrypt(iv, msg, aad) != ct + tag:
            wrong.append(test["tcId"])
    assert len(tests) >= 30
    assert wrong == []


def test_the_cipher_agrees_with_every_nist_vector_of_its_nonce_and_tag_length(data_dir: Path) -> None:
    wrong = []
    tests = _nist(data_dir)
    for number, test in enumerate(tests):
        # NIST's file is for 128-bit keys, which the envelope does not take: this holds the library underneath.
        cipher = envelope.Cipher(bytes.fromhex(test["Key"]))
        sealed = bytes.fromhex(test["CT"] + test["Tag"])
        try:
            plaintext = cipher.decrypt(bytes.fromhex(test["IV"]), sealed, bytes.fromhex(test["AAD"])).hex()
        except InvalidTag:
            plaintext = None
        if plaintext != (None if "FAIL" in test else test["PT"]):
            wrong.append(number)
    assert len(tests) >= 300
    assert wrong == []
