// SPDX-License-Identifier: GPL-3.0-or-later
// The measures that a bucket has: what they are called and how their values are written.

import { bytes, count, duration } from "../numbers.js";

export const MEASURES = {
  requests: { called: "Requests", write: count },
  visitors: { called: "Visitors", write: count },
  bots: { called: "Bots", write: count },
  errors: { called: "Errors", write: count },
  duration_ms: { called: "Mean duration", write: duration },
  bytes: { called: "Data out", write: bytes },
};
