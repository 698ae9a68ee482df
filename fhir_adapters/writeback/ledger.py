"""The outbox in SQLite: every intent is a row before any call is made, and the row says how far it came.

It holds what is to be written, so the file is readable by its owner only; once a write is confirmed its contents are forgotten.
"""

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from fhir_adapters.errors import AdapterError
from fhir_adapters.writeback.edits import dumped
from fhir_adapters.writeback.intent import Intent, Suggestion
from fhir_adapters.writeback.policy import Policy
from fhir_adapters.writeback.states import Claim, Settled, State, Status

_VERSION: Final = 1
_BUSY: Final = 60.0
_SCHEMA: Final = """
CREATE TABLE intents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, value TEXT NOT NULL, kind TEXT NOT NULL, type TEXT NOT NULL,
    patient TEXT NOT NULL, rule TEXT NOT NULL, run TEXT NOT NULL, body TEXT, provenance TEXT, needs TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'confirmed', 'parked')),
    reason TEXT, place TEXT, attempts INTEGER NOT NULL DEFAULT 0, fence INTEGER NOT NULL DEFAULT 0,
    lease REAL NOT NULL DEFAULT 0, added REAL NOT NULL, due REAL NOT NULL,
    UNIQUE (tenant, value)
) STRICT;
CREATE INDEX by_state ON intents (tenant, state, due);
CREATE INDEX by_patient ON intents (tenant, patient, state);
CREATE INDEX by_run ON intents (tenant, run);
CREATE TABLE duplicates (
    id TEXT NOT NULL REFERENCES intents (id), place TEXT NOT NULL, found REAL NOT NULL, PRIMARY KEY (id, place)
) STRICT;
CREATE TABLE stops (tenant TEXT PRIMARY KEY, reason TEXT NOT NULL, since REAL NOT NULL) STRICT;
"""
_DUE: Final = """
SELECT * FROM intents
WHERE tenant = :tenant AND type IN (SELECT value FROM json_each(:types))
    AND ((state = 'pending' AND due <= :now) OR (state = 'sending' AND lease <= :now))
    AND patient NOT IN (SELECT patient FROM intents WHERE tenant = :tenant AND state = 'sending' AND lease > :now)
ORDER BY number
"""


class LeaseLost(AdapterError):
    """Somebody else has taken the row over; what we know of it is not written down."""


class Ledger:
    """The table of intents in the file at ``path``, for any number of threads and processes. ``clock`` gives seconds since 1970."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(self._open()) as database:
            database.execute("PRAGMA journal_mode = WAL")
        with self.transaction() as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise AdapterError("the outbox was written by a newer version of this program")
            if version == 0:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that begins with the right to write: a decision and its intents are written together, or not at all."""
        with closing(self._open()) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def add(self, intent: Intent, within: sqlite3.Connection | None = None) -> bool:
        """Write the row, ``within`` a `transaction` of the caller if there is one. ``False``: it was there already; the first one stays."""
        if within is None:
            with self.transaction() as database:
                return self.add(intent, database)
        key, now = intent.key, self._clock()
        row = {
            "id": key.id, "tenant": key.tenant, "value": key.value, "kind": type(intent).__name__, "type": key.type,
            "patient": key.patient, "rule": f"{key.rule}|{key.version}", "run": intent.run, "body": dumped(_body(intent)),
            "provenance": dumped(intent.provenance), "needs": json.dumps(intent.needs), "state": State.PENDING, "added": now, "due": now,
        }  # fmt: skip
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        done = within.execute(f"INSERT INTO intents ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", row)  # noqa: S608 names are ours
        return done.rowcount == 1

    def claim(self, policy: Policy, most: int, over: Counter[str] | None = None) -> list[Claim]:
        """Up to ``most`` rows that are due, now ours for the lease, oldest first.

        Nobody gets a row of a patient for whom somebody else is writing, nor one that needs a row which is neither on the server nor
        in the same claim. Rows over a ceiling are parked, and counted in ``over`` by their reason.
        """
        now = self._clock()
        with self.transaction() as database:
            taken, beyond = _chosen(database, policy, most, now)
            database.executemany("UPDATE intents SET state = 'parked', reason = ? WHERE id = ?", beyond)
            database.executemany(
                "UPDATE intents SET state = 'sending', lease = ?, fence = fence + 1, attempts = attempts + 1 WHERE id = ?",
                [(now + policy.lease, row["id"]) for row in taken],
            )
            if over is not None:
                over.update(reason for reason, _ in beyond)
            return [_claim(database, row) for row in taken]

    def hold(self, claims: Sequence[Claim], lease: float) -> None:
        """Have the lease of all begin anew. Raises `LeaseLost` if one of them is not ours any more."""
        with self.transaction() as database:
            for claim in claims:
                self._ours(database, "lease = ?", (self._clock() + lease,), claim)

    def landed(self, claim: Claim, place: str, others: Collection[str] = ()) -> None:
        """It is on the server at ``place``; ``others`` have the same identifier."""
        with self.transaction() as database:
            self._ours(database, "place = ?", (place,), claim)
            self._duplicates(database, claim.id, others)

    def settle(self, claim: Claim, settled: Settled) -> None:
        """Write down what came of it and give the lease back. Raises `LeaseLost`."""
        forget = ", body = NULL, provenance = NULL" if settled.state is State.CONFIRMED else ""
        due = self._clock() + settled.wait
        with self.transaction() as database:
            self._ours(database, f"state = ?, reason = ?, due = ?{forget}", (settled.state, settled.reason, due), claim)

    def found(self, id: str, places: Sequence[str]) -> None:
        """Where a row that was sent stands on the server: once, more than once (the first is ours), or nowhere."""
        with self.transaction() as database:
            if places:
                database.execute(
                    "UPDATE intents SET state = 'confirmed', reason = NULL, place = ?, body = NULL, provenance = NULL "
                    "WHERE id = ? AND state IN ('sent', 'confirmed')",
                    (places[0], id),
                )
            else:
                database.execute(
                    "UPDATE intents SET state = 'parked', reason = 'missing', place = NULL WHERE id = ? AND state IN ('sent', 'confirmed')",
                    (id,),
                )
            self._duplicates(database, id, places[1:])

    def retry(self, id: str) -> bool:
        """A person has looked: a parked row is due again, if its contents are still here."""
        with self.transaction() as database:
            done = database.execute(
                "UPDATE intents SET state = 'pending', reason = NULL, due = ? WHERE id = ? AND state = 'parked' AND body IS NOT NULL",
                (self._clock(), id),
            )
            return done.rowcount == 1

    def stop(self, tenant: str, reason: str) -> None:
        """Nothing more is sent to this connection until `resume`, by nobody."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO stops VALUES (?, ?, ?)", (tenant, reason, self._clock()))

    def resume(self, tenant: str) -> None:
        """Undo `stop`."""
        with self.transaction() as database:
            database.execute("DELETE FROM stops WHERE tenant = ?", (tenant,))

    def stopped(self, tenant: str) -> str | None:
        """Why nothing is sent; ``None`` if it is."""
        row = self._read("SELECT reason FROM stops WHERE tenant = ?", (tenant,))
        return str(row[0]["reason"]) if row else None

    def rows(self, tenant: str | None = None, states: Collection[State] = tuple(State), id: str | None = None) -> list[Status]:
        """Rows as people see them, oldest first."""
        chosen = [State(state) for state in states]
        marks = ", ".join("?" * len(chosen))
        sql = f"SELECT * FROM intents WHERE state IN ({marks}) AND ? IN (tenant, '') AND ? IN (id, '') ORDER BY number"  # noqa: S608
        extras: dict[str, list[str]] = {}
        for each in self._read("SELECT id, place FROM duplicates ORDER BY place", ()):
            extras.setdefault(each["id"], []).append(each["place"])
        return [_status(row, tuple(extras.get(row["id"], ()))) for row in self._read(sql, (*chosen, tenant or "", id or ""))]

    def waiting(self, policy: Policy) -> list[Claim]:
        """What `claim` would give, without taking it: for a look beforehand. ``fence`` is that of the last claim."""
        now = self._clock()
        with closing(self._open()) as database:
            rows = {row["id"]: row for row in database.execute(_DUE, _due(policy, now))}
            return [_claim(database, row) for row in rows.values() if _ready(database, row, rows.keys())]

    def value(self, id: str) -> str:
        """The value of the identifier of a row."""
        return str(self._read("SELECT value FROM intents WHERE id = ?", (id,))[0]["value"])

    # ------------------------------------------------------------ inside

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        return database

    def _read(self, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        with closing(self._open()) as database:
            return database.execute(sql, values).fetchall()

    def _ours(self, database: sqlite3.Connection, change: str, values: Sequence[Any], claim: Claim) -> None:
        sql = f"UPDATE intents SET {change} WHERE id = ? AND fence = ? AND state = 'sending'"  # noqa: S608 the changes are written above
        if database.execute(sql, (*values, claim.id, claim.fence)).rowcount != 1:
            raise LeaseLost("another process has taken this write over")

    def _duplicates(self, database: sqlite3.Connection, id: str, places: Collection[str]) -> None:
        now = self._clock()
        database.executemany("INSERT OR IGNORE INTO duplicates VALUES (?, ?, ?)", [(id, place, now) for place in places])


def _chosen(database: sqlite3.Connection, policy: Policy, most: int, now: float) -> tuple[list[sqlite3.Row], list[tuple[str, str]]]:
    """The rows to take, and those beyond a ceiling with the reason."""
    taken: dict[str, sqlite3.Row] = {}
    beyond: list[tuple[str, str]] = []
    ceilings = _Ceilings(database, policy, now)
    for row in database.execute(_DUE, _due(policy, now)):
        if len(taken) == most:
            break
        if not _ready(database, row, taken.keys()):
            continue
        if reason := ceilings.reached(row):
            beyond.append((reason, row["id"]))
        else:
            taken[row["id"]] = row
    return list(taken.values()), beyond


class _Ceilings:
    """Counts what was tried before and what is taken now."""

    def __init__(self, database: sqlite3.Connection, policy: Policy, now: float) -> None:
        self._database, self._policy = database, policy
        self._since = now - policy.patient_window.total_seconds()
        self._counts: dict[tuple[str, str], int] = {}

    def reached(self, row: sqlite3.Row) -> str | None:
        """Which ceiling the row would break; otherwise it is counted. A row that was tried before is counted already."""
        if row["attempts"]:
            return None
        of_run, of_patient = self._count("run", row["run"], 0.0), self._count("patient", row["patient"], self._since)
        if of_run >= self._policy.per_run:
            return "ceiling-run"
        if of_patient >= self._policy.per_patient:
            return "ceiling-patient"
        self._counts["run", row["run"]], self._counts["patient", row["patient"]] = of_run + 1, of_patient + 1
        return None

    def _count(self, column: str, value: str, since: float) -> int:
        if (column, value) not in self._counts:
            sql = f"SELECT count(*) FROM intents WHERE tenant = ? AND {column} = ? AND attempts > 0 AND added > ?"  # noqa: S608
            (self._counts[column, value],) = self._database.execute(sql, (self._policy.tenant, value, since)).fetchone()
        return self._counts[column, value]


def _due(policy: Policy, now: float) -> dict[str, Any]:
    return {"tenant": policy.tenant, "types": json.dumps(sorted(policy.write)), "now": now}


def _body(intent: Intent) -> Any:
    if isinstance(intent, Suggestion):
        return intent.resource
    edits = [[edit.act, edit.path, edit.value] for edit in intent.edits]
    return {"target": intent.target, "edits": edits, "only_if": intent.only_if}


def _ready(database: sqlite3.Connection, row: sqlite3.Row, taken: Collection[str]) -> bool:
    """Whether everything that the row needs is on the server or taken with it."""
    return all(id in taken or place is not None for id, place in _places(database, row).items())


def _places(database: sqlite3.Connection, row: sqlite3.Row) -> dict[str, str | None]:
    found = {}
    for id in json.loads(row["needs"]):
        place = database.execute("SELECT place FROM intents WHERE id = ?", (id,)).fetchone()
        found[id] = place["place"] if place else None
    return found


def _claim(database: sqlite3.Connection, row: sqlite3.Row) -> Claim:
    now = database.execute("SELECT fence, attempts FROM intents WHERE id = ?", (row["id"],)).fetchone()
    body, provenance = (json.loads(row[name], parse_float=Decimal) for name in ("body", "provenance"))
    return Claim(
        row["id"], now["fence"], row["kind"], row["type"], row["patient"], row["value"],
        body, provenance, now["attempts"], row["place"], _places(database, row),
    )  # fmt: skip


def _status(row: sqlite3.Row, duplicates: tuple[str, ...]) -> Status:
    return Status(
        row["id"], row["tenant"], row["kind"], row["type"], row["rule"], row["run"], State(row["state"]),
        row["reason"], row["place"], row["attempts"], row["added"], row["due"], duplicates,
    )  # fmt: skip
