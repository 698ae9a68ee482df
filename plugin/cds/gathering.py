"""One person's record from what the call brought and, where that is not enough, from the EHR that it names."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from fhir_adapters import Dataset, FhirServer, Limits, read_patients, records_from_resources
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json, Quarantine, Reason
from fhir_adapters.transport import Given
from plugin.cds.availability import supplied
from plugin.cds.prefetch import Template
from plugin.cds.request import HookCall
from plugin.cds.trust.places import is_trusted
from rules.facts import HOUSEHOLD, TABLES, Event, PersonRecord

LOG = logging.getLogger(__name__)

LIMITS: Final = Limits(connect=1.0, attempt=1.5, call=1.5, attempts=1, body=10 << 20, redirects=0)
"""A clinician waits: one attempt, and a slow server counts as no server. Nobody sends us elsewhere."""
SECONDS: Final = 3.0
"""After so long no further search begins; what is missing then is unknown."""


class PatientUnavailable(Exception):
    """The Patient itself could not be had, so nothing can be said. ``keys`` are the prefetch keys that are missing."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        super().__init__("the Patient is not available")


class _HastyServer(FhirServer):
    """The EHR's FHIR server, asked while a clinician waits."""

    def __init__(self, base_url: str, token: str | None) -> None:
        super().__init__(base_url, authority=None if token is None else Given(lambda: token), limits=LIMITS)
        self._until = time.monotonic() + SECONDS

    def get(self, link: str, *, strict: bool = False) -> Json:
        if time.monotonic() >= self._until:
            raise EhrUnavailable("the time for reading is over")
        return super().get(link, strict=strict)


@dataclass(frozen=True, slots=True)
class _Part:
    """A record with the resource types that it holds completely."""

    record: PersonRecord
    types: frozenset[str]


def gather(call: HookCall, templates: Sequence[Template], allowed: Iterable[str]) -> PersonRecord:
    """The patient's record; a table that could be had neither way is not loaded, and so unknown.

    Raises:
        WrongPatient: something that came along is another person's; nothing of the whole may be used.
        PatientUnavailable: there is no Patient resource.
    """
    whole = _brought(call, templates)
    if any(template.resource_type not in whole.types for template in templates):
        read = _read(call, allowed, {template.resource_type for template in templates})
        whole = whole if read is None else _merged(whole, read)
    if "Patient" not in whole.types:
        raise PatientUnavailable([template.key for template in templates if template.resource_type not in whole.types])
    loaded = {template.table for template in templates if template.resource_type in whole.types}
    return replace(whole.record, not_loaded=frozenset(TABLES.keys() - loaded) | {HOUSEHOLD})


def _brought(call: HookCall, templates: Iterable[Template]) -> _Part:
    keys = [supplied(template, call.prefetch) for template in templates]
    documents = [key.document for key in keys if key.document is not None]
    quarantine = Quarantine()
    record = records_from_resources(documents, call.patient, (), quarantine)
    complete = {key.template.resource_type for key in keys if key.complete}
    return _Part(record, frozenset(complete - _unattributed(quarantine)))


def _unattributed(quarantine: Quarantine) -> set[str]:
    """Types of which some resource does not say whose it is: it might be the one whose absence a rule rests on."""
    return {resource_type for resource_type, reason in quarantine.counts if reason is Reason.NO_SUBJECT}


def _read(call: HookCall, allowed: Iterable[str], types: set[str]) -> _Part | None:
    """What the EHR says; only the types that rules read, because time is short."""
    if call.fhir_server is None or not is_trusted(call.fhir_server, allowed):
        return None
    try:
        dataset = read_patients(_HastyServer(call.fhir_server, call.token), patient_ids=[call.patient], types=types)
    except EhrUnavailable as reason:
        LOG.warning("ehr_unavailable reason=%s", reason)
        return None
    return _Part(dataset.records[0], _types_read(dataset) & types) if dataset.records else None


def _types_read(dataset: Dataset) -> frozenset[str]:
    missing = dataset.records[0].not_loaded
    first = {table.resource_types[0] for table in TABLES.values() if table.name not in missing}
    others = {name for table in TABLES.values() for name in table.resource_types[1:]}
    failed = {note.partition(":")[0] for note in dataset.report.notes}
    return frozenset({"Patient"} | first | (others - failed)) - _unattributed(dataset.report.quarantine)


def _merged(brought: _Part, read: _Part) -> _Part:
    """What was brought along, with what was read in place of the types that were incomplete."""
    taken = read.types - brought.types
    events = [event for event in brought.record.events if _type(event) not in taken]
    events += [event for event in read.record.events if _type(event) in taken]
    person = read.record.person if "Patient" in taken else brought.record.person
    return _Part(PersonRecord(person, tuple(sorted(events, key=attrgetter("table", "order")))), brought.types | taken)


def _type(event: Event) -> str:
    return event.source.partition("/")[0]
