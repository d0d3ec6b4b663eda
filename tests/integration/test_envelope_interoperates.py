# SPDX-License-Identifier: GPL-3.0-or-later
"""Envelopes cross over to two independent implementations of their cipher and back: pycryptodome and Node.js."""

from __future__ import annotations

import json
import os
import subprocess
import zlib

import pytest
from Crypto.Cipher import AES
from tests.node_program import node_program

from tmon.client_api import envelope
from tmon.client_api.envelope import Codec

KEY = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f")
WSIDS = [1, 7, 9223372036854775807, 9999999999999999999]
PLAINTEXTS = [
    b"{}",
    '{"url":"/caf\N{LATIN SMALL LETTER E WITH ACUTE}","ip":null,"useragent":null}'.encode(),
    json.dumps(
        [{"url": f"/{number}", "ip": "2001:db8::1", "useragent": "x"} for number in range(500)]
    ).encode(),
]
CASES = [(codec, wsid, text) for codec in Codec for wsid in WSIDS for text in PLAINTEXTS]

# Written from the envelope's definition, with nothing of ours: reads jobs from stdin, one JSON document.
NODE_PROGRAM = """
const crypto = require("node:crypto"), zlib = require("node:zlib"), fs = require("node:fs");
const jobs = JSON.parse(fs.readFileSync(0, "utf8"));
const aad = (header, wsid) => Buffer.concat([header, Buffer.from(wsid, "ascii")]);
const open = ({key, wsid, data}) => {
  const bytes = Buffer.from(data, "base64"), header = bytes.subarray(0, 2);
  const cipher = crypto.createDecipheriv("aes-256-gcm", Buffer.from(key, "hex"), bytes.subarray(2, 14));
  cipher.setAAD(aad(header, wsid));
  cipher.setAuthTag(bytes.subarray(bytes.length - 16));
  const payload = Buffer.concat([cipher.update(bytes.subarray(14, bytes.length - 16)), cipher.final()]);
  return (header[1] === 1 ? zlib.inflateSync(payload) : payload).toString("base64");
};
const seal = ({key, wsid, codec, plaintext}) => {
  const header = Buffer.from([1, codec]), nonce = crypto.randomBytes(12);
  const bytes = Buffer.from(plaintext, "base64");
  const cipher = crypto.createCipheriv("aes-256-gcm", Buffer.from(key, "hex"), nonce);
  cipher.setAAD(aad(header, wsid));
  const body = Buffer.concat([cipher.update(codec === 1 ? zlib.deflateSync(bytes) : bytes), cipher.final()]);
  return Buffer.concat([header, nonce, body, cipher.getAuthTag()]).toString("base64");
};
const id = ({wsid, data}) => crypto.createHash("sha256").update(wsid + ":").update(Buffer.from(data, "base64"))
  .digest().subarray(0, 16).toString("hex");
console.log(JSON.stringify(jobs.map((job) => ({open, seal, id}[job.do](job)))));
"""


def _associated(header: bytes, wsid: int) -> bytes:
    return header + str(wsid).encode("ascii")


@pytest.mark.parametrize(("codec", "wsid", "plaintext"), CASES)
def test_what_we_seal_opens_with_pycryptodome(codec: Codec, wsid: int, plaintext: bytes) -> None:
    sealed = envelope.seal(plaintext, KEY, wsid, codec=codec)
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=sealed[2:14], mac_len=16)
    cipher.update(_associated(sealed[:2], wsid))
    payload = cipher.decrypt_and_verify(sealed[14:-16], sealed[-16:])
    assert sealed[:2] == bytes((1, codec))
    assert (zlib.decompress(payload) if codec else payload) == plaintext


@pytest.mark.parametrize(("codec", "wsid", "plaintext"), CASES)
def test_what_pycryptodome_seals_opens_with_us(codec: Codec, wsid: int, plaintext: bytes) -> None:
    header, nonce = bytes((1, codec)), os.urandom(12)
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=nonce, mac_len=16)
    cipher.update(_associated(header, wsid))
    ciphertext, tag = cipher.encrypt_and_digest(zlib.compress(plaintext) if codec else plaintext)
    assert envelope.open_(header + nonce + ciphertext + tag, KEY, wsid) == plaintext


@pytest.fixture(scope="session")
def node() -> str:
    return node_program()


def _ask_node(node: str, jobs: list[dict[str, object]]) -> list[str]:
    run = subprocess.run(
        [node, "-e", NODE_PROGRAM],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers: list[str] = json.loads(run.stdout)
    return answers


def test_what_we_seal_opens_with_node(node: str) -> None:
    sealed = [envelope.seal(text, KEY, wsid, codec=codec) for codec, wsid, text in CASES]
    answers = _ask_node(
        node,
        [
            {"do": "open", "key": KEY.hex(), "wsid": str(wsid), "data": envelope.to_data(data)}
            for (_, wsid, _), data in zip(CASES, sealed, strict=True)
        ],
    )
    assert [envelope.from_data(answer) for answer in answers] == [text for _, _, text in CASES]


def test_what_node_seals_opens_with_us(node: str) -> None:
    answers = _ask_node(
        node,
        [
            {
                "do": "seal",
                "key": KEY.hex(),
                "wsid": str(wsid),
                "codec": int(codec),
                "plaintext": envelope.to_data(text),
            }
            for codec, wsid, text in CASES
        ],
    )
    opened = [
        envelope.open_(envelope.from_data(data), KEY, wsid)
        for data, (_, wsid, _) in zip(answers, CASES, strict=True)
    ]
    assert opened == [text for _, _, text in CASES]


def test_node_computes_the_same_id_of_an_envelope(node: str) -> None:
    sealed = [envelope.seal(b"{}", KEY, wsid) for wsid in WSIDS]
    answers = _ask_node(
        node,
        [
            {"do": "id", "wsid": str(wsid), "data": envelope.to_data(data)}
            for wsid, data in zip(WSIDS, sealed, strict=True)
        ],
    )
    assert answers == [
        envelope.envelope_id(data, wsid).hex() for wsid, data in zip(WSIDS, sealed, strict=True)
    ]
