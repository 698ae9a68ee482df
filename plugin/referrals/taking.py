"""What the EHR's server says about a Task of ours, taken into the store: each version once, in whatever order versions are told.

The server is where both sides look, so what it shows is so: what was decided here and did not get there in time is withdrawn, and staff
are told. What cannot follow from what it showed before is put aside with a reason, and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, or_, select, update

from fhir_adapters.quarantine import Json
from fhir_adapters.references import patient_id
from fhir_adapters.referral_states import OPEN, WITH_REASON, Status, reachable
from plugin.access import Role, Scope
from plugin.referrals.moving import Output, Step, taken
from plugin.referrals.reading import outputs
from plugin.referrals.resources import ORDER, TASK
from plugin.referrals.words import OUTPUT_KINDS, RESULTING, Attention, reason_code
from plugin.store.inserting import insert_new
from plugin.store.tables.referrals import QUARANTINE, REFERRALS, WRITES

EHR: Final = Scope("ehr", Role.SYSTEM)
"""In whose name what a server says is recorded: who moved it there, the server knows."""
NOT_OURS, KNOWN, MOVED, OVERTAKEN, ASIDE = "not ours", "known", "moved", "overtaken", "put aside"
_MOST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class _Told:
    """One version of a Task."""

    status: str
    seen: str
    seen_at: datetime | None
    reason_code: str | None
    reason: str | None
    outputs: tuple[Output, ...]


def take_in(connection: Connection, tenant: str, task: Json, at: datetime) -> str:
    """Take in what ``task`` says; in a word, what came of it: `NOT_OURS`, `KNOWN`, `MOVED`, `OVERTAKEN` or `ASIDE`."""
    row = _ours(connection, tenant, task)
    if row is None:
        return NOT_OURS
    told = _told(task)
    if not _is_news(row, told):
        return KNOWN
    seen = {"seen": told.seen, "seen_at": told.seen_at, "task_place": row.task_place or f"Task/{task['id']}"}
    if reason := _wrong(connection, row, task, told):
        return _put_aside(connection, row, told, reason, seen, at)
    return _follow(connection, row, told, Status(told.status), seen, at)


def is_ours(connection: Connection, tenant: str, task: Json) -> bool:
    """Whether it can be of a referral of ours; nothing is locked."""
    return connection.execute(_of_task(tenant, task)).first() is not None


def updated(resource: Json) -> datetime | None:
    """When the server says that this version was made."""
    meta = resource.get("meta")
    text = meta.get("lastUpdated") if isinstance(meta, dict) else None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _ours(connection: Connection, tenant: str, task: Json) -> Row[Any] | None:
    """The referral whose Task it is, locked."""
    return connection.execute(_of_task(tenant, task).with_for_update()).one_or_none()


def _of_task(tenant: str, task: Json) -> Select[Any]:
    """By its place or, if that is not known yet, by our identifier."""
    found = _objects(task.get("identifier"))
    values = [each["value"] for each in found if each.get("system") == f"urn:almoner:{tenant}" and isinstance(each.get("value"), str)]
    table = REFERRALS.c
    place = table.task_place == f"Task/{task.get('id')}"
    named = table.task.in_(values) & table.task_place.is_(None)
    return select(REFERRALS).where(table.tenant == tenant, or_(place, named))


def _told(task: Json) -> _Told:
    meta: Any = task["meta"] if isinstance(task.get("meta"), dict) else {}
    reason = task.get("statusReason")
    text = reason.get("text") if isinstance(reason, dict) else None
    return _Told(
        str(task.get("status")),
        str(meta.get("versionId") or meta.get("lastUpdated") or task.get("status"))[:64],
        updated(task),
        reason_code(reason) if reason is not None else None,
        str(text)[:_MOST_TEXT] if text else None,
        tuple(_outputs(task.get("output"))),
    )


def _outputs(told: Any) -> Sequence[Output]:
    """What an output says beside its kind; one that says nothing that can be read is left out."""
    found = []
    for each in _objects(told):
        value = next((each[name] for name in ("valueReference", "valueCodeableConcept") if isinstance(each.get(name), dict)), None)
        if value:
            found.append(Output(_kind(each.get("type")), value))
    return found


def _kind(type: Any) -> str:
    """One that the guide does not know is taken for what came of it."""
    codings = _objects(type.get("coding") if isinstance(type, dict) else None)
    return next((coding["code"] for coding in codings if coding.get("code") in OUTPUT_KINDS), RESULTING)


def _objects(told: Any) -> Sequence[Json]:
    """The elements of a list as they should be; what is something else is left out."""
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _is_news(row: Row[Any], told: _Told) -> bool:
    """Not if it was taken in, or if a later version was."""
    if row.seen is None:
        return True
    if row.seen.isdecimal() and told.seen.isdecimal():
        return int(told.seen) > int(row.seen)
    if told.seen == row.seen:
        return False
    return row.seen_at is None or told.seen_at is None or told.seen_at >= row.seen_at


def _wrong(connection: Connection, row: Row[Any], task: Json, told: _Told) -> str | None:
    """Why it cannot be taken in: a code."""
    if patient_id(task.get("for")) != row.patient:
        return "other-patient"
    if told.status not in set(Status):
        return "unknown-status"
    status = Status(told.status)
    if status not in reachable(Status(row.there or Status.REQUESTED)):
        return "illegal-move"
    others = select(REFERRALS.c.id).where(
        REFERRALS.c.tenant == row.tenant,
        REFERRALS.c.patient == row.patient,
        REFERRALS.c.need == row.need,
        REFERRALS.c.id != row.id,
        REFERRALS.c.state.in_(OPEN),
    )
    reopens = status in OPEN and row.state not in OPEN and not _stays(row, status, _pending(connection, row))
    return "another-is-open" if reopens and connection.scalar(others.limit(1)) is not None else None


def _stays(row: Row[Any], status: Status, pending: Sequence[Row[Any]]) -> bool:
    """Whether what was decided here holds: some of it arrived there, or may yet, from where the server is."""
    if not pending:
        return False
    arrived = any(write.put and write.after == status for write in pending)
    return arrived or status == (row.there or Status.REQUESTED) or status in pending[0].only_from


def _put_aside(connection: Connection, row: Row[Any], told: _Told, reason: str, seen: Json, at: datetime) -> str:
    _quarantine(connection, row, told.seen, reason, told.status, at)
    taken(connection, EHR, row, Step(Status(row.state), "put aside"), at, attention=Attention.ILLEGAL, **seen)
    return ASIDE


def _follow(connection: Connection, row: Row[Any], told: _Told, status: Status, seen: Json, at: datetime) -> str:
    """What it means for the state here, given what was decided here and may not be there yet."""
    pending = _pending(connection, row)
    seen |= {"there": str(status)}
    if not _stays(row, status, pending):
        return (_overtaken if pending else _moved)(connection, row, told, status, seen, at)
    arrived = max((n for n, write in enumerate(pending) if write.put and write.after == status), default=-1)
    for write in pending[: arrived + 1]:
        _note(connection, write, "landed", at)
    return _shown(connection, row, told, seen, at)


def _moved(connection: Connection, row: Row[Any], told: _Told, status: Status, seen: Json, at: datetime, name: str = "moved") -> str:
    if status == row.state:
        return _shown(connection, row, told, seen, at)
    why = (told.reason_code, told.reason) if status in WITH_REASON else (None, None)
    taken(connection, EHR, row, Step(status, name, *why, told.outputs), at, **seen)
    return MOVED


def _shown(connection: Connection, row: Row[Any], told: _Told, seen: Json, at: datetime) -> str:
    """The state here stays. It is a step only if something new came of it: whoever has the referral before them is not disturbed."""
    known = {each.digest for each in outputs(connection, row.id)}
    if all(each.digest in known for each in told.outputs):
        connection.execute(update(REFERRALS).where(REFERRALS.c.id == row.id).values(seen))
        return KNOWN
    attention = None if row.attention == Attention.OUTCOME else row.attention
    taken(connection, EHR, row, Step(Status(row.state), "told", outputs=told.outputs), at, attention=attention, **seen)
    return MOVED


def _overtaken(connection: Connection, row: Row[Any], told: _Told, status: Status, seen: Json, at: datetime) -> str:
    pending = _pending(connection, row)
    for write in pending:
        _note(connection, write, "withdrawn", at)
    if status == row.state:
        return _shown(connection, row, told, seen, at)  # both came to the same, by two ways
    table = WRITES.c
    ends = (table.referral == row.id, table.kind == ORDER, table.put.is_(None), table.number >= pending[0].number)
    connection.execute(update(WRITES).where(*ends).values(withdrawn=at))
    _quarantine(connection, row, told.seen, "overtaken", row.state, at)
    reopened = {"rerouted": False} if status in OPEN else {}
    _moved(connection, row, told, status, seen | reopened | {"attention": Attention.OVERTAKEN}, at, "overtaken")
    return OVERTAKEN


def _pending(connection: Connection, row: Row[Any]) -> Sequence[Row[Any]]:
    """The moves that were decided here and were not seen on the server, the first one first."""
    table = WRITES.c
    query = select(WRITES).where(table.referral == row.id, table.kind == TASK, table.landed.is_(None), table.withdrawn.is_(None))
    return connection.execute(query.order_by(table.number)).all()


def _note(connection: Connection, write: Row[Any], what: str, at: datetime) -> None:
    mine = (WRITES.c.referral == write.referral, WRITES.c.number == write.number, WRITES.c.kind == write.kind)
    connection.execute(update(WRITES).where(*mine).values({what: at}))


def _quarantine(connection: Connection, row: Row[Any], seen: str, reason: str, after: str, at: datetime) -> None:
    kept = {"referral": row.id, "seen": seen, "reason": reason, "before": row.state, "after": after[:32], "at": at, "closed": None}
    insert_new(connection, QUARANTINE, [kept])
