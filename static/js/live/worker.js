// SPDX-License-Identifier: GPL-3.0-or-later
// The one worker (SharedWorker) of all pages of a browser: they share one stream for each web service, however many of
// them show it, so that open pages don't take the six connections that a browser has for a server.
//
// A page says {seen: url} while somebody sees it, every few seconds, and {hidden: true} when nobody does or it goes. It is
// told {name, data} for each event of its stream and {state} twice a second. Who has not been heard of for a while has
// gone without a word. A stream that nobody sees is closed.

import { Feed } from "./feed.js";

/** So many streams have connections of their own; web services beyond that are followed by questions. */
const STREAMS = 3;
const GONE_MS = 20_000;
const SWEEP_MS = 5000;

/** Per address: its feed, and the pages that follow it with the time when they were last heard of. */
const followed = new Map();

function follow(url, port) {
  let one = followed.get(url);
  if (!one) {
    const tell = (message) => {
      for (const page of one.pages.keys()) page.postMessage(message);
    };
    one = { pages: new Map(), feed: new Feed(url, { heard: (name, data) => tell({ name, data }), state: (state) => tell({ state }) }) };
    followed.set(url, one);
  }
  one.pages.set(port, performance.now());
  share();
}

function leave(port) {
  for (const one of followed.values()) one.pages.delete(port);
  share();
}

/** Close what nobody sees, and give the connections to those that came first. */
function share() {
  let left = STREAMS;
  for (const { pages, feed } of followed.values()) {
    if (pages.size) feed.follow(left-- > 0);
    else feed.leave();
  }
}

function sweep() {
  const since = performance.now() - GONE_MS;
  for (const one of followed.values()) {
    for (const [port, heard_at] of one.pages) if (heard_at < since) one.pages.delete(port);
  }
  share();
}

addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data }) => {
    if (data.seen) follow(data.seen, port);
    else leave(port);
    if (data.reconnect) followed.get(data.seen).feed.reconnect();
  });
  port.start();
});
setInterval(sweep, SWEEP_MS);
