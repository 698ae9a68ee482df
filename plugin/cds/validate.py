"""Checks of CDS Hooks bodies: HL7's invariants (``cds-resp-1`` …) and those of the Inferno test kit.

Each function takes parsed JSON and returns what is wrong, empty if nothing. Messages name members, never values.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.resource import Resource

from plugin.cds.text import is_web_address

_INDICATORS: Final = ("info", "warning", "critical")
_SELECTION: Final = ("at-most-one", "any")
_ACTION_SELECTION: Final = ("all", "any", "at-most-one")
_OUTCOMES: Final = ("accepted", "overridden")
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")

Problems = Iterator[str]
_Check = Callable[[dict[str, Any], str], Problems]


def response_problems(body: Any) -> list[str]:
    """What is wrong with the answer to a hook call."""
    if not isinstance(body, dict):
        return ["the response is not an object"]
    return [
        *_no_blanks(body, "response", allowed=("cards",)),
        *_each(body, "cards", "response", _card, required=True),
        *_each(body, "systemActions", "response", _action),
    ]


def target_problems(body: dict[str, Any], draft_orders: Collection[str]) -> list[str]:
    """What is wrong with the targets of a valid answer: only the draft orders that came with the call may be changed or deleted.

    ``draft_orders`` are their relative references; empty for a hook without any.
    """
    found: list[str] = []
    for i, card in enumerate(body["cards"]):
        for j, suggestion in enumerate(card.get("suggestions", ())):
            at = f"response.cards[{i}].suggestions[{j}]"
            found += _targets(suggestion.get("actions", ()), draft_orders, at)
    return found + _targets(body.get("systemActions", ()), draft_orders, "response.systemActions")


def discovery_problems(body: Any) -> list[str]:
    """What is wrong with the answer to discovery."""
    if not isinstance(body, dict):
        return ["the answer is not an object"]
    return [*_no_blanks(body, "discovery", allowed=("services",)), *_each(body, "services", "discovery", _service, required=True)]


def request_problems(body: Any) -> list[str]:
    """What HL7's invariants say against a hook call; we answer it all the same."""
    authorization = body.get("fhirAuthorization") if isinstance(body, dict) else None
    if authorization is None:
        return []
    found = [] if body.get("fhirServer") else ["cds-r-1: fhirAuthorization without fhirServer"]
    scope = authorization.get("scope") if isinstance(authorization, dict) else None
    if isinstance(scope, str) and "patient/" in scope and not authorization.get("patient"):
        found.append("cds-r-2: patient scopes without fhirAuthorization.patient")
    return found


def feedback_problems(body: Any) -> list[str]:
    """What is wrong with the body of a feedback call. Unknown members are fine: EHRs add their own."""
    if not isinstance(body, dict):
        return ["the body is not an object"]
    return list(_each(body, "feedback", "body", _feedback, required=True))


# ---------------------------------------------------------------- parts


def _service(service: dict[str, Any], at: str) -> Problems:
    for name in ("hook", "description", "id"):
        yield from _text(service, name, at)
    prefetch = service.get("prefetch", {})
    if not isinstance(prefetch, dict) or not all(isinstance(query, str) for query in prefetch.values()):
        yield f"{at}.prefetch is not an object of queries"


def _card(card: dict[str, Any], at: str) -> Problems:
    yield from _text(card, "uuid", at)
    yield from _text(card, "summary", at)
    if len(str(card.get("summary", ""))) >= 140:
        yield f"{at}.summary has 140 characters or more"
    yield from _text(card, "detail", at, required=False)
    yield from _extension(card, at)
    yield from _one_of(card, "indicator", _INDICATORS, at)
    yield from _source(card.get("source"), f"{at}.source")
    yield from _suggestions(card, at)
    yield from _each(card, "overrideReasons", at, _override_reason)
    yield from _each(card, "links", at, _link)


def _extension(parent: dict[str, Any], at: str) -> Problems:
    extension = parent.get("extension", {})
    if not isinstance(extension, dict) or not all("." in str(name) for name in extension):
        yield f"{at}.extension is not an object whose keys are reversed domain names"


def _source(source: Any, at: str) -> Problems:
    if not isinstance(source, dict):
        yield f"{at} is missing"
        return
    yield from _text(source, "label", at)
    for name in ("url", "icon"):
        if name in source and not is_web_address(str(source[name])):
            yield f"{at}.{name} is not an absolute address"
    topic = source.get("topic")
    yield from _coding(topic, f"{at}.topic") if isinstance(topic, dict) else [f"{at}.topic is missing"]


def _suggestions(card: dict[str, Any], at: str) -> Problems:
    yield from _each(card, "suggestions", at, _suggestion)
    if "suggestions" not in card:
        return
    if "selectionBehavior" not in card:
        yield f"cds-resp-6: {at}.suggestions without selectionBehavior"
    else:
        yield from _one_of(card, "selectionBehavior", _SELECTION, at)
    suggestions = card["suggestions"] if isinstance(card["suggestions"], list) else []
    recommended = [s for s in suggestions if isinstance(s, dict) and s.get("isRecommended") is True]
    if card.get("selectionBehavior") == "at-most-one" and len(recommended) > 1:
        yield f"cds-resp-1: {at} recommends several suggestions of which at most one may be chosen"


def _suggestion(suggestion: dict[str, Any], at: str) -> Problems:
    yield from _text(suggestion, "label", at)
    yield from _text(suggestion, "uuid", at)
    if not isinstance(suggestion.get("isRecommended", False), bool):
        yield f"{at}.isRecommended is not a boolean"
    if "actionSelectionBehavior" in suggestion:
        yield from ("cds-resp-7: " + p for p in _one_of(suggestion, "actionSelectionBehavior", _ACTION_SELECTION, at))
    yield from _each(suggestion, "actions", at, _described_action)


def _targets(actions: Iterable[dict[str, Any]], draft_orders: Collection[str], at: str) -> list[str]:
    found: list[str] = []
    created = {action["resource"]["resourceType"] for action in actions if action["type"] == "create"}
    for action in actions:
        if action["type"] == "create":
            continue
        deletes = action["type"] == "delete"
        target = action["resourceId"] if deletes else f"{action['resource']['resourceType']}/{action['resource'].get('id')}"
        if target not in draft_orders:
            found.append(f"{at} {action['type']}s what is no draft order of the call")
        if deletes and target.partition("/")[0] not in created:
            found.append(f"{at} deletes an order and creates none of its type")
    return found


def _described_action(action: dict[str, Any], at: str) -> Problems:
    yield from ("cds-resp-5: " + p for p in _text(action, "description", at))
    yield from _action(action, at)


def _action(action: dict[str, Any], at: str) -> Problems:
    yield from _one_of(action, "type", ("create", "update", "delete"), at)
    if action.get("type") != "delete":
        yield from _resource(action.get("resource"), f"{at}.resource")
    elif "resource" in action or not _REFERENCE.fullmatch(str(action.get("resourceId"))):
        yield f"cds-resp-2: {at} deletes without resourceId, or with a resource"


def _resource(resource: Any, at: str) -> Problems:
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        yield f"{at} is not a resource"
        return
    try:
        model = get_fhir_model_class(resource["resourceType"])
        valid = issubclass(model, Resource) and bool(model.model_validate(resource))
    except ValueError:
        valid = False
    if not valid:
        yield f"{at} is not a valid FHIR R4 resource"


def _override_reason(reason: dict[str, Any], at: str) -> Problems:
    yield from _coding(reason, at)
    yield from ("cds-resp-4: " + p for p in _text(reason, "display", at))


def _link(link: dict[str, Any], at: str) -> Problems:
    yield from _text(link, "label", at)
    yield from _one_of(link, "type", ("absolute", "smart"), at)
    if not is_web_address(str(link.get("url"))):
        yield f"{at}.url is not an absolute address"
    yield from _text(link, "appContext", at, required=False)
    if "appContext" in link and link.get("type") != "smart":
        yield f"cds-resp-3: {at}.appContext on a link that launches no SMART app"


def _feedback(feedback: dict[str, Any], at: str) -> Problems:
    yield from _text(feedback, "card", at)
    yield from ("cds-fb-1: " + p for p in _one_of(feedback, "outcome", _OUTCOMES, at))
    if feedback.get("outcome") == "accepted":
        yield from ("cds-fb-2: " + p for p in _each(feedback, "acceptedSuggestions", at, lambda s, a: _text(s, "id", a), required=True))
    reason = feedback.get("overrideReason")
    if reason is not None and not (isinstance(reason, dict) and (reason.get("reason") or reason.get("userComment"))):
        yield f"cds-fb-3: {at}.overrideReason has neither reason nor userComment"
    if not _is_instant(feedback.get("outcomeTimestamp")):
        yield f"{at}.outcomeTimestamp is not a time with its zone"


# ---------------------------------------------------------------- kinds of value


def _each(parent: dict[str, Any], name: str, at: str, check: _Check, *, required: bool = False) -> Problems:
    if name not in parent:
        if required:
            yield f"{at}.{name} is missing"
        return
    items = parent[name]
    if not isinstance(items, list):
        yield f"{at}.{name} is not an array"
        return
    for i, item in enumerate(items):
        place = f"{at}.{name}[{i}]"
        yield from check(item, place) if isinstance(item, dict) else [f"{place} is not an object"]


def _text(parent: dict[str, Any], name: str, at: str, *, required: bool = True) -> Problems:
    if name not in parent and not required:
        return
    value = parent.get(name)
    if not isinstance(value, str) or not value.strip():
        yield f"{at}.{name} is missing or not a text"


def _one_of(parent: dict[str, Any], name: str, choices: tuple[str, ...], at: str) -> Problems:
    if parent.get(name) not in choices:
        yield f"{at}.{name} is not one of {', '.join(choices)}"


def _coding(coding: dict[str, Any], at: str) -> Problems:
    yield from _text(coding, "system", at)
    yield from _text(coding, "code", at)


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _has_blanks(value: Any) -> bool:
    """The same question as `_no_blanks` answers, without a word about where: nearly always there is nothing to say."""
    if isinstance(value, str):
        return not value
    if isinstance(value, dict):
        return not value or any(map(_has_blanks, value.values()))
    if isinstance(value, list):
        return not value or any(map(_has_blanks, value))
    return value is None


def _no_blanks(value: Any, at: str, allowed: tuple[str, ...] = ()) -> Problems:
    """Nothing that is sent may be null, blank or empty, but for an empty list of cards or services."""
    if not _has_blanks(value):
        return
    if value is None or value in ("", [], {}):
        yield f"{at} is null or empty"
    elif isinstance(value, dict):
        for name, member in value.items():
            if not (name in allowed and member == []):
                yield from _no_blanks(member, f"{at}.{name}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _no_blanks(item, f"{at}[{i}]")
