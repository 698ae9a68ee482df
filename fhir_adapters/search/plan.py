"""Which searches give all resources of a type, on a server with these habits."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fhir_adapters.search.query import Query
from fhir_adapters.vendors import GENERIC, Vendor


@dataclass(frozen=True, slots=True)
class Plan:
    """Plans searches for one server."""

    vendor: Vendor = GENERIC
    offers: Mapping[str, Collection[str]] | None = None
    """Resource type → search parameters that the server says it knows; ``None``: it was not asked."""
    page_size: int | None = None
    """``None``: the vendor's usual one."""

    def queries(self, resource_type: str, patient: str | None = None) -> Iterator[Query]:
        """The searches that together give all resources of a type: a patient's, or everybody's."""
        about = () if patient is None else ((self._patient_parameter(resource_type), patient),)
        count = (("_count", str(self.page_size or self.vendor.page_size)),)
        includes = tuple(("_include", path) for path in self.vendor.includes.get(resource_type, ()))
        by_post = patient is not None and resource_type in self.vendor.post_search
        split = self.vendor.splits.get(resource_type)
        for extra in [((split.parameter, value),) for value in split.values] if split else [()]:
            yield Query(resource_type, (*about, *extra, *count, *includes), by_post)

    def _patient_parameter(self, resource_type: str) -> str:
        offered = None if self.offers is None else self.offers.get(resource_type)
        return "subject" if offered and "patient" not in offered and "subject" in offered else "patient"

    def refuses(self, resource_type: str) -> str | None:
        """Why searching for a type is no use, if so."""
        if resource_type in self.vendor.without:
            return f"{self.vendor.title} does not offer {resource_type}"
        if self.offers is not None and resource_type not in self.offers:
            return f"the server says that it does not offer {resource_type}"
        return None

    def incremental(self, resource_type: str) -> str | None:
        """Why what changed of a type since a moment cannot be searched for, if so."""
        return self.vendor.incremental(() if self.offers is None else self.offers.get(resource_type, ()))
