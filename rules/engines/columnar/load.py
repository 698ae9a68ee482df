"""People and their events as Arrow tables, one row an event."""

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa

from rules.engines.columnar.features import SOURCES, table
from rules.facts import HOUSEHOLD, NEVER, NUMBERS, DateRange, Event, PersonRecord

_PERSON: Final = {
    "pid": pa.int32(),
    "id": pa.string(),
    "asked": pa.bool_(),
    "home": pa.string(),
    "birth_low": pa.date32(),
    "birth_high": pa.date32(),
    "sex": pa.string(),
    "language": pa.string(),
    "postcode": pa.string(),
    "deceased": pa.bool_(),
    "died_low": pa.date32(),
    "died_high": pa.date32(),
    **{f"no_{source}": pa.bool_() for source in SOURCES},
}
_EVENT: Final = {
    "eid": pa.int64(),
    "pid": pa.int32(),
    "tbl": pa.int32(),
    "status": pa.string(),
    "value": pa.float64(),
    "unit": pa.string(),
    "low": pa.date32(),
    "high": pa.date32(),
    "end_low": pa.date32(),
    "end_high": pa.date32(),
    "instant": pa.int64(),
    "issued": pa.int64(),
    "updated": pa.int64(),
    "source": pa.string(),
    "part": pa.string(),
    "opaque": pa.bool_(),
}
_ANSWER: Final = {"eid": pa.int64(), "system": pa.string(), "code": pa.string()}
_CODE: Final = _ANSWER | {"alone": pa.bool_()}
"""``alone``: whether the event is not opaque and has no other code."""
_TAG: Final = {"eid": pa.int64(), "role": pa.string(), "system": pa.string(), "code": pa.string()}


def tables(people: Iterable[PersonRecord]) -> dict[str, pa.Table]:
    """The tables ``person``, ``event``, ``event_code``, ``event_answer`` and ``event_tag``.

    The other members of a household are loaded too, but only ``people`` are *asked* about.
    """
    persons: list[tuple[object, ...]] = []
    events: list[tuple[object, ...]] = []
    codes: list[tuple[object, ...]] = []
    answers: list[tuple[object, ...]] = []
    tags: list[tuple[object, ...]] = []
    for pid, (record, asked) in enumerate(_everybody(people)):
        persons.append(_person(pid, record, asked))
        for event in record.events:
            eid = len(events)
            events.append(_event(eid, pid, event))
            codes += [(eid, *coding, len(event.codes) == 1 and not event.opaque) for coding in event.codes]
            answers += [(eid, *coding) for coding in event.answers]
            tags += [(eid, role, *coding) for role, coding in event.tags]
    return {
        "person": table(persons, _PERSON),
        "raw_event": table(events, _EVENT),
        "event_code": table(codes, _CODE),
        "event_answer": table(answers, _ANSWER),
        "event_tag": table(tags, _TAG),
    }


def _everybody(people: Iterable[PersonRecord]) -> Iterator[tuple[PersonRecord, bool]]:
    asked = {record.person.id: record for record in people}
    others: dict[str, PersonRecord] = {}
    for record in asked.values():
        yield record, True
        others.update((o.person.id, o) for o in record.household if o.person.id not in asked)
    for other in others.values():
        yield other, False


def _person(pid: int, record: PersonRecord, asked: bool) -> tuple[object, ...]:
    person = record.person
    together = person.household is not None and HOUSEHOLD not in record.not_loaded
    return (
        pid,
        person.id,
        asked,
        f"home {person.household}" if together else f"alone {pid}",
        *_range(person.birth),
        person.sex,
        person.language,
        person.postcode,
        person.deceased,
        *_range(person.died),
        *(source in record.not_loaded for source in SOURCES),
    )


def _event(eid: int, pid: int, event: Event) -> tuple[object, ...]:
    times = (NEVER if t is None else t for t in (event.instant, event.issued, event.updated))
    return (
        eid,
        pid,
        NUMBERS[event.table],
        event.status,
        event.value,
        event.unit or "",
        *_range(event.start),
        *_range(event.end),
        *times,
        event.source,
        event.part,
        event.opaque,
    )


def _range(days: DateRange | None) -> tuple[object, object]:
    return (days.low, days.high) if days else (None, None)
