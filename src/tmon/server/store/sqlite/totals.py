# SPDX-License-Identifier: GPL-3.0-or-later
"""The totals of a batch: added up by second once, and from there by minute and hour."""

from __future__ import annotations

from ..base import MINUTES_KEPT_MS, SECONDS_KEPT_MS
from .driver import Connection
from .grouping import GROUP
from .sums import ADD, ADD_PACKED, PACKED, unpacked

TABLES = f"CREATE TEMP TABLE ticks(id INTEGER PRIMARY KEY, {PACKED});"

TICK_BITS = 36
"""Of a tick's id, below the slot: a second (Unix, 34 bits) and two bits that say what still counts it."""
SECOND_COUNTS, MINUTE_COUNTS = 2, 1

FILL = f"""
INSERT INTO ticks SELECT slot << {TICK_BITS} | iif(
        (ts / 1000 + 1) * 1000 + {SECONDS_KEPT_MS} > received, ts / 1000 * 4 + {SECOND_COUNTS},
        ts / 60000 * 240 + ((ts / 60000 + 1) * 60000 + {MINUTES_KEPT_MS} > received)),
    crowd, marks, coalesce(duration, 0), coalesce(bytes, 0)
FROM batch WHERE slot & 1 = 0 ON CONFLICT DO UPDATE SET {ADD_PACKED}
"""
SERIES = f"""
INSERT INTO series
SELECT h.wsid, {{grain}}, (k.id & {(1 << TICK_BITS) - 1}) / 4 / {{grain}} * {{grain}}, {unpacked("k")}
FROM ticks k CROSS JOIN hours h ON h.n = k.id >> {TICK_BITS + 1} WHERE {{counts}} ON CONFLICT DO UPDATE SET {ADD}
"""
HOURS = f"""
INSERT INTO groups({GROUP}) SELECT h.hour, 0, 1, k.crowd, k.marks, k.duration, k.bytes, 0
FROM ticks k CROSS JOIN hours h ON h.n = k.id >> {TICK_BITS + 1} WHERE true ON CONFLICT DO UPDATE SET {ADD_PACKED}
"""


def count_totals(db: Connection) -> None:
    """Add the batch's requests to `series`, and to `groups` as view 0."""
    db.execute("DELETE FROM ticks")
    db.execute(FILL)
    db.execute(SERIES.format(grain=1, counts=f"k.id & 3 = {SECOND_COUNTS}"))
    db.execute(SERIES.format(grain=60, counts="k.id & 3 > 0"))
    db.execute(HOURS)
