"""The same people on three roads: prefetch, reading from a server that others wrote, and the sweep of files. The findings are the same."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any, Final

import orjson
import pytest
from support.cds_calls import hook_call
from support.ehr_server import Ehr, ehr_server, peer_python
from support.prefetching import prefetched

from fhir_adapters import read_directory
from fhir_adapters.mapping import subject_of
from fhir_adapters.synthetic import population
from plugin.cds.fetching import Ehrs
from plugin.cds.gathering import gather
from plugin.cds.prefetch import Tokens
from plugin.cds.request import parse_call
from plugin.cds.services import services
from rules.engines import Engine, engine
from rules.evaluation import EVERY_STATUS, evaluate
from rules.facts import HOUSEHOLD, TABLES, PersonRecord
from rules.findings import to_json
from rules.pack import BUILT_IN, load_packs

pytestmark = pytest.mark.slow

AS_OF: Final = date(2026, 6, 30)
SEED: Final = 1895
PEOPLE: Final = 300
ON_SERVER: Final = 60
"""Storing is slow; reading these people takes every kind of search."""
VIEW: Final = services(load_packs(BUILT_IN))[0]
READ: Final = frozenset(template.table for template in VIEW.templates("2.0") if template.table)
Json = dict[str, Any]


@pytest.fixture(scope="module")
def people() -> dict[str, list[Json]]:
    """What there is about each person, the Patient first."""
    found: dict[str, list[Json]] = defaultdict(list)
    for resource in population(PEOPLE, SEED, AS_OF):
        found[resource["id"] if resource["resourceType"] == "Patient" else subject_of(resource) or ""].append(resource)
    return {id: own for id, own in found.items() if own[0]["resourceType"] == "Patient"}


@pytest.fixture(scope="module")
def swept(people: dict[str, list[Json]], tmp_path_factory: pytest.TempPathFactory) -> list[PersonRecord]:
    """As a sweep reads them, with as much as the card may know: of the others at the same address nothing."""
    folder = tmp_path_factory.mktemp("sweep")
    lines = [orjson.dumps(resource) for own in people.values() for resource in own]
    (folder / "all.ndjson").write_bytes(b"\n".join(lines))
    records = read_directory(folder, loaded=[name for table in READ for name in TABLES[table].resource_types]).records
    unread = frozenset(TABLES.keys() - READ) | {HOUSEHOLD}
    return [replace(record, household=(), not_loaded=record.not_loaded | unread) for record in records]


def findings(records: list[PersonRecord], name: str) -> list[str]:
    """Every answer about everybody, *no* and *unknown* too, with facts, evidence and the day on which it changes."""
    chosen: Engine = engine(name)
    try:
        return [to_json(each.finding) for each in evaluate(VIEW.packs, records, AS_OF, chosen, statuses=EVERY_STATUS)]
    finally:
        chosen.close()


@pytest.fixture(scope="module")
def by_sweep(swept: list[PersonRecord]) -> list[str]:
    """What the sweep says of everybody; the engine of the nightly sweep says the same."""
    found = findings(swept, "columnar")
    assert found == findings(swept, "reference")
    return found


@pytest.mark.requirement("inferno:prefetch", "cds-hooks_2.0@34")
@pytest.mark.parametrize("tokens", ["2.0", "3.0"])
@pytest.mark.parametrize("null", [True, False], ids=["null for nothing", "empty bundles"])
def test_prefetch_and_sweep_agree(
    people: dict[str, list[Json]], swept: list[PersonRecord], by_sweep: list[str], tokens: Tokens, null: bool
) -> None:
    templates = VIEW.templates(tokens)
    records = []
    for id, own in people.items():
        if any(record.person.id == id for record in swept):
            call = parse_call(hook_call(prefetched(own, templates, AS_OF, null=null), context={"patientId": id}), "patient-view")
            gathered = gather(call, templates, None, AS_OF, past=VIEW.past(AS_OF))
            assert gathered.missing == ()
            records.append(gathered.record)
    assert len(records) == len(swept) > PEOPLE * 0.9
    by_card = findings(records, "reference")
    assert by_card == by_sweep
    assert {status for status in ("yes", "no", "unknown") for line in by_card if f'"status":"{status}"' in line} == {"yes", "no", "unknown"}


@pytest.fixture(scope="module")
def some(people: dict[str, list[Json]], swept: list[PersonRecord]) -> list[str]:
    """Those of whom most is known: every kind of resource is among theirs."""
    counted = {record.person.id for record in swept}
    return sorted(sorted(counted, key=lambda id: -len(people[id]))[:ON_SERVER])


@pytest.fixture(scope="module")
def ehr(people: dict[str, list[Json]], some: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    python = peer_python()
    if python is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    with ehr_server(python, tmp_path_factory.mktemp("ehr")) as server:
        server.put(resource for id in some for resource in people[id])
        yield server


def as_sent(record: PersonRecord) -> PersonRecord:
    """Without the time of storing, which the server replaces by its own: it settles ties between pieces of evidence."""
    return replace(
        record, events=tuple(sorted((replace(event, updated=None) for event in record.events), key=lambda e: (e.table, e.order)))
    )


@pytest.mark.requirement("inferno:prefetch", "cds-hooks_2.0@34")
@pytest.mark.parametrize("tokens", ["2.0", "3.0"])
def test_reading_from_a_real_server_and_sweep_agree(ehr: Ehr, some: list[str], swept: list[PersonRecord], tokens: Tokens) -> None:
    ehrs, records = Ehrs(10.0), []
    for id in some:
        call = parse_call(hook_call(context={"patientId": id}, fhirServer=ehr.base_url), "patient-view")
        gathered = gather(call, VIEW.templates(tokens), ehrs.named_by(call, [ehr.base_url]), AS_OF)
        assert gathered.missing == ()
        records.append(as_sent(gathered.record))
    by_sweep = findings([as_sent(record) for record in swept if record.person.id in some], "reference")
    assert findings(records, "reference") == by_sweep
