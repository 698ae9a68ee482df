"""The people on whom a draft is tried: made up in memory, the same for everybody, kept for as long as the process lives."""

from datetime import date
from functools import lru_cache
from typing import Final

from fhir_adapters.dataset import FIRST_TYPES, Collector
from fhir_adapters.report import Report
from fhir_adapters.synthetic import RESOURCE_TYPES, population
from rules.facts import PersonRecord

SEED: Final = 58


@lru_cache(maxsize=1)
def cohort(people: int, as_of: date) -> tuple[PersonRecord, ...]:
    """So many synthetic people as of a day. What the population has no resources of is not loaded: unknown, never *none*."""
    report = Report()
    part = report.part("synthetic population")
    collector = Collector(report)
    for resource in population(people, SEED, as_of):
        collector.add_document(resource, part)
    not_loaded = {table for resource_type, table in FIRST_TYPES.items() if resource_type not in RESOURCE_TYPES}
    return tuple(collector.population(not_loaded).records)
