"""Coded properties besides an event's own code: category, intent, performer, reason.

A role without a tag is *not said*, so that a rule which asks for it gets *possible*, never *no*. For the same reason a role is left
without tags if part of it could not be understood: that part might have been what is asked for.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhir_adapters.codes import ALLERGY_CATEGORY, DATA_ABSENT, NO_CODES, REQUEST_INTENT, Codes, read_codes, read_status
from fhir_adapters.quarantine import Json, Reading, Reason
from fhir_adapters.values import Measured, absent
from rules.facts import Coding

Tags = tuple[tuple[str, Coding], ...]

NO_REASON: Final[Tags] = (("reason", Coding("", "")),)
"""Surely no reason: in no value set, so that the answer to whether it is a certain one is no. A value needs no excuse."""

_OTHERS: Final = re.compile(r"(?:.*/)?(?:Patient|RelatedPerson|Device|Location)/.*", re.ASCII)
"""References to those who may be there without being a performer."""

_NOT_AS_MEANT: Final = frozenset(
    ["not-done", "on-hold", "stopped", "cancelled", "noshow", "rejected", "failed", "declined", "not-taken", "entered-in-error"]
)
_NEWER: Final = {
    "reasonCode": "reason",
    "cancelationReason": "cancellationReason",
    "statusReasonCodeableConcept": "notPerformedReason",
}
"""R5's names of the elements that hold reasons."""


class Tagged(NamedTuple):
    """Codes, and the same as tags."""

    codes: Codes
    tags: Tags


def tagged(role: str, codes: Codes, *, whole: bool = True) -> Tagged:
    """``codes`` in a role; no tags unless the ``whole`` of them was understood."""
    return Tagged(codes, _as_tags(role, codes.found) if whole else ())


@lru_cache(maxsize=1 << 12)
def _as_tags(role: str, codings: tuple[Coding, ...]) -> Tags:
    return tuple((role, coding) for coding in codings)


def read_tagged(reading: Reading, value: Any, path: str, role: str) -> Tagged:
    """A CodeableConcept, or a list of them, in a role."""
    if value is None:
        return Tagged(NO_CODES, ())
    before = reading.defects
    codes = read_codes(reading, value, path)
    return tagged(role, codes, whole=reading.defects == before)


def read_category(reading: Reading, resource: Json, element: str = "category") -> Tags:
    """The categories of a resource."""
    return read_tagged(reading, resource.get(element), element, "category").tags


def read_allergy_categories(reading: Reading, resource: Json) -> Tags:
    """The categories of an AllergyIntolerance, which are plain codes."""
    value = resource.get("category")
    if value is None:
        return ()
    if not isinstance(value, list):
        reading.bad("category", Reason.NOT_A_LIST)
        return ()
    codes = [read_status(reading, item, "category") for item in value]
    return tuple(("category", Coding(ALLERGY_CATEGORY, code)) for code in dict.fromkeys(codes) if code) if None not in codes else ()


def read_intent(reading: Reading, resource: Json) -> Tags:
    """The intent of a request, in the system ``request-intent`` whatever its type: the codes of the other systems are the same."""
    intent = None if resource.get("intent") is None else read_status(reading, resource["intent"], "intent")
    return () if intent is None else (("intent", Coding(REQUEST_INTENT, intent)),)


def read_performers(reading: Reading, resource: Json, element: str, kind: str, actor: str) -> Tags:
    """The kinds of those who did it, or take part in it; no tags unless each of them says his. Patients, their relatives, devices and
    places need not say what they are.
    """
    listed = resource.get(element)
    if listed is None:
        return ()
    if not isinstance(listed, list):
        reading.bad(element, Reason.NOT_A_LIST)
        return ()
    found = [_performer(reading, item, element, kind, actor) for item in listed]
    return tuple(dict.fromkeys(tag for tags in found for tag in tags or ())) if None not in found else ()


def _performer(reading: Reading, item: Any, element: str, kind: str, actor: str) -> Tags | None:
    """``None``: it is not said what he is."""
    if not isinstance(item, dict):
        reading.bad(element, Reason.NOT_AN_OBJECT)
        return None
    tags = read_tagged(reading, item.get(kind), f"{element}.{kind}", "performer").tags
    who = item.get(actor)
    reference = who.get("reference") if isinstance(who, dict) else None
    return tags if tags or (isinstance(reference, str) and _OTHERS.fullmatch(reference)) else None


def read_performer_type(reading: Reading, resource: Json) -> Tags:
    """The kinds of performer that a request asks for."""
    return read_tagged(reading, resource.get("performerType"), "performerType", "performer").tags


def read_reason(reading: Reading, resource: Json, status: str | None, of_status: str = "statusReason") -> Tags:
    """Why it was done (``reasonCode``; in R5 ``reason``), and why it has its status.

    Of what did not happen as meant and does not say why, the reason is unknown, whatever the reason was for which it was planned.
    """
    of_status, why = (name if name in resource else _NEWER.get(name, name) for name in (of_status, "reasonCode"))
    found = {name: read_tagged(reading, resource.get(name), name, "reason").tags for name in (of_status, why)}
    untold = any(resource.get(name) is not None and not tags for name, tags in found.items())
    if untold or (not found[of_status] and (status is None or status in _NOT_AS_MEANT)):
        return ()
    return tuple(dict.fromkeys(found[of_status] + found[why]))


def read_absence(reading: Reading, element: Json, path: str, measured: Measured) -> Tags:
    """Why an observation, one of its components, or an answer has no value: declined, unknown …; surely nothing if it has one."""
    if element.get("dataAbsentReason") is not None:
        return read_tagged(reading, element["dataAbsentReason"], f"{path}dataAbsentReason", "reason").tags
    said = tuple(coding for coding in measured.answers if coding.system == DATA_ABSENT)
    if said:
        return _as_tags("reason", said)
    if measured.answers or measured.value is not None:
        return NO_REASON
    return _as_tags("reason", absent(element))
