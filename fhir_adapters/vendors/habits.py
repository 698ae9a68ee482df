"""The form of a vendor profile, and the reader of its file."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Final, Literal

from fhir_adapters.sourced import Data, Profile, ResourceType, names_in, read_in

_PACKAGE: Final = "fhir_adapters.vendors"


class Split(Data):
    """A type that is only found with a further parameter: one search for each value."""

    parameter: str
    values: tuple[str, ...]


class Bulk(Data):
    """Bulk Data habits."""

    version: Literal["none", "1.0.1", "2.0", "3.0.0"] = "3.0.0"
    levels: tuple[Literal["system", "patient", "group"], ...] = ("system", "patient", "group")
    since: bool = True
    """Whether ``_since`` works."""
    by_post: bool = False
    longest_wait: float = 900.0
    """Seconds; whatever Retry-After asks for between two polls."""


class Writing(Data):
    """What is not written to it, or not in this way, even if its CapabilityStatement claims it. Where nothing is said, that decides."""

    own_ids: bool = True
    """``False``: a ``PUT [type]/[id]`` that creates is not tried."""
    if_none_exist: bool = True
    """``False``: the header is not sent."""
    transactions: bool = True
    """``False``: everything is sent one by one."""
    create: frozenset[ResourceType] | None = None
    """The types of which it takes new resources from us; ``None``: as it says."""
    update: frozenset[ResourceType] | None = None
    """The types of which it takes changes; ``None``: as it says."""
    instead: Mapping[ResourceType, str] = {}
    """What to do with a type of which it takes none."""


class Vendor(Profile):
    """How a vendor's FHIR servers differ from what the specification lets one hope for. What the server itself says comes first.

    What it cannot do by its profile is not tried, whatever it says itself.
    """

    page_size: int = 200
    splits: Mapping[ResourceType, Split] = {}
    includes: Mapping[ResourceType, tuple[str, ...]] = {}
    post_search: frozenset[ResourceType] = frozenset()
    """Types that are searched by POST, which keeps patients' ids out of addresses."""
    without: frozenset[ResourceType] = frozenset()
    """Types that it does not have at all."""
    whole_population: bool = True
    """Whether a search without a patient is allowed; else patients are read one after another."""
    last_updated: bool = True
    """Whether ``meta.lastUpdated`` and ``_lastUpdated`` can be relied on."""
    batches: bool = False
    """Whether several searches may be sent as one batch Bundle."""
    per_minute: float | None = None
    at_once: int = 4
    headers: Mapping[str, str] = {}
    """Sent with every request; ``{client_id}`` is replaced."""
    scopes: Literal["v1", "v2", "as it says"] = "as it says"
    longest_assertion: int = 240
    """Seconds that a client assertion may be valid."""
    bulk: Bulk = Bulk()
    writing: Writing = Writing()

    def refuses(self, interaction: Literal["create", "update"], resource_type: str) -> str | None:
        """Why nothing of a type is written there, and what to do instead; ``None``: nothing is known against it."""
        allowed = self.writing.create if interaction == "create" else self.writing.update
        if allowed is None or resource_type in allowed:
            return None
        instead = self.writing.instead.get(resource_type, "let somebody enter it there by hand")
        return f"{self.title} takes no {'new' if interaction == 'create' else 'changed'} {resource_type}: {instead}"

    def incremental(self, searches: Collection[str] = ()) -> str | None:
        """Why what changed since a moment cannot be asked for; ``None``: it can. ``searches``: parameters that the server says it knows."""
        if not self.last_updated:
            return f"{self.title} does not keep meta.lastUpdated"
        if searches and "_lastUpdated" not in searches:
            return "the server does not say that it knows _lastUpdated"
        return None


GENERIC: Final = Vendor(name="generic", title="any FHIR R4 server")


def known_vendors() -> list[str]:
    """Their names, sorted."""
    return list(names_in(_PACKAGE))


@cache
def vendor(name: str) -> Vendor:
    """The profile called ``name``. Raises ``KeyError`` if there is none."""
    return Vendor.model_validate(read_in(_PACKAGE, name))
