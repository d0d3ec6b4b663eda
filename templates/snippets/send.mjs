// SPDX-License-Identifier: 0BSD
// Node 18 or newer, nothing to install: node send.mjs
import { createCipheriv, randomBytes } from "node:crypto";

const dsn = new URL(process.env.TMON_DSN);
const server = `${dsn.protocol.replace("tmon+", "")}//${dsn.host}`;
const key = Buffer.from(dsn.username, "hex");
const wsid = dsn.pathname.slice(1);

async function track(event) {
  const header = Buffer.from([1, 0]);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.concat([header, Buffer.from(wsid)]));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(event)), cipher.final()]);
  const answer = await fetch(`${server}/data/collect/${wsid}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: Buffer.concat([header, nonce, sealed, cipher.getAuthTag()]),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}

await track({ url: "/cart", ip: "203.0.113.9", useragent: "curl/8.5.0", status: 200 });
