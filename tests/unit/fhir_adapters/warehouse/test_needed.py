"""A warehouse that is filled for some rules holds what they can look at, whichever road it came by, and says that it lacks the rest."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.ehr_history import answers, condition, medication, observation, patient, prescription, questionnaire
from support.staging import FAST, MAPPER, SOME, assert_equal

from fhir_adapters.mapping import Outcome
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.bucket import buckets_of
from fhir_adapters.warehouse.errors import WarehouseNarrow
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.needed import Needed, covers, together
from fhir_adapters.warehouse.read import people_batches, read_warehouse
from fhir_adapters.warehouse.snapshot import current
from rules.facts import TABLES, Coding

A1C, DIABETES = Coding("http://loinc.org", "4548-4"), Coding("http://snomed.info/sct", "44054006")
OTHER = {"code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}}
RESULTS = Needed(frozenset({"observations"}), frozenset({A1C}), frozenset())
BOTH = RESULTS.and_also(Needed(frozenset({"conditions"}), frozenset({DIABETES}), frozenset()))
EVERYTHING = Needed(frozenset(TABLES), frozenset(), frozenset(TABLES))


@pytest.fixture(params=[MAPPER, FAST], ids=["mapper", "fast"])
def pull(request: pytest.FixtureRequest, store: Any) -> Callable[..., Loaded]:
    """Load what is there into a warehouse for the results only, or for what ``needed`` says."""

    def load(needed: Needed | None = RESULTS, **arguments: Any) -> Loaded:
        store.habits = Habits(rewrite_at=1000.0, reading=request.param, needed=needed)
        loaded: Loaded = store.pull(**arguments)
        assert loaded.report.balances()
        return loaded

    return load


def kept(store: Any, asked: Needed | None = RESULTS) -> dict[str, list[str]]:
    """Person → the resources that their events come from."""
    return {r.person.id: sorted(e.source for e in r.events) for r in read_warehouse(store.root, asked=asked).records}


# ---------------------------------------------------------------- which lines


def test_both_roads_keep_the_same_of_a_synthetic_population(tmp_path: Path) -> None:
    write_ndjson(tmp_path, 60, 5, date(2026, 6, 30))
    passed = 0
    for file in sorted(tmp_path.iterdir()):
        found = assert_equal([file], needed=SOME)
        passed += sum(part.total(Outcome.NOT_NEEDED) for part in found.parts)
        assert len(found.rows["passed"]) <= passed
    assert passed > 300


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["synthea/sdoh", "synthea/us-core-120"])
def test_both_roads_keep_the_same_of_real_exports(folder: str, shared_data: Path) -> None:
    for file in sorted((shared_data / folder).glob("*.ndjson.gz")):
        assert_equal([file], needed=SOME)


def test_what_says_only_elsewhere_what_it_is_is_kept(store: Any, pull: Callable[..., Loaded]) -> None:
    for resource in (
        *(patient("ann"), prescription("m", "ann", "x"), medication("x"), questionnaire("q"), answers("a", "ann")),
        *(observation("o", "ann", code={"text": "a1c"}), observation("none", "ann", code=None), condition("c", "ann")),
    ):
        store.ehr.put(resource)
    every = ("Patient", "Observation", "Condition", "MedicationRequest", "Medication", "QuestionnaireResponse", "Questionnaire")
    needed = Needed(frozenset({"observations", "medications"}), frozenset({A1C}), frozenset())
    report = pull(needed, types=every).report
    assert kept(store, needed) == {"ann": ["MedicationRequest/m", "Observation/none", "QuestionnaireResponse/a"]}
    assert {row.resource_type: row.not_needed for row in report.rows() if row.not_needed} == {"Condition": 1, "Observation": 1}


def test_a_panel_is_kept_whole_if_one_of_its_components_is_needed(store: Any, pull: Callable[..., Loaded]) -> None:
    part = {"code": {"coding": [{"system": A1C.system, "code": A1C.code}]}, "valueQuantity": {"value": 7, "unit": "%", "code": "%"}}
    for resource in (patient("ann"), observation("one", "ann", component=[OTHER, part], **OTHER), observation("no", "ann", **OTHER)):
        store.ehr.put(resource)
    store.ehr.put(observation("two", "ann", component=[{"valueString": "it is not said of what"}], **OTHER))
    assert pull(types=("Patient", "Observation")).report.total(Outcome.NOT_NEEDED) == 1
    assert kept(store) == {"ann": ["Observation/one"] * 3 + ["Observation/two"] * 2}


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize("dated", [True, False])
def test_a_correction_that_makes_it_something_else_takes_it_away(store: Any, pull: Callable[..., Loaded], dated: bool) -> None:
    store.ehr.dated = dated
    for resource in (patient("ann"), observation("o", "ann"), observation("p", "ann")):
        store.ehr.put(resource)
    pull()
    first = store.ehr.clock
    store.ehr.put(observation("o", "ann", **OTHER))
    pull(since=first)
    assert kept(store) == {"ann": ["Observation/p"]}
    store.ehr.put(observation("o", "ann", value=8.0))
    pull(since=first)
    assert kept(store) == {"ann": ["Observation/o", "Observation/p"]}
    store.ehr.delete("Observation/o")
    pull(since=first)
    assert kept(store) == {"ann": ["Observation/p"]}


def test_of_two_versions_in_one_export_the_newest_counts(store: Any, pull: Callable[..., Loaded], tmp_path: Path) -> None:
    later, older = {"meta": {"lastUpdated": "2026-01-02T00:00:00Z"}}, {"meta": {"lastUpdated": "2026-01-01T00:00:00Z"}}
    store.ehr.put(patient("ann"))
    export = store.ehr.export(tmp_path / "files", types=("Patient", "Observation"))
    lines = [
        *(observation("a", "ann", **later, **OTHER), observation("a", "ann", **older)),
        *(observation("b", "ann", **older, **OTHER), observation("b", "ann", **later)),
        *(observation("c", "ann", **older, **OTHER), observation("c", "ann", **later, **OTHER)),
    ]
    (tmp_path / "files" / "Observation.ndjson").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    for name, reading in {"mapper": MAPPER, "fast": FAST}.items():
        report = load_export(tmp_path / name, export, Habits(needed=RESULTS, reading=reading)).report
        assert [r.events[0].source for r in read_warehouse(tmp_path / name, asked=RESULTS).records] == ["Observation/b"]
        (row,) = (row for row in report.rows() if row.resource_type == "Observation")
        assert (row.read, row.mapped, row.duplicate, row.not_needed) == (6, 2, 2, 2)


def test_an_older_export_brings_nothing_back_that_was_not_needed_later(store: Any, pull: Callable[..., Loaded], tmp_path: Path) -> None:
    for resource in (patient("ann"), observation("o", "ann")):
        store.ehr.put(resource)
    older = store.ehr.export(tmp_path / "older")
    store.ehr.put(observation("o", "ann", **OTHER))
    pull()
    load_export(store.root, older, store.habits)
    assert kept(store) == {"ann": []}


# ---------------------------------------------------------------- for other rules


def test_what_is_asked_for_is_covered_or_not() -> None:
    assert covers(None, None)
    assert covers(None, RESULTS)
    assert covers(BOTH, RESULTS)
    assert not covers(RESULTS, BOTH)
    assert not covers(EVERYTHING, None)
    assert together(RESULTS, BOTH) == BOTH
    assert together(RESULTS, None) is None
    assert Needed.from_json(BOTH.as_json()) == BOTH


def test_rules_that_ask_for_more_are_told_that_it_is_not_there(store: Any, pull: Callable[..., Loaded]) -> None:
    for resource in (patient("ann"), condition("c", "ann"), observation("o", "ann")):
        store.ehr.put(resource)
    pull()
    for asked in (None, BOTH, replace(RESULTS, codes=RESULTS.codes | {DIABETES})):
        with pytest.raises(WarehouseNarrow, match="lacks what these ask for"):
            read_warehouse(store.root, asked=asked)
    with pytest.raises(WarehouseNarrow):
        list(people_batches(store.root))
    with buckets_of(store.root, 1) as buckets, pytest.raises(WarehouseNarrow):
        buckets.want(BOTH)
    (record,) = read_warehouse(store.root, asked=RESULTS).records
    assert "conditions" in record.not_loaded
    assert "observations" not in record.not_loaded
    assert "conditions" not in read_warehouse(store.root, asked=RESULTS).report.not_loaded


def test_more_is_read_anew_and_then_both_are_there(store: Any, pull: Callable[..., Loaded]) -> None:
    for resource in (patient("ann"), condition("c", "ann"), observation("o", "ann")):
        store.ehr.put(resource)
    pull()
    pull(replace(BOTH, tables=frozenset({"conditions"}), codes=frozenset({DIABETES})))
    assert kept(store, BOTH) == {"ann": ["Condition/c", "Observation/o"]}
    again = pull(RESULTS)
    assert (again.written, again.snapshot.needed) == (0, BOTH)
    pull(None)
    assert kept(store, None) == {"ann": ["Condition/c", "Observation/o"]}
    assert pull(RESULTS).snapshot.needed is None


def test_what_changed_is_not_enough_for_rules_that_ask_for_more(store: Any, pull: Callable[..., Loaded]) -> None:
    for resource in (patient("ann"), condition("c", "ann"), observation("o", "ann")):
        store.ehr.put(resource)
    pull()
    with pytest.raises(WarehouseNarrow, match="not the whole of Condition, Observation, Patient"):
        pull(BOTH, since=store.ehr.clock - timedelta(hours=1))
    assert kept(store) == {"ann": ["Observation/o"]}


def test_anew_no_more_is_kept_than_is_asked_for(store: Any, pull: Callable[..., Loaded], tmp_path: Path) -> None:
    for resource in (patient("ann"), condition("c", "ann"), observation("o", "ann")):
        store.ehr.put(resource)
    pull(None)
    export = store.ehr.export(tmp_path / "again")
    load_export(store.root, export, Habits(needed=RESULTS), anew=True)
    assert kept(store) == {"ann": ["Observation/o"]}
    with current(store.root) as snapshot:
        assert snapshot.needed == RESULTS
        assert sum(file.rows for file in snapshot.of_kind("gone")) == 0
