# SPDX-License-Identifier: GPL-3.0-or-later
"""Erasing from the log: a user name, or a whole web service."""

from __future__ import annotations

from ..base import Erased
from ..erasing import without_name
from .dictionary import digest_of
from .driver import Connection
from .log import DELETION, ERASURE, Log


class Erasure:
    """Erases by entries of the log, so that the views do the same on reaching them."""

    def __init__(self, connection: Connection, log: Log) -> None:
        self._db = connection
        self._log = log

    def erase_username(self, wsid: int, username: str, now_ms: int) -> Erased:
        """See Store.erase_username. The text itself goes too, unless something else still uses it."""

        def erase() -> Erased:
            row = self._db.execute(
                "SELECT id FROM texts WHERE digest = ?", (digest_of((username,)),)
            ).fetchone()
            events = 0
            if row is not None and username:
                name = row[0]
                (events,) = self._db.execute(
                    "SELECT count(*) FROM events WHERE wsid = ?1 AND profile IN "
                    "(SELECT id FROM profiles WHERE wsid = ?1 AND username = ?2)",
                    (wsid, name),
                ).fetchone()
                # the profiles stay what the events and views refer to, but are not found for new events any more
                self._db.execute(
                    "UPDATE profiles SET username = NULL, digest = randomblob(12) WHERE wsid = ? AND username = ?",
                    (wsid, name),
                )
                self._forget_text(name)
                self._log.values_changed()
            quarantined = 0
            for number, payload in self._db.execute(
                "SELECT id, payload FROM quarantine WHERE wsid = ?", (wsid,)
            ).fetchall():
                blanked = without_name(payload, username)
                if blanked != payload:
                    self._db.execute("UPDATE quarantine SET payload = ? WHERE id = ?", (blanked, number))
                    quarantined += 1
            self._log.entry_of_ours(ERASURE, wsid, now_ms, erased=username)
            return Erased(events, quarantined)

        return self._log.transaction(erase)  # type: ignore[no-any-return]

    def _forget_text(self, text: int) -> None:
        """Delete a text, unless something still refers to it."""
        used = " OR ".join(f"{column} = ?1" for column in ("source", "host", "method", "username", "site"))
        self._db.execute(
            f"DELETE FROM texts WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM profiles WHERE {used}) "
            "AND NOT EXISTS (SELECT 1 FROM events WHERE path = ?1 OR referrer = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM entries WHERE source = ?1 OR run = ?1)",
            (text,),
        )

    def delete_webservice(self, wsid: int, now_ms: int) -> Erased:
        """See Store.delete_webservice. Events and entries go in chunks, by Expiry."""

        def delete() -> Erased:
            (events,) = self._db.execute("SELECT count(*) FROM events WHERE wsid = ?", (wsid,)).fetchone()
            quarantined = self._db.changed("DELETE FROM quarantine WHERE wsid = ?", (wsid,))
            for table in ("streams", "gone", "run_keys", "sizes"):
                self._db.execute(f"DELETE FROM {table} WHERE wsid = ?", (wsid,))
            self._log.forget()
            upto = self._log.entry_of_ours(DELETION, wsid, now_ms)
            self._db.execute(
                "INSERT INTO dropped VALUES (?1, 0, ?2) ON CONFLICT DO UPDATE SET upto = ?2", (wsid, upto)
            )
            return Erased(events, quarantined)

        return self._log.transaction(delete)  # type: ignore[no-any-return]
