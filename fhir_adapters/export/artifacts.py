"""The resources of one pack."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

from fhir.resources.R4B.activitydefinition import ActivityDefinition
from fhir.resources.R4B.library import Library
from fhir.resources.R4B.plandefinition import PlanDefinition
from fhir.resources.R4B.valueset import ValueSet

from fhir_adapters import gravity
from fhir_adapters.export.identity import Identity, computer_name
from fhir_adapters.export.knowledge import CodeSet, Knowledge, Recommendation, Referral

Json = dict[str, Any]

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"


def artifacts(knowledge: Knowledge, identity: Identity) -> Iterator[Json]:
    """The Library, the PlanDefinition, an ActivityDefinition for each referral and a ValueSet for each set of codes."""
    yield _library(knowledge, identity)
    yield _plan(knowledge, identity)
    for recommendation in knowledge.recommendations:
        if recommendation.referral:
            yield _activity(recommendation, recommendation.referral, knowledge, identity)
    for code_set in knowledge.code_sets:
        yield _value_set(code_set, knowledge, identity)


def _json(model: Library | PlanDefinition | ActivityDefinition | ValueSet) -> Json:
    found: Json = model.model_dump(mode="json", exclude_none=True)
    return found


def _common(resource_type: str, identifier: str, name: str, title: str, knowledge: Knowledge, identity: Identity) -> Json:
    """What every canonical resource says about itself."""
    return {
        "id": identifier,
        "url": identity.url(resource_type, identifier),
        "version": identity.version,
        "name": computer_name(name),
        "title": title,
        "status": "active" if knowledge.in_use else "draft",
        "date": knowledge.date,
        "publisher": knowledge.publisher,
    }


# ---------------------------------------------------------------- logic


def _library(knowledge: Knowledge, identity: Identity) -> Json:
    common = _common("Library", identity.pack, identity.pack, knowledge.title, knowledge, identity)
    model = Library(
        **common,
        description=knowledge.description,
        type=_coded("library-type", "logic-library"),
        relatedArtifact=[
            {"type": "depends-on", "resource": identity.canonical("ValueSet", identity.ids[code_set.name])}
            for code_set in knowledge.code_sets
        ]
        or None,
        parameter=[
            {"name": "As Of", "use": "in", "min": 1, "max": "1", "type": "date", "documentation": "The day for which everything is asked."},
            {
                "name": "Not Loaded",
                "use": "in",
                "min": 0,
                "max": "*",
                "type": "string",
                "documentation": "Event tables that could not be read whole: what is not found there is then unknown.",
            },
            *({"name": name, "use": "out", "min": 0, "max": "1", "type": kind} for name, kind in knowledge.outputs),
        ],
        dataRequirement=[{"type": name} for name in knowledge.resource_types],
        content=[
            _attachment("text/cql", knowledge.cql, f"{computer_name(identity.pack)}.cql"),
            *(_attachment("application/yaml", source.text, source.path) for source in knowledge.sources),
        ],
    )
    return _json(model)


def _attachment(content_type: str, text: str, title: str) -> Json:
    return {"contentType": content_type, "data": b64encode(text.encode()).decode("ascii"), "title": title}


def _coded(code_system: str, code: str) -> Json:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{code_system}", "code": code}]}


# ---------------------------------------------------------------- what to do


def _plan(knowledge: Knowledge, identity: Identity) -> Json:
    common = _common("PlanDefinition", identity.pack, f"{identity.pack}-plan", knowledge.title, knowledge, identity)
    model = PlanDefinition(
        **common,
        type=_coded("plan-definition-type", "eca-rule"),
        library=[identity.canonical("Library", identity.pack)],
        action=[_action(recommendation, identity) for recommendation in knowledge.recommendations] or None,
    )
    return _json(model)


def _action(recommendation: Recommendation, identity: Identity) -> Json:
    action: Json = {
        "id": recommendation.id,
        "title": recommendation.title,
        "description": recommendation.description,
        "textEquivalent": recommendation.text,
        "priority": recommendation.priority,
        "documentation": [
            {"type": "citation", "display": citation.title, "citation": citation.title, "url": citation.url}
            for citation in recommendation.citations
        ],
        "trigger": [{"type": "named-event", "name": "patient-view"}],
        "condition": [{"kind": "applicability", "expression": {"language": "text/cql-identifier", "expression": recommendation.id}}],
    }
    if recommendation.referral:
        action["definitionCanonical"] = identity.canonical("ActivityDefinition", identity.ids[recommendation.id])
    return action


def _activity(recommendation: Recommendation, referral: Referral, knowledge: Knowledge, identity: Identity) -> Json:
    identifier = identity.ids[recommendation.id]
    model = ActivityDefinition(
        **_common("ActivityDefinition", identifier, f"{recommendation.id}-referral", referral.display, knowledge, identity),
        description=f"A referral for: {recommendation.title}",
        usage=f"To one of these kinds of partner: {', '.join(referral.partners)}",
        topic=[{"coding": [gravity.SOCIAL_SERVICE]}, {"coding": [gravity.category(referral.category)]}],
        library=[identity.canonical("Library", identity.pack)],
        kind="ServiceRequest",
        profile=gravity.SERVICE_REQUEST,
        code={"coding": [gravity.service(referral.service, referral.display)]},
        intent="order",
        priority=recommendation.priority,
        doNotPerform=False,
    )
    return _json(model)


# ---------------------------------------------------------------- codes


def _value_set(code_set: CodeSet, knowledge: Knowledge, identity: Identity) -> Json:
    identifier = identity.ids[code_set.name]
    systems = sorted({coding.system for coding in code_set.codes})
    include = [
        {"system": system, "concept": [{"code": code} for code in sorted({c.code for c in code_set.codes if c.system == system})]}
        for system in systems
    ]
    common = _common("ValueSet", identifier, code_set.name, code_set.name, knowledge, identity)
    return _json(ValueSet(**common, compose={"include": include}))
