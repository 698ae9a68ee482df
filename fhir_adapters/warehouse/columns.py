"""The columns of the warehouse's files, and how people and events become rows and rows become them again.

Three kinds of file: ``people`` holds one row for each Patient resource, ``events`` one for each event (and one without an event for a
resource that says nothing, so that its version is known), ``named`` one for each resource that is nobody's, but to which those of people
refer. All begin with the same header about the resource.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate, starmap
from typing import Any, Final

import pyarrow as pa

from fhir_adapters.codes import shared
from fhir_adapters.forms import Form, Question
from fhir_adapters.mapping import Mapped
from fhir_adapters.mapping.identities import Identity
from rules.facts import Area, Coding, DateRange, Event, Person

SCHEMA: Final = 5
"""The version of the columns below, and of what a snapshot says of itself (since 4 that it lacks what was not needed). Files keep the
version they were written in; `views` adds to older ones what they lack."""

_INT, _LONG, _FLOAT, _TEXT, _YES, _DAY = pa.int32(), pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.date32()
_CODINGS: Final = pa.list_(pa.struct({"system": _TEXT, "code": _TEXT}))
_TAGS: Final = pa.list_(pa.struct({"role": _TEXT, "system": _TEXT, "code": _TEXT}))
_IDENTIFIERS: Final = pa.list_(pa.struct({"system": _TEXT, "value": _TEXT}))
_AREAS: Final = pa.list_(pa.struct({"scheme": _TEXT, "vintage": _TEXT, "code": _TEXT, "level": _FLOAT}))
_DEFECTS: Final = pa.list_(pa.struct({"path": _TEXT, "reason": _TEXT}))

HEADER: Final[dict[str, pa.DataType]] = {
    "source": _TEXT,
    "type": _TEXT,
    "patient": _TEXT,
    "updated": _LONG,
    "number": _LONG,
    "content": _TEXT,
    "quarantined": _YES,
    "defects": _DEFECTS,
}
"""``patient`` as the resource says: an id, the key of an identifier, or empty if it is nobody's; ``updated`` (microseconds since 1970
UTC, null: not said) and ``number`` (−1: not said) order its versions; ``content`` is a digest; ``quarantined`` says that the resource
was not understood, ``defects`` what in it was not."""

PLACED: Final[dict[str, pa.DataType]] = {"run": _INT, "place": _LONG, "person": _TEXT, "seen": _LONG}
"""Given when a row is written: ``run`` (the load that wrote it), ``person`` (the patient, or who survived a merge), ``place`` (a hash
of the household, by which rows are sorted) and ``seen`` (the time as of which the source said so, microseconds since 1970 UTC)."""

PERSON: Final[dict[str, pa.DataType]] = {
    "identifiers": _IDENTIFIERS,
    "replaced_by": pa.list_(_TEXT),
    "replaces": pa.list_(_TEXT),
    "active": _YES,
    "test": _YES,
    "birth_low": _DAY,
    "birth_high": _DAY,
    "sex": _TEXT,
    "deceased": _YES,
    "died_low": _DAY,
    "died_high": _DAY,
    "language": _TEXT,
    "postcode": _TEXT,
    "household": _TEXT,
    "race": pa.list_(_TEXT),
    "ethnicity": _TEXT,
    "name": _TEXT,
    "phone": _TEXT,
    "interpreter": _YES,
    "contact_system": _TEXT,
    "contact_code": _TEXT,
    "tract": _TEXT,
    "areas": _AREAS,
    "email": _TEXT,
}
EVENT: Final[dict[str, pa.DataType]] = {
    "n": _INT,
    "tbl": _TEXT,
    "part": _TEXT,
    "codes": _CODINGS,
    "answers": _CODINGS,
    "tags": _TAGS,
    "value": _FLOAT,
    "unit": _TEXT,
    "status": _TEXT,
    "start_low": _DAY,
    "start_high": _DAY,
    "end_low": _DAY,
    "end_high": _DAY,
    "instant": _LONG,
    "issued": _LONG,
    "event_updated": _LONG,
    "opaque": _YES,
    "awaits": _TEXT,
    "form": _TEXT,
}
"""``awaits``: the Medication whose codes it takes; ``form``: the canonical URL of the Questionnaire that it answers. Both are looked up
when it is read, so that it does not matter which comes first."""
_NAMED: Final[dict[str, pa.DataType]] = {"codes": _CODINGS, "questions": _TEXT}
KINDS: Final[dict[str, dict[str, pa.DataType]]] = {"people": HEADER | PERSON, "events": HEADER | EVENT, "named": HEADER | _NAMED}
"""Kind of file → its columns, without those that are given when a row is written."""

REFUSED: Final = {"type": _TEXT, "id": _TEXT, "path": _TEXT, "reason": _TEXT, "times": _LONG}
"""Of a defect that belongs to no row."""

_NO_EVENT: Final = (0, *(None,) * (len(EVENT) - 1))
"""The row of a resource that says nothing: no table."""


def person_row(person: Person, said: Identity) -> tuple[object, ...]:
    """The columns of a person after the header."""
    return (
        said.identifiers,
        said.replaced_by,
        said.replaces,
        said.active,
        said.test,
        *_days(person.birth),
        person.sex,
        person.deceased,
        *_days(person.died),
        person.language,
        person.postcode,
        person.household,
        person.race,
        person.ethnicity,
        person.name,
        person.phone,
        person.interpreter,
        *(person.contact or (None, None)),
        person.tract,
        person.areas,
        person.email,
    )


def event_rows(mapped: Mapped) -> Iterator[tuple[object, ...]]:
    """The columns of a resource's events after the header, numbered; one row without an event if it says nothing."""
    if not mapped.events:
        yield _NO_EVENT
    for n, event in enumerate(mapped.events):
        yield (
            n,
            event.table,
            event.part,
            event.codes,
            event.answers,
            tuple((role, *coding) for role, coding in event.tags),
            event.value,
            event.unit,
            event.status,
            *_days(event.start),
            *_days(event.end),
            event.instant,
            event.issued,
            event.updated,
            event.opaque,
            mapped.awaits or None,
            mapped.answers or None,
        )


def named_row(mapped: Mapped) -> tuple[object, ...]:
    """The columns of a Medication or Questionnaire after the header."""
    form = mapped.form
    return mapped.codes, json.dumps([form.url, form.version, list(form.questions.values())]) if form else None


def form_from(questions: str) -> Form:
    """The form in a row of ``named``."""
    url, version, listed = json.loads(questions)
    found = [
        Question(link, tuple(starmap(shared, codes)), tuple(coded), type, unit, extract, tuple(category))
        for link, codes, coded, type, unit, extract, category in listed
    ]
    return Form(url, version, {question.link: question for question in found})


def _days(days: DateRange | None) -> tuple[object, object]:
    return (days.low, days.high) if days else (None, None)


def people_from(table: pa.Table) -> list[Person]:
    """The people in a table with the columns of ``people``."""
    columns = _lists(table)
    born = map(_range, columns["birth_low"], columns["birth_high"])
    died = map(_range, columns["died_low"], columns["died_high"])
    plain = (columns[name] for name in ("language", "postcode", "household"))
    others = (columns[name] for name in ("ethnicity", "name", "phone", "interpreter"))
    races, areas = map(tuple, columns["race"]), map(_areas, columns["areas"])
    contact = map(_contact, columns["contact_system"], columns["contact_code"])
    last = (*others, contact, columns["tract"], areas, columns["email"])
    rows = zip(columns["patient"], born, columns["sex"], columns["deceased"], died, *plain, races, *last, strict=True)
    return list(starmap(Person, rows))


def events_from(table: pa.Table) -> list[Event]:
    """The events in a table with the columns of ``events``, all of them real ones."""
    columns = _lists(table)
    begun = map(_range, columns["start_low"], columns["start_high"])
    ended = map(_range, columns["end_low"], columns["end_high"])
    first = (columns[name] for name in ("tbl", "source", "part"))
    coded = (map(_codings, columns[name]) for name in ("codes", "answers"))
    plain = (columns[name] for name in ("value", "unit", "status"))
    last = (columns[name] for name in ("instant", "issued", "event_updated", "opaque"))
    rows = zip(*first, *coded, map(_tags, columns["tags"]), *plain, begun, ended, *last, strict=True)
    return list(starmap(Event, rows))


def _range(low: date | None, high: date | None) -> DateRange | None:
    return None if low is None or high is None else DateRange(low, high)


def _contact(system: str | None, code: str | None) -> Coding | None:
    return None if system is None or code is None else shared(system, code)


def _areas(rows: Sequence[tuple[str, str, str, float | None]]) -> tuple[Area, ...]:
    return tuple(starmap(Area, rows))


def _codings(rows: Sequence[tuple[str, str]]) -> tuple[Coding, ...]:
    return tuple(starmap(shared, rows))


def _tags(rows: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, Coding], ...]:
    return tuple((role, shared(system, code)) for role, system, code in rows)


def arrow(rows: Sequence[tuple[object, ...]], columns: Mapping[str, pa.DataType]) -> pa.Table:
    """Rows as an Arrow table; a list of objects is given as a sequence of tuples."""
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [_array(column, kind) for column, kind in zip(values, columns.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return pa.array(values, type=kind)
    filled = [value or () for value in values]
    offsets = pa.array([0, *accumulate(map(len, filled))], type=pa.int32())
    items = [item for value in filled for item in value]
    children = zip(*items, strict=True) if items else [()] * kind.value_type.num_fields
    fields = [pa.array(child, type=field.type) for child, field in zip(children, kind.value_type, strict=True)]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(fields, names=[f.name for f in kind.value_type]))


def _lists(table: pa.Table) -> dict[str, list[Any]]:
    """Column → its values; a list of objects comes as tuples, for dictionaries would cost more than all the rest."""
    return {name: _values(table.column(name).combine_chunks()) for name in table.column_names}


def _values(column: pa.Array) -> list[Any]:
    if not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        values: list[Any] = column.to_pylist()
        return values
    inside = column.flatten()
    items = list(zip(*(child.to_pylist() for child in inside.flatten()), strict=True))
    lengths = [length or 0 for length in column.value_lengths().to_pylist()]
    ends = list(accumulate(lengths))
    return [items[end - length : end] for length, end in zip(lengths, ends, strict=True)]
