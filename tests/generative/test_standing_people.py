"""People who are evaluated where they stand in a warehouse get the answers that the reference gives about their records."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir_adapters import Dataset
from fhir_adapters.report import Report
from fhir_adapters.warehouse.bucket import buckets_of
from fhir_adapters.warehouse.load import load_dataset
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.read import read_warehouse
from rules.conformance.populations import random_world
from rules.engines.base import Evaluation
from rules.engines.columnar.standing import Standing, order_events, wanted, wanted_of_others
from rules.engines.reference import ReferenceEngine
from rules.facts import HOUSEHOLD, TABLES, Event, PersonRecord

AT = datetime(2026, 7, 1, tzinfo=UTC)


def alone(number: int, record: PersonRecord) -> PersonRecord:
    """Resources that no other person has, of a type that its table has."""

    def own(event: Event) -> Event:
        type, _, id = event.source.partition("/")
        types = TABLES[event.table].resource_types
        return replace(event, source=f"{type if type in types else types[0]}/{number}-{event.table}-{id}")

    return replace(record, events=tuple(map(own, record.events)), household=())


@pytest.mark.parametrize("seed", range(8))
def test_answers_and_facts_are_the_references(tmp_path: Path, seed: int) -> None:
    world = random_world(f"standing-{seed}", rules=10, people=60)
    people = [alone(number, record) for number, record in enumerate(world.people)]
    load_dataset(tmp_path, Dataset(people, Report()), AT, everybody=True)
    records = read_warehouse(tmp_path).records
    assert [r.person.id for r in records] == sorted(r.person.id for r in people)
    assert any(HOUSEHOLD not in record.not_loaded for record in records)
    expected = {e.patient: e for e in ReferenceEngine().evaluate(world.program, records, world.as_of)}
    found: dict[str, Evaluation] = {}
    with buckets_of(tmp_path, 1) as buckets:
        asked, of_others = wanted([world.program]), wanted_of_others([world.program])
        needed, shared = (Needed(w.tables, w.codes, w.uncoded) for w in (asked, of_others))
        buckets.want(needed, shared if seed % 2 else None, tagged=asked.tagged or seed > 3)
        for low, high in buckets.cuts(25):
            ids = buckets.ids() if buckets.open(low, high) else []
            order_events(buckets.connection)
            standing = Standing(buckets.connection, world.program, world.as_of)
            found |= {e.patient: e for e in standing.evaluations(ids)}
            kept = buckets.records(ids)
            again = {e.patient: e for e in ReferenceEngine().evaluate(world.program, kept.values(), world.as_of)}
            assert again == {id: expected[id] for id in ids}, "what is left of a record explains as much as the whole"
            counts = standing.counted()
            answers = {rule: [expected[id].answers[rule] for id in ids] for rule in world.program.rules}
            assert {rule: (n.yes, n.unknown) for rule, n in counts.items()} == {
                rule: (given.count(True), given.count(None)) for rule, given in answers.items()
            }
            told = standing.ids(world.program.rules)
            assert sorted(told) == [id for id in ids if any(expected[id].answers[r] is not False for r in world.program.rules)]
    assert found == expected
