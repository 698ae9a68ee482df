"""The prefetch of a hook call, as a client that has the resources answers the queries of a service."""

from datetime import date
from typing import Any

from support.cds_calls import searchset

from fhir_adapters.mapping import subject_of
from plugin.cds.prefetch import Template

Json = dict[str, Any]


def prefetched(own: list[Json], templates: tuple[Template, ...], as_of: date, *, null: bool = False) -> Json:
    """What a good client sends of a person (the Patient first): the answer of each query, as it is written; ``null`` for nothing."""
    found: Json = {"patient": own[0]}
    for template in templates[1:]:
        matches = [resource for resource in own if _matches(resource, template, as_of)]
        found[template.key] = None if null and not matches and template.is_safe else searchset(*matches)
    return found


def _matches(resource: Json, template: Template, as_of: date) -> bool:
    if resource["resourceType"] != template.resource_type:
        return False
    asked = dict(template.parameters(str(subject_of(resource)), as_of))
    codes = {f"{c.get('system')}|{c.get('code')}" for c in resource.get("code", {}).get("coding", [])}
    if "code" in asked and codes.isdisjoint(asked["code"].split(",")):
        return False
    day = _day(resource)
    if "date:missing" in asked:
        return day is None
    return "date" not in asked or (day is not None and day >= asked["date"].removeprefix("ge"))


def _day(resource: Json) -> str | None:
    """The end of a resource's date, as a server finds it."""
    for name in ("effectiveDateTime", "performedDateTime", "occurrenceDateTime"):
        if name in resource:
            return str(resource[name])[:10].ljust(10, "9")
    for name in ("effectivePeriod", "period", "performedPeriod"):
        if name in resource:
            return str(resource[name].get("end", "9999-12-31"))[:10].ljust(10, "9")
    return None
