"""What HSDS calls its tables, files and fields, in 2.0.1 and 3.x; the names of 3.x are used from here on.

Sources: openreferral/specification, datapackage.json of 3.0 (commit 279fd2e, 2024-05-16), schema/service_capacity.json and unit.json of
3.1, docs/hsds/changelog.md (what 3.0 renamed); for 2.0.1 also the mapping in HL7/FHIR-IG-Human-Services-Directory (STU 1).
"""

from typing import Final

USED: Final = frozenset(
    [
        "organization",
        "service",
        "location",
        "service_at_location",
        "phone",
        "contact",
        "address",
        "schedule",
        "service_area",
        "language",
        "accessibility",
        "cost_option",
        "required_document",
        "taxonomy_term",
        "taxonomy",
        "attribute",
        "metadata",
        "organization_identifier",
        "program",
        "service_capacity",
        "unit",
        "eligibility",
        "payment_accepted",
    ]
)
"""Tables of which something is kept. Rows of other tables are counted as ignored."""
OTHERS: Final = frozenset(["funding", "meta_table_description", "url"])

PARENTS: Final = (
    "organization",
    "service",
    "location",
    "service_at_location",
    "contact",
    "phone",
    "program",
    "taxonomy_term",
    "taxonomy",
    "unit",
)
"""Tables to which a field ``<table>_id`` may point."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "service_at_location": ("service", "location"),
    "service_area": ("service", "service_at_location"),
    "required_document": ("service",),
    "cost_option": ("service",),
    "eligibility": ("service",),
    "payment_accepted": ("service",),
    "service_capacity": ("service",),
    "organization_identifier": ("organization",),
    "address": ("location",),
    "accessibility": ("location",),
    "language": ("service", "location", "phone"),
    "schedule": ("service", "location", "service_at_location"),
    "contact": ("organization", "service", "service_at_location", "location"),
    "phone": ("organization", "service", "service_at_location", "location", "contact"),
    "attribute": ("taxonomy_term",),
}
"""Table → the tables of which one row at least must be there (all of them for service_at_location), or the row says nothing of anybody."""

_TABLES_2: Final = {
    "accessibility_for_disabilities": "accessibility",
    "physical_address": "address",
    "postal_address": "address",
    "service_attribute": "attribute",
    "other_attribute": "attribute",
}
"""HSDS 2.0.1 → 3.x."""

FIELDS_2: Final[dict[str, dict[str, str]]] = {
    "accessibility": {"accessibility": "description"},
    "language": {"language": "name"},
    "service_area": {"service_area": "name"},
    "taxonomy_term": {"term": "name"},
    "organization": {"url": "website"},
}
"""Table → field of HSDS 2.0.1 → field of 3.x."""

_PLURALS: Final = {
    "taxonomies": "taxonomy",
    "service_areas": "service_area",
    "services_at_location": "service_at_location",
    "service_at_locations": "service_at_location",
    "physical_addresses": "physical_address",
    "postal_addresses": "postal_address",
    "addresses": "address",
    "eligibilities": "eligibility",
    "payments_accepted": "payment_accepted",
    "capacities": "service_capacity",
    "service_capacities": "service_capacity",
    "taxonomy_detail": "taxonomy",
    "additional_urls": "url",
    "additional_websites": "url",
    "services_attributes": "service_attribute",
    "other_attributes": "other_attribute",
}


def table(name: str) -> str | None:
    """The table that a file's stem or a JSON property names, of either version, singular or plural; ``None`` if there is none."""
    singular = _PLURALS.get(name, name)
    for candidate in (singular, singular.removesuffix("s")):
        known = _TABLES_2.get(candidate, candidate)
        if known in USED or known in OTHERS:
            return known
    return None


def address_type(name: str) -> str | None:
    """What the name of a 2.0.1 table says about its addresses."""
    for kind in ("physical", "postal"):
        if name.startswith(f"{kind}_address"):
            return kind
    return None
