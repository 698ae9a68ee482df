"""Any sequence of pulls and deletions ends as one full load of the final state does.

``ALMONER_WAREHOUSE_EXAMPLES`` says how many sequences are tried.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ehr_history import EhrHistory, condition, home, observation, patient

from fhir_adapters import read_directory
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.load import load_pull
from fhir_adapters.warehouse.pull import Pull
from fhir_adapters.warehouse.read import read_warehouse

EXAMPLES = int(os.environ.get("ALMONER_WAREHOUSE_EXAMPLES", "12"))
PEOPLE = st.sampled_from(["p1", "p2", "p3"])
IDS = st.sampled_from(["1", "2"])
LINKS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["replaced-by", "replaces"]), PEOPLE).map(
        lambda link: [{"type": link[0], "other": {"reference": f"Patient/{link[1]}"}}]
    ),
)
PATIENTS = st.builds(
    lambda id, number, links: patient(id, address=home(number)) | ({"link": links} if links else {}), PEOPLE, st.integers(1, 2), LINKS
)
EVENTS = st.one_of(
    st.builds(observation, IDS, PEOPLE, st.sampled_from([5.0, 6.0])),
    st.builds(condition, IDS, PEOPLE),
    st.builds(lambda id, subject: observation(id, subject, effectiveDateTime="someday"), IDS, PEOPLE),
)
CHANGES = st.one_of(
    st.tuples(st.just("put"), st.one_of(PATIENTS, EVENTS)),
    st.tuples(
        st.just("delete"),
        st.one_of(PEOPLE.map("Patient/{}".format), IDS.map("Observation/{}".format), IDS.map("Condition/{}".format)),
    ),
)
STEPS = st.tuples(st.lists(CHANGES, max_size=4), st.sampled_from(["full", "changes", "overlapping", "again"]))


def play(ehr: EhrHistory, steps: list[tuple[list[tuple[str, object]], str]], folder: Path, habits: Habits) -> None:
    """Change the server and pull, step by step; ``again`` loads an old pull after a new one."""
    pulls: list[Pull] = []
    for number, (changes, kind) in enumerate(steps):
        for what, thing in changes:
            if what == "put":
                assert isinstance(thing, dict)
                ehr.put(thing)
            else:
                ehr.delete(str(thing))
        since = None if kind == "full" or not pulls else pulls[max(0, len(pulls) - (1 if kind == "changes" else 2))].at
        pulls.append(ehr.export(folder / f"pull-{number}", since))
        load_pull(folder / "warehouse", pulls[-1], habits)
        if kind == "again":
            load_pull(folder / "warehouse", pulls[number // 2], habits)


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(st.lists(STEPS, min_size=1, max_size=4), st.booleans(), st.sampled_from([0.0, 0.5, 1000.0]))
def test_any_sequence_ends_as_one_full_load(steps: list[tuple[list[tuple[str, object]], str]], dated: bool, rewrite_at: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, ehr = Path(name), EhrHistory(dated=dated)
        play(ehr, steps, folder, Habits(rewrite_at=rewrite_at))
        final = ehr.export(folder / "final")
        load_pull(folder / "fresh", final)
        at_last, fresh = read_warehouse(folder / "warehouse"), read_warehouse(folder / "fresh")
        assert at_last.records == fresh.records
        assert at_last.report.not_loaded == fresh.report.not_loaded
        assert at_last.report.quarantine.counts == fresh.report.quarantine.counts
        assert at_last.report.balances()
        if not any("link" in resource for resource in ehr.state.values()):
            assert fresh.records == read_directory(folder / "final").records
