"""HL7's invariants of an answer and Inferno's checks, written down a second time: from the texts, without a look at our own validator.

`complaints` takes what came over the wire; it knows neither the program that made it nor the one that judged it before.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from fhir.resources.R4B import get_fhir_model_class

Json = dict[str, Any]

_TYPES: Final[dict[str, dict[str, type]]] = {
    "card": {
        "uuid": str,
        "summary": str,
        "detail": str,
        "indicator": str,
        "source": dict,
        "suggestions": list,
        "selectionBehavior": str,
        "overrideReasons": list,
        "links": list,
        "extension": dict,
    },
    "source": {"label": str, "url": str, "icon": str, "topic": dict},
    "suggestion": {"label": str, "uuid": str, "isRecommended": bool, "actions": list, "actionSelectionBehavior": str},
    "action": {"type": str, "description": str, "resource": dict, "resourceId": str},
    "link": {"label": str, "url": str, "type": str, "appContext": str, "autolaunchable": bool},
    "coding": {"system": str, "code": str, "display": str},
}
_NEEDED: Final = {
    "card": ("uuid", "summary", "indicator", "source"),
    "source": ("label", "topic"),
    "suggestion": ("label", "uuid"),
    "action": ("type", "description"),
    "link": ("label", "url", "type"),
    "coding": ("system", "code"),
}


def complaints(answer: Any) -> list[str]:
    """What HL7 and Inferno would say against an answer to a call of a hook."""
    if not isinstance(answer, dict) or not isinstance(answer.get("cards"), list) or set(answer) - {"cards", "systemActions", "extension"}:
        return ["no answer"]
    uuids = [each for card in answer["cards"] for each in _uuids(card)]
    found = [] if len(uuids) == len(set(uuids)) else ["a uuid twice"]
    return found + [said for card in answer["cards"] for said in (*_blanks(card, "card"), *_card(card))]


def _uuids(card: Json) -> Iterator[str]:
    for each in (card, *card.get("suggestions", ())):
        yield each["uuid"]


def _blanks(value: Any, at: str) -> Iterator[str]:
    if value is None or value == [] or value == {} or (isinstance(value, str) and not value.strip()):
        yield f"{at} is blank"
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from _blanks(child, f"{at}.{name}")


def _shape(kind: str, value: Any) -> Iterator[str]:
    known = _TYPES[kind]
    yield from (f"{kind} has {name}" for name in value if name not in known)
    yield from (f"{kind}.{name} is of the wrong type" for name, type_ in known.items() if name in value and type(value[name]) is not type_)
    yield from (f"{kind} lacks {name}" for name in _NEEDED[kind] if name not in value)


def _card(card: Json) -> Iterator[str]:
    yield from _shape("card", card)
    if not len(card["summary"]) < 140:
        yield "summary is too long"
    if card["indicator"] not in {"info", "warning", "critical"}:
        yield "indicator"
    yield from _source(card["source"])
    yield from _suggestions(card)
    for reason in card.get("overrideReasons", ()):
        yield from _shape("coding", reason)
        if "display" not in reason:
            yield "cds-resp-4"
    for link in card.get("links", ()):
        yield from _link(link)
    if any(not re.fullmatch(r"[a-z]+(\.[\w-]+)+", name) for name in card.get("extension", ())):
        yield "extension is not named by a reversed domain"


def _source(source: Json) -> Iterator[str]:
    yield from _shape("source", source)
    yield from _shape("coding", source["topic"])
    yield from (f"source.{name} is not absolute" for name in ("url", "icon") if name in source and not _absolute(source[name]))


def _absolute(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not re.search(r"\s", url)


def _link(link: Json) -> Iterator[str]:
    yield from _shape("link", link)
    if link["type"] not in {"absolute", "smart"} or not _absolute(link["url"]):
        yield "link"
    if link["type"] != "smart" and "appContext" in link:
        yield "cds-resp-3"


def _suggestions(card: Json) -> Iterator[str]:
    suggestions, behaviour = card.get("suggestions", []), card.get("selectionBehavior")
    if suggestions and behaviour not in {"at-most-one", "any"}:
        yield "cds-resp-6"
    if behaviour == "at-most-one" and sum(each.get("isRecommended") is True for each in suggestions) > 1:
        yield "cds-resp-1"
    for suggestion in suggestions:
        yield from _shape("suggestion", suggestion)
        if suggestion.get("actionSelectionBehavior", "all") not in {"all", "any", "at-most-one"}:
            yield "cds-resp-7"
        for action in suggestion.get("actions", ()):
            yield from _action(action)


def _action(action: Json) -> Iterator[str]:
    yield from _shape("action", action)
    if action["type"] == "delete":
        if "resource" in action or not re.fullmatch(r"[A-Z]\w+/[A-Za-z0-9.-]+", action.get("resourceId", "")):
            yield "cds-resp-2"
        return
    if action["type"] not in {"create", "update"} or "resourceId" in action:
        yield "action"
    resource = action["resource"]
    kept = get_fhir_model_class(resource["resourceType"]).model_validate(resource).model_dump(exclude_none=True)
    if set(resource) - {"resourceType"} - set(kept):
        yield "resource has members that FHIR does not"
