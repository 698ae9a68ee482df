"""A bucket of people has what a reader of the whole warehouse has of them, as far as it was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest
from support.ehr_history import (
    EhrHistory,
    answers,
    condition,
    home,
    medication,
    numbered,
    observation,
    patient,
    prescription,
    questionnaire,
)
from unit.fhir_adapters.warehouse.conftest import ADDING, Store

from fhir_adapters.warehouse.bucket import Buckets, buckets_of
from fhir_adapters.warehouse.errors import WarehouseDamaged
from fhir_adapters.warehouse.needed import Needed
from rules.engines.columnar.standing import order_events
from rules.facts import TABLES, Coding, PersonRecord

TYPES = ("Patient", "Condition", "Observation", "MedicationRequest", "Medication", "QuestionnaireResponse", "Questionnaire")
EVERYTHING = Needed(frozenset(TABLES), frozenset(), frozenset(TABLES))
LOINC = "http://loinc.org"


@pytest.fixture
def wide(store: Store) -> Store:
    """A server with two people at one address, one elsewhere, and one who does not count."""
    wider = Store(EhrHistory(types=TYPES), store.folder, ADDING)
    for id, where in (("p1", 1), ("p2", 1), ("p3", 2)):
        wider.ehr.put(patient(id, address=home(where), identifier=[numbered(id[1:])]))
    wider.ehr.put(patient("p4", active=False, address=home(1)))
    for number in range(12):
        wider.ehr.put(observation(f"o{number}", f"p{number % 4 + 1}", float(number)))
    wider.ehr.put(condition("c1", "p2"))
    wider.ehr.put(prescription("r1", "p1", "m1"))
    wider.ehr.put(prescription("r2", "p1", "m2"))
    wider.ehr.put(medication("m1"))
    wider.ehr.put(answers("q1", "p3"))
    wider.ehr.put(questionnaire("f"))
    return wider


@contextmanager
def opened(store: Store) -> Iterator[Buckets]:
    with buckets_of(store.root, store.pulls) as buckets:
        yield buckets


def everything(buckets: Buckets, people: int) -> dict[str, PersonRecord]:
    found: dict[str, PersonRecord] = {}
    for low, high in buckets.cuts(people):
        count = buckets.open(low, high)
        assert count == len(buckets.ids())
        found |= buckets.records(buckets.ids())
    return found


@pytest.mark.parametrize("people", [1, 2, 100])
def test_asked_for_every_event_it_has_the_records_of_the_warehouse(wide: Store, people: int) -> None:
    wide.pull()
    with opened(wide) as buckets:
        buckets.want(EVERYTHING)
        found = everything(buckets, people)
    assert found == wide.records()
    assert "p4" not in found
    assert [other.person.id for other in found["p1"].household] == ["p2"]
    assert "88122-7" in [coding.code for event in found["p3"].events for coding in event.codes], "what only the form says is known"


def test_of_what_changes_it_has_what_is_so_now(wide: Store) -> None:
    wide.pull()
    last = wide.ehr.clock
    wide.ehr.put(patient("p2", address=home(2), identifier=[numbered("2")]))
    wide.ehr.delete("Observation/o5")
    wide.ehr.put(questionnaire("f", unit="g"))
    wide.pull(last)
    with opened(wide) as buckets:
        buckets.want(EVERYTHING)
        assert everything(buckets, 2) == wide.records()


def test_it_reads_what_carries_a_code_and_what_might(wide: Store) -> None:
    wide.pull()
    whole = wide.records()
    code = Coding(LOINC, "88122-7")
    with opened(wide) as buckets:
        buckets.want(Needed(frozenset({"observations", "medications"}), frozenset({code}), frozenset()))
        found = everything(buckets, 100)
    kept = {id: tuple(e for e in r.events if e.table != "conditions" and (e.opaque or code in e.codes)) for id, r in whole.items()}
    bare = {id: replace(r, events=kept[id], household=()) for id, r in whole.items()}
    assert {id: replace(record, household=()) for id, record in found.items()} == bare
    assert any(event.opaque for events in kept.values() for event in events)
    assert any(code in event.codes for event in kept["p3"])


STRAYED = """
SELECT count(*) FROM event_code c LEFT JOIN (SELECT rowid AS eid, codes FROM read_event) e USING (eid)
WHERE NOT coalesce(list_contains(list_transform(e.codes, lambda x: x.code), c.code), false)
"""
"""Codes whose event is another one by now."""


MANY = """
CREATE OR REPLACE VIEW events AS
SELECT b.* REPLACE ('Observation/' || range AS source,
                    [{'system': 'http://loinc.org', 'code': if(range % 10 = 0, '4548-4', '2345-7')}] AS codes)
FROM one b, range(300000)
"""


def test_events_keep_their_numbers_for_as_long_as_a_bucket_is_open(wide: Store) -> None:
    """They are rowids, which a checkpoint gives anew once most of a large table was deleted: nothing may cause one."""
    wide.pull()
    code = Coding(LOINC, "4548-4")
    with opened(wide) as buckets:
        buckets.connection.execute("CREATE TEMP TABLE one AS SELECT * FROM events WHERE source = 'Observation/o0'")
        buckets.connection.execute(MANY)
        buckets.want(Needed(frozenset({"observations"}), frozenset({code}), frozenset()))
        buckets.open(*buckets.cuts(100)[0])
        order_events(buckets.connection)
        buckets.prints(date(2026, 6, 30), [("observations", date(2025, 1, 1), date(2026, 1, 1), {code})])
        assert list(buckets.records(["p3"])) == ["p3"]
        strayed = buckets.connection.execute(STRAYED).fetchall()
        buckets.connection.execute("CHECKPOINT temp")
        noticed = buckets.connection.execute(STRAYED).fetchall()
    assert strayed == [(0,)]
    assert noticed > strayed, "a checkpoint gives other numbers, and this test notices"


def test_a_snapshot_that_is_no_longer_there_is_not_replaced_by_another(wide: Store) -> None:
    wide.pull()
    with pytest.raises(WarehouseDamaged, match="snapshot 7 is no longer there"), buckets_of(wide.root, 7):
        pass
