"""One step of a referral: the row, its history, what is to be told to the EHR and the record of who did it, all in one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, exists, insert, select, update

from fhir_adapters.referral_states import FINAL, Status
from plugin.access import Entry, Scope, record
from plugin.referrals.reading import subject
from plugin.referrals.resources import ENDS, ORDER, TASK
from plugin.referrals.stepping import Situation, due
from plugin.referrals.words import CARD, HERE, OUTPUT_KINDS, Attention
from plugin.store.inserting import insert_new
from plugin.store.tables.referrals import HISTORY, OUTPUTS, REFERRALS, WRITES

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that came of a referral."""

    kind: str
    """``resulting-activity`` or ``additional-content``."""
    value: Mapping[str, Any]
    """A reference (``{"reference": "Procedure/7"}``) or a concept (``{"text": …}``, ``{"coding": …}``)."""

    def __post_init__(self) -> None:
        if self.kind not in OUTPUT_KINDS or not self.value:
            raise ValueError("an output has a kind that is known, and says something")

    @property
    def digest(self) -> str:
        """Of what it says."""
        return sha256(json.dumps([self.kind, self.value], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """What a step changes."""

    to: Status
    name: str = "moved"
    """In the history: moved, nudged, asked, rerouted, stuck, overtaken, kept back."""
    reason_code: str | None = None
    reason: str | None = None
    outputs: Sequence[Output] = ()
    only_from: Sequence[Status] | None = None
    """The states of the Task on the server from which it is to be moved; ``None``: nothing is to be told."""


def taken(connection: Connection, scope: Scope, row: Row[Any], step: Step, at: datetime, **values: Any) -> int:
    """Take the step; the new version. ``values``: further columns that change."""
    version = int(row.version) + 1
    _keep_outputs(connection, row.id, step.outputs, at)
    moves = step.to != row.state
    if moves:
        values |= {"state": str(step.to), "reason_code": step.reason_code, "reason": step.reason}
        if row.attention == Attention.NUDGED:
            values.setdefault("attention", None)  # they have answered
    after = row._asdict() | values | {"changed": at}
    day = due(situation(after, _has_outcome(connection, row.id)), at.date())
    values |= {"version": version, "changed": at, "due": day.isoformat() if day else None}
    connection.execute(update(REFERRALS).where(REFERRALS.c.id == row.id).values(values))
    _keep_history(connection, scope, row, step, version, at)
    if step.only_from is not None and row.tenant != HERE:
        tell(connection, scope, row.id, version, TASK, step, at)
    if moves and step.to in FINAL and row.requested and row.tenant != HERE and (row.origin != CARD or row.request_place):
        tell(connection, scope, row.id, version, ORDER, Step(step.to, only_from=()), at)
    detail = {"to": str(step.to)} | ({"reason": step.reason_code} if step.reason_code else {})
    record(connection, scope, Entry(f"referral.{step.name}", f"referral/{row.id}", subject(row), detail), at)
    return version


def tell(connection: Connection, scope: Scope, referral: str, version: int, kind: str, step: Step, at: datetime, **more: str) -> None:
    """Note that the EHR is to be told; `plugin.referrals.carrying` does it. ``more``: what else the write has to say."""
    outputs = [{"kind": each.kind, "value": dict(each.value)} for each in step.outputs]
    row = {
        "referral": referral,
        "number": version,
        "kind": kind,
        "after": ENDS[step.to] if kind == ORDER else str(step.to),
        "body": {"user": scope.user, "reason_code": step.reason_code, "reason": step.reason, "outputs": outputs} | more,
        "only_from": ["active", "on-hold"] if kind == ORDER else [str(each) for each in step.only_from or ()],
        "at": at,
        "put": None,
        "landed": None,
        "withdrawn": None,
    }
    connection.execute(insert(WRITES), row)


def _keep_outputs(connection: Connection, referral: str, outputs: Sequence[Output], at: datetime) -> None:
    """Keep what came of it; what is known already changes nothing."""
    rows = [{"referral": referral, "digest": o.digest, "kind": o.kind, "value": dict(o.value), "at": at} for o in outputs]
    insert_new(connection, OUTPUTS, rows)


def _has_outcome(connection: Connection, referral: str) -> bool:
    """Whether anything is known that came of it."""
    return bool(connection.scalar(select(exists().where(OUTPUTS.c.referral == referral))))


def situation(row: Mapping[str, Any], outcome: bool) -> Situation:
    """A referral as the timers see it."""
    return Situation(
        Status(row["state"]),
        _day(row["requested"]),
        _day(row["nudged"]),
        row["reason_code"],
        row["tenant"] == HERE or row["there"] == row["state"],
        outcome,
        row["asked"] is not None,
        row["rerouted"],
        row["changed"].date() if row["state"] == Status.CANCELLED else None,
    )


def _keep_history(connection: Connection, scope: Scope, row: Row[Any], step: Step, version: int, at: datetime) -> None:
    kept = {
        "referral": row.id,
        "version": version,
        "at": at,
        "user": scope.user,
        "step": step.name,
        "before": row.state,
        "after": str(step.to),
        "reason_code": step.reason_code,
        "reason": step.reason,
    }
    connection.execute(insert(HISTORY), kept)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
