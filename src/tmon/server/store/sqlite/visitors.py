# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is new: the first event of a visitor on its local day, and the first under a key.

`seen` has the profiles under which each visitor of an open day was seen. A visitor who comes under a further profile
(`fresh`) is new to those keys that none of his profiles has. Views of fields that profiles lack keep `members`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .batch import SLOT, SLOT_BITS
from .driver import Connection
from .grouping import GROUP, Counted, Family
from .sums import ONE_VISITOR

TABLES = """
CREATE TEMP TABLE fresh(
    session, day, visitor, profile, seq, slot, PRIMARY KEY(session, day, visitor, profile)) WITHOUT ROWID;
CREATE TEMP TABLE arrivals(seq, slot, profile, familiar);
CREATE TEMP TABLE many(session, day, visitor, PRIMARY KEY(session, day, visitor)) WITHOUT ROWID;
CREATE TEMP TABLE known(
    session, day, visitor, bit, text, seq, PRIMARY KEY(session, day, visitor, bit, text)) WITHOUT ROWID;
CREATE TEMP TABLE joined(day, visitor, key, slot, PRIMARY KEY(day, visitor, key)) WITHOUT ROWID;
"""

# What was there before goes in a second step: looked up in the order of its table it costs a third.
FIND_FRESH = """
INSERT OR IGNORE INTO fresh SELECT b.slot & 1, b.day, b.visitor, b.profile, b.seq, b.slot FROM batch b
WHERE b.visitor IS NOT NULL
"""
DROP_SEEN = """
DELETE FROM fresh WHERE EXISTS (SELECT 1 FROM seen s WHERE s.owner = ? AND s.session = fresh.session
    AND s.day = fresh.day AND s.visitor = fresh.visitor AND s.profile = fresh.profile)
"""

FIND_ARRIVALS = """
INSERT INTO arrivals SELECT f.seq, f.slot, f.profile,
    ifnull((SELECT {alike} FROM seen s LEFT JOIN log.profiles d ON d.id = s.profile WHERE s.owner = ?
        AND s.session = f.session AND s.day = f.day AND s.visitor = f.visitor), 0) |
    ifnull((SELECT {alike} FROM fresh s LEFT JOIN log.profiles d ON d.id = s.profile
        WHERE s.session = f.session AND s.day = f.day AND s.visitor = f.visitor AND s.seq < f.seq), 0)
FROM fresh f LEFT JOIN log.profiles p ON p.id = f.profile
"""
"""`familiar` is 0 for a newcomer to the day; else it has bit 0, and bit n where an earlier profile of his has a key
that is alike in the n-th view."""

FEW = 16
"""Visitors with more further profiles in a pass are looked up by key: comparing each with all would be quadratic."""
FIND_MANY = """
INSERT INTO many SELECT session, day, visitor FROM fresh GROUP BY session, day, visitor HAVING count(*) > ?
"""
NOT_MANY = "WHERE (f.session, f.day, f.visitor) NOT IN (SELECT session, day, visitor FROM many)"
KNOW_SEEN = """
INSERT OR IGNORE INTO known SELECT m.session, m.day, m.visitor, {bit}, {text}, 0 FROM many m CROSS JOIN seen s
ON s.owner = ? AND s.session = m.session AND s.day = m.day AND s.visitor = m.visitor
LEFT JOIN log.profiles d ON d.id = s.profile
"""
FRESH_OF_MANY = """
FROM many m CROSS JOIN fresh f ON f.session = m.session AND f.day = m.day AND f.visitor = m.visitor
LEFT JOIN log.profiles d ON d.id = f.profile
"""
KNOW_FRESH = f"""
INSERT INTO known SELECT m.session, m.day, m.visitor, {{bit}}, {{text}}, f.seq {FRESH_OF_MANY} WHERE true
ON CONFLICT DO UPDATE SET seq = min(seq, excluded.seq)
"""
IS_FAMILIAR = f"""
SELECT f.seq AS seq, f.slot AS slot, f.profile AS profile, {{bit}} * (k.seq < f.seq) AS familiar {FRESH_OF_MANY}
CROSS JOIN known k ON k.session = f.session AND k.day = f.day AND k.visitor = f.visitor
AND k.bit = {{bit}} AND k.text = {{text}}
"""


DROP_MEMBERS = """
DELETE FROM joined WHERE EXISTS (SELECT 1 FROM members m WHERE m.day = joined.day AND m.view = ?
    AND m.visitor = joined.visitor AND m.key = joined.key)
"""

ADD_VISITORS = "ON CONFLICT DO UPDATE SET crowd = crowd + excluded.crowd"


class Visitors:
    """Marks newcomers in the batch, and adds those who are new to a key to `groups`."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def find(self, owner: int, by_profile: Sequence[Counted]) -> None:
        """Find who is new, to the day or to a key of the views `by_profile`; and remember them as seen."""
        db = self._db
        for table in ("fresh", "arrivals", "many"):
            db.execute(f"DELETE FROM {table}")
        found = db.changed(FIND_FRESH)
        if found == db.changed(DROP_SEEN, (owner,)):
            return
        alike = "".join(f" + {2 << n} * max({one.key.alike})" for n, one in enumerate(by_profile))
        find_arrivals = FIND_ARRIVALS.format(alike=f"1{alike}" if alike else "max(1)")
        if db.changed(FIND_MANY, (FEW,)):
            db.execute(f"{find_arrivals} {NOT_MANY}", (owner,))
            self._find_by_key(owner, by_profile)
        else:
            db.execute(find_arrivals, (owner,))
        db.execute("INSERT INTO seen SELECT ?, session, day, visitor, profile FROM fresh", (owner,))
        db.execute(
            f"UPDATE batch SET crowd = crowd + {ONE_VISITOR} WHERE seq IN (SELECT seq FROM arrivals WHERE familiar = 0)"
        )

    def _find_by_key(self, owner: int, by_profile: Sequence[Counted]) -> None:
        """Fill `arrivals` for the visitors in `many`: when each of their keys was first known tells what is new."""
        db = self._db
        db.execute("DELETE FROM known")
        keys = [(1, "''"), *((2 << n, one.key.text) for n, one in enumerate(by_profile))]
        for bit, text in keys:
            db.execute(KNOW_SEEN.format(bit=bit, text=text), (owner,))
            db.execute(KNOW_FRESH.format(bit=bit, text=text))
        each = " UNION ALL ".join(IS_FAMILIAR.format(bit=bit, text=text) for bit, text in keys)
        db.execute(
            f"INSERT INTO arrivals SELECT seq, slot, profile, sum(familiar) FROM ({each}) GROUP BY seq"
        )

    def join_by_profile(self, family: Family, by_profile: Sequence[Counted]) -> None:
        """Add to the family's groups who is new to a key, though not to the day."""
        bits = " ".join(f"WHEN {one.number} THEN {2 << n}" for n, one in enumerate(by_profile))
        everything = (2 << len(by_profile)) - 1
        self._db.execute(
            f"INSERT INTO groups({GROUP}) SELECT h.hour, t.view, t.key, a.visitors * {ONE_VISITOR}, 0, 0, 0, 0 "
            "FROM (SELECT slot, profile, familiar, count(*) AS visitors FROM arrivals "
            f"WHERE familiar NOT IN (0, {everything}) AND slot & 1 = ?2 GROUP BY slot, profile, familiar) a "
            "CROSS JOIN hours h ON h.n = a.slot >> 1 "
            "CROSS JOIN translated t ON t.family = ?1 AND t.dim = a.profile "
            f"WHERE a.familiar & CASE t.view {bits} END = 0 {ADD_VISITORS}",
            (family.number, family.session),
        )

    def join_by_key(self, family: Family, one: Counted) -> None:
        """Add to the groups of a view whose field is not of the profile who is new to a key, or to the day."""
        db = self._db
        db.execute("DELETE FROM joined")
        found = db.changed(
            "INSERT OR IGNORE INTO joined SELECT b.day, b.visitor, t.key, b.slot FROM batch b "
            f"CROSS JOIN translated t ON t.family = ?1 AND t.dim = {family.dimension.value} AND t.view = ?2 "
            "WHERE b.visitor IS NOT NULL AND b.slot & 1 = ?3",
            (family.number, one.number, family.session),
        )
        if found == db.changed(DROP_MEMBERS, (one.number,)):
            return
        db.execute(
            "INSERT INTO members(day, view, visitor, key) SELECT day, ?, visitor, key FROM joined",
            (one.number,),
        )
        db.execute(
            f"INSERT INTO groups({GROUP}) "
            f"SELECT h.hour, ?1, j.id >> {SLOT_BITS}, j.visitors * {ONE_VISITOR}, 0, 0, 0, 0 FROM ("
            f"SELECT key << {SLOT_BITS} | slot AS id, count(*) AS visitors FROM joined GROUP BY 1) j "
            f"CROSS JOIN hours h ON h.n = (j.id & {SLOT}) >> 1 WHERE true {ADD_VISITORS}",
            (one.number,),
        )
