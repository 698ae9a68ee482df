"""Any sequence of pulls and deletions ends as one full load of the final state does.

``ALMONER_WAREHOUSE_EXAMPLES`` says how many sequences are tried.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ehr_history import (
    EhrHistory,
    answers,
    condition,
    home,
    known_by,
    medication,
    numbered,
    observation,
    patient,
    prescription,
    questionnaire,
)

from fhir_adapters import read_directory
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import BulkExport
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse

EXAMPLES = int(os.environ.get("ALMONER_WAREHOUSE_EXAMPLES", "12"))
PEOPLE = st.sampled_from(["p1", "p2", "p3"])
IDS = st.sampled_from(["1", "2"])
LINKS = st.tuples(st.sampled_from(["replaced-by", "replaces"]), PEOPLE).map(
    lambda link: [{"type": link[0], "other": {"reference": f"Patient/{link[1]}"}}]
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "link": LINKS,
        "active": st.booleans(),
        "identifier": st.sampled_from(["1", "2"]).map(lambda number: [numbered(number)]),
        "meta": st.just({"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}),
    },
)
PATIENTS = st.builds(lambda id, number, said: patient(id, address=home(number), **said), PEOPLE, st.integers(1, 2), SAID)
EVENTS = st.one_of(
    st.builds(observation, IDS, PEOPLE, st.sampled_from([5.0, 6.0])),
    st.builds(condition, IDS, PEOPLE),
    st.builds(lambda id, number: condition(id, "") | known_by(number), IDS, IDS),
    st.builds(lambda id, subject: observation(id, subject, effectiveDateTime="someday"), IDS, PEOPLE),
    st.builds(prescription, IDS, PEOPLE, IDS),
    st.builds(answers, IDS, PEOPLE),
)
NAMED = st.one_of(
    st.builds(medication, IDS, st.sampled_from(["582620", None])), st.builds(questionnaire, st.just("f"), unit=st.sampled_from(["kg", "g"]))
)
TYPES = ("Patient", "Observation", "Condition", "MedicationRequest", "QuestionnaireResponse", "Medication", "Questionnaire")
CHANGES = st.one_of(
    st.tuples(st.just("put"), st.one_of(PATIENTS, EVENTS, NAMED)),
    st.tuples(
        st.just("delete"),
        st.one_of(PEOPLE.map("Patient/{}".format), st.builds("{}/{}".format, st.sampled_from(TYPES[1:]), IDS | st.just("f"))),
    ),
)
STEPS = st.tuples(st.lists(CHANGES, max_size=4), st.sampled_from(["full", "changes", "overlapping", "again"]))


def play(ehr: EhrHistory, steps: list[tuple[list[tuple[str, object]], str]], folder: Path, habits: Habits) -> None:
    """Change the server and pull, step by step; ``again`` loads an old pull after a new one."""
    pulls: list[BulkExport] = []
    for number, (changes, kind) in enumerate(steps):
        for what, thing in changes:
            if what == "put":
                assert isinstance(thing, dict)
                ehr.put(thing)
            else:
                ehr.delete(str(thing))
        since = None if kind == "full" or not pulls else pulls[max(0, len(pulls) - (1 if kind == "changes" else 2))].at
        pulls.append(ehr.export(folder / f"pull-{number}", since))
        load_export(folder / "warehouse", pulls[-1], habits)
        if kind == "again":
            load_export(folder / "warehouse", pulls[number // 2], habits)


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(st.lists(STEPS, min_size=1, max_size=4), st.booleans(), st.sampled_from([0.0, 0.5, 1000.0]))
def test_any_sequence_ends_as_one_full_load(steps: list[tuple[list[tuple[str, object]], str]], dated: bool, rewrite_at: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, ehr = Path(name), EhrHistory(dated=dated, types=TYPES)
        play(ehr, steps, folder, Habits(rewrite_at=rewrite_at))
        final = ehr.export(folder / "final")
        load_export(folder / "fresh", final)
        at_last, fresh = read_warehouse(folder / "warehouse"), read_warehouse(folder / "fresh")
        assert at_last.records == fresh.records
        assert at_last.report.not_loaded == fresh.report.not_loaded
        assert at_last.report.quarantine.counts == fresh.report.quarantine.counts
        assert at_last.report.balances()
        read = read_directory(folder / "final")
        assert fresh.records == read.records
        assert (fresh.report.rows(), fresh.report.quarantine.counts) == (read.report.rows(), read.report.quarantine.counts)
        assert (fresh.report.excluded, fresh.report.merged) == (read.report.excluded, read.report.merged)
