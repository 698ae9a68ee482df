"""The columns: everything that a person or an event has is stored, and older warehouses are read and brought up to date."""

import shutil
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.ehr_history import EhrHistory, home, observation, patient
from support.old_warehouse import write
from unit.fhir_adapters.warehouse.conftest import ADDING

from fhir_adapters.forms import Form, Question
from fhir_adapters.mapping import Mapped, Outcome
from fhir_adapters.mapping.identities import Identity
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.columns import KINDS, SCHEMA, arrow, event_rows, events_from, form_from, named_row, people_from, person_row
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse
from fhir_adapters.warehouse.snapshot import current
from fhir_adapters.warehouse.views import LACKING
from rules.facts import Area, Coding, DateRange, Event, Person

OLD = Path(__file__).parent / "schema-1"
DAYS = DateRange(date(1, 1, 1), date(9999, 12, 31))
FULL_PERSON = Person(
    id="p1",
    birth=DAYS,
    sex="female",
    deceased=True,
    died=DAYS,
    language="es",
    postcode="01940",
    household="0123",
    race=("2106-3", "2054-5"),
    ethnicity="2186-5",
    name="N",
    phone="1",
    interpreter=False,
    contact=Coding("s", "6"),
    tract="25009204300",
    areas=(Area("adi", "2022", "x", 97.5), Area("imd", "2019", "y")),
    email="n@example.org",
)
FULL_EVENT = Event(
    table="observations",
    source="Observation/1",
    part="component[2]",
    codes=(Coding("s", "1"), Coding("", "2")),
    answers=(Coding("s", "3"),),
    tags=(("category", Coding("s", "4")), ("reason", Coding("s", "5"))),
    value=-0.1,
    unit="%",
    status="final",
    start=DAYS,
    end=DAYS,
    instant=-(2**61),
    issued=0,
    updated=2**61,
    opaque=True,
)


def header(kind: str) -> tuple[object, ...]:
    """The header's columns, which say nothing here."""
    own = {"source": "Observation/1", "patient": "p1"}
    return tuple(own.get(name) for name in list(KINDS[kind])[:8])


def test_every_field_of_a_person_is_stored() -> None:
    for field in fields(Person):
        assert getattr(FULL_PERSON, field.name) not in (None, "", ()), f"{field.name} has no column: add one, and a schema version"
    people = [FULL_PERSON, Person("p1")]
    assert people_from(arrow([(*header("people"), *person_row(person, Identity())) for person in people], KINDS["people"])) == people


def test_every_field_of_an_event_is_stored() -> None:
    for field in fields(Event):
        assert getattr(FULL_EVENT, field.name) not in (None, "", ()), f"{field.name} has no column: add one, and a schema version"
    events = [FULL_EVENT, Event("conditions", "Observation/1")]
    mapped = Mapped(Outcome.MAPPED, "Observation", patient="p1", events=tuple(events))
    assert events_from(arrow([(*header("events"), *row) for row in event_rows(mapped)], KINDS["events"])) == events


def test_a_form_is_stored_whole() -> None:
    unit = {"system": "http://unitsofmeasure.org", "code": "kg"}
    asked = Question("/[1]", (Coding("s", "1"),), ({"code": "1"},), "decimal", unit, "observation", ({"text": "survey"},))
    form = Form("http://example.org/q", "2", {"/[1]": asked, "b": Question("b", (), (), "group", None, None, ())})
    _, questions = named_row(Mapped(Outcome.MAPPED, "Questionnaire", form=form))
    assert isinstance(questions, str)
    assert form_from(questions) == form


def test_every_older_version_says_what_it_lacks() -> None:
    assert list(LACKING) == list(range(1, SCHEMA))
    columns = {name for kind in KINDS.values() for name in kind}
    assert {name for lacking in LACKING.values() for name in lacking} <= columns


@pytest.fixture(params=["stored", *range(1, SCHEMA)])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """As version 1 wrote it, and as each older version would have."""
    if request.param == "stored":
        return Path(shutil.copytree(OLD, tmp_path / "warehouse"))
    write(tmp_path / "warehouse", request.param)
    return tmp_path / "warehouse"


def test_an_older_warehouse_is_read_as_it_is(old: Path) -> None:
    records = read_warehouse(old).records
    assert [(record.person.id, [event.source for event in record.events]) for record in records] == [
        ("p1", ["Observation/o1"]),
        ("p2", ["Observation/o2"]),
    ]
    assert [len(record.household) for record in records] == [1, 1]


def test_it_is_brought_up_to_date_as_it_is_filled(old: Path, tmp_path: Path) -> None:
    ehr = EhrHistory(clock=datetime(2026, 2, 1, tzinfo=UTC))
    last = ehr.clock
    ehr.put(patient("p2", address=home(1), link=[{"type": "replaced-by", "other": {"reference": "Patient/p1"}}]))
    ehr.put(observation("o3", "p1", effectiveDateTime="someday"))
    since = datetime(2026, 1, 1, tzinfo=UTC)
    load_export(old, ehr.export(tmp_path / "pull", since), ADDING)
    with current(old) as snapshot:
        assert SCHEMA in {file.schema for file in snapshot.files} > {SCHEMA}
    (record,) = read_warehouse(old).records
    assert [event.source for event in record.events] == ["Observation/o3", "Observation/o1", "Observation/o2"]
    assert sum(read_warehouse(old).report.quarantine.counts.values()) == 1
    load_export(old, ehr.export(tmp_path / "again", last), Habits(rewrite_at=0.0))
    with current(old) as snapshot:
        assert {file.schema for file in snapshot.files} == {SCHEMA}
    assert read_warehouse(old).records == [record]
