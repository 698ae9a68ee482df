"""A seeded synthetic population of any size, as FHIR R4 resources: for demonstrations, tests and benchmarks.

Nobody in it exists. Family names, record numbers and addresses carry the canary text ``ZZCANARY``, so that a leak into a log
shows. The data are flawed on purpose, as real records are: partial and missing dates, contradictory answers, alien units,
entered-in-error and amended resources, repeated ids, events in the future and events of nobody.

>>> from datetime import date
>>> first = next(population(people=1, seed=1, as_of=date(2026, 6, 30)))
>>> first["resourceType"], "ZZCANARY" in first["name"][0]["family"]
('Patient', True)
"""

from fhir_adapters.synthetic.agencies import agencies, write_agencies
from fhir_adapters.synthetic.households import CANARY
from fhir_adapters.synthetic.stream import RESOURCE_TYPES, population, write_ndjson

__all__ = ["CANARY", "RESOURCE_TYPES", "agencies", "population", "write_agencies", "write_ndjson"]
