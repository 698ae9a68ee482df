"""One person, read and evaluated again, and kept beside the published sweep."""

from collections.abc import Collection
from datetime import UTC, datetime

from fhir_adapters import FhirServer, read_patients
from fhir_adapters.search import Plan
from plugin.runtime import Runtime
from plugin.sweep.fresh import Fresh
from plugin.sweep.listing import SHOWN, worklist
from plugin.sweep.published import worklist_person
from rules.evaluation import evaluate
from rules.facts import Person


def evaluate_again(runtime: Runtime, fresh: Fresh, server: FhirServer, patient: str, plan: Plan, types: Collection[str]) -> None:
    """Read the ``types`` of a patient, ask all rules, keep the line. Raises `EhrUnavailable` if the patient cannot be read.

    Whoever is no longer on the server gets a line without findings.
    """
    evaluated = datetime.now(UTC).isoformat(timespec="seconds")
    records = read_patients(server, patient_ids=[patient], types=types, plan=plan).records
    found = evaluate(runtime.packs, records, runtime.today(), runtime.engine, statuses=SHOWN)
    by_id = {record.person.id: record for record in records}
    lines = {line.id: line for line in worklist(runtime.packs, by_id, runtime.today(), found)}
    if patient not in lines:
        lines[patient] = worklist_person(Person(patient), None, ())
    fresh.keep(lines[patient], evaluated)
