"""One person's record from what the call brought and, where that is not enough, from the EHR that it names."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from fhir_adapters import records_from_resources
from fhir_adapters.mapping import NO_PAST, Past
from fhir_adapters.quarantine import Json, Quarantine, Reason
from plugin.cds.availability import Supplied, supplied
from plugin.cds.fetching import Ehr
from plugin.cds.prefetch import Template
from plugin.cds.proposed import holds_proposals, proposed
from plugin.cds.request import HookCall
from rules.engines.reference import reduce_facts
from rules.facts import HOUSEHOLD, TABLES, PersonRecord
from rules.ir import Program

LOG = logging.getLogger(__name__)

_MEDICATION: Final = re.compile(r"(?:.*/)?(Medication/[A-Za-z0-9\-.]{1,64})", re.ASCII)
_MEDICATED: Final = frozenset({"MedicationRequest", "MedicationDispense", "MedicationStatement"})


class PatientUnavailable(Exception):
    """The Patient itself could not be had, so nothing can be said. ``keys`` are the prefetch keys that are missing."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        super().__init__("the Patient is not available")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A person's record, and how well each prefetch key is answered in the end."""

    record: PersonRecord
    answers: tuple[Supplied, ...]
    missing: tuple[str, ...] = ()
    """Keys without a complete answer, in the order of the templates."""
    unavailable: frozenset[str] = frozenset()
    """Tables that were asked for and are not loaded."""

    def resources(self, resource_type: str) -> Iterable[Json]:
        """Resources of a type as they came."""
        for answer in self.answers:
            for document in answer.documents:
                yield from (resource for resource in _opened(document) if resource.get("resourceType") == resource_type)


def gather(
    call: HookCall,
    templates: Sequence[Template],
    ehr: Ehr | None,
    today: date,
    null_means: Literal["empty", "unknown"] = "empty",
    past: Past = NO_PAST,
) -> Gathered:
    """The patient's record; a table that could be had neither way is not loaded, and so unknown.

    What lies in the ``past`` is left out of it: see `plugin.cds.services.Service.past`.

    What the context holds (draft orders, proposed appointments, a new diagnosis) is in it, but makes no table complete.

    Raises:
        WrongPatient: something that came along is another person's; nothing of the whole may be used.
        PatientUnavailable: there is no Patient resource.
    """
    answers = _answered(call, templates, ehr, today, null_means)
    further = _medications(answers, ehr)
    documents = [document for answer in answers.values() for document in answer.documents]
    quarantine = Quarantine()
    planned = proposed(call, _places(documents)) if holds_proposals(call) else ()
    record = records_from_resources([*documents, *further, *planned], call.patient, (), quarantine, past)
    incomplete = {answer.template.resource_type for answer in answers.values() if not answer.complete} | _unattributed(quarantine)
    missing = tuple(template.key for template in templates if template.resource_type in incomplete)
    if "Patient" in incomplete:
        raise PatientUnavailable(missing)
    asked = {template.table for template in templates if template.table}
    loaded = {template.table for template in templates if template.resource_type not in incomplete}
    whole = replace(record, not_loaded=frozenset(TABLES.keys() - loaded) | {HOUSEHOLD})
    return Gathered(whole, tuple(answers.values()), missing, frozenset(asked - loaded))


def _answered(
    call: HookCall, templates: Sequence[Template], ehr: Ehr | None, today: date, null_means: Literal["empty", "unknown"]
) -> dict[str, Supplied]:
    """The answer to each key: what was brought along or, where that is incomplete, what could be read."""
    answers = {template.key: supplied(template, call.prefetch, null_means) for template in templates}
    wanted = [answer.template for answer in answers.values() if not answer.complete]
    if ehr is not None and wanted:
        for key, read in ehr.read(wanted, call.patient, today).items():
            brought = answers[key]
            answers[key] = read if read.complete else replace(read, documents=(*read.documents, *brought.documents))
    return answers


def _unattributed(quarantine: Quarantine) -> set[str]:
    """Types of which some resource does not say whose it is: it might be the one whose absence a rule rests on."""
    return {resource_type for resource_type, reason in quarantine.counts if reason is Reason.NO_SUBJECT}


# ---------------------------------------------------------------- what resources refer to


def _medications(answers: Mapping[str, Supplied], ehr: Ehr | None) -> list[Json]:
    """The Medications that prescriptions only refer to, if they can be read in the time that is left."""
    if ehr is None:
        return []
    found = [resource for answer in answers.values() for document in answer.documents for resource in _opened(document)]
    return ehr.medications(_referred(found) - _places(found))


def _referred(resources: Iterable[Json]) -> set[str]:
    references = (r.get("medicationReference") for r in resources if r.get("resourceType") in _MEDICATED)
    named = (str(reference.get("reference")) for reference in references if isinstance(reference, dict))
    return {match[1] for name in named if (match := _MEDICATION.fullmatch(name))}


def _places(documents: Iterable[Json]) -> set[str]:
    return {f"{r.get('resourceType')}/{r.get('id')}" for document in documents for r in _opened(document)}


def _opened(document: Json) -> Iterable[Json]:
    if document.get("resourceType") != "Bundle":
        return [document]
    entries = document.get("entry")
    held = [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [resource for resource in held if isinstance(resource, dict)]


# ---------------------------------------------------------------- what it was good for


@dataclass(frozen=True, slots=True)
class Use:
    """Of one prefetch key: how many resources came, and how many of them some fact rests on."""

    received: int
    used: int


def usage(gathered: Gathered, programs: Iterable[Program], as_of: date) -> dict[str, Use]:
    """What each key was good for. A key of which next to nothing is ever used asks for too much."""
    sources = {
        event.source for program in programs for result in reduce_facts(program, gathered.record, as_of).values() for event in result.events
    } | {f"Patient/{gathered.record.person.id}"}
    counts: dict[str, Use] = {}
    for answer in gathered.answers:
        came = Counter(place for document in answer.documents for place in _places([document]))
        counts[answer.template.key] = Use(len(came), len(came.keys() & sources))
    LOG.info("prefetch_used %s", " ".join(f"{key}={use.used}/{use.received}" for key, use in counts.items()))
    return counts
