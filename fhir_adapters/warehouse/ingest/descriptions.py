"""What the mapper reads of each resource type, and which of it differs from line to line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

JSON: Final = "JSON"
_REFERENCE: Final = "STRUCT(reference JSON)"
_TIMES: Final = ("Instant", "Timing", "Age", "Range", "String")
_VALUES: Final = ("CodeableConcept", "Coding", "Boolean", "Integer", "Decimal", "String")
_OTHER_VALUES: Final = ("Range", "Ratio", "SampledData", "Time", "DateTime", "Date", "Period", "Uri", "Attachment", "Reference")
_ALL_VALUES: Final = ("Quantity", *_VALUES, *_OTHER_VALUES)


@dataclass(frozen=True, slots=True)
class Description:
    """How lines of one type are taken apart. Members that are not named here are not read by the mapper."""

    subject: str
    """The member that refers to the Patient."""
    said: Mapping[str, str]
    """Members that make the skeleton, each with the SQL type that it is read as: all of it (`JSON`), or what the mapper reads."""
    moments: tuple[str, ...] = ()
    """Members that hold a date or time."""
    periods: tuple[str, ...] = ()
    """Paths of Periods."""
    quantity: str = ""
    """A member that holds a Quantity whose number differs."""
    numbered: str = ""
    """A member in which numbers called ``value`` differ."""
    rare: tuple[str, ...] = ()
    """Members that send a line to the mapper when they are there."""


def _json(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, JSON)


def _choice(name: str) -> tuple[str, ...]:
    return tuple(name + kind for kind in _TIMES)


def _performers(element: str, kind: str, actor: str) -> dict[str, str]:
    return {element: f"STRUCT({kind} JSON, {actor} {_REFERENCE})[]"}


DESCRIPTIONS: Final[Mapping[str, Description]] = {
    "Observation": Description(
        "subject",
        _json("status", "category", "code", "dataAbsentReason", *(f"value{kind}" for kind in _VALUES)),
        ("effectiveDateTime", "issued"),
        ("effectivePeriod",),
        quantity="valueQuantity",
        numbered="component",
        rare=(*_choice("effective"), *(f"value{kind}" for kind in _OTHER_VALUES), *(f"_value{kind}" for kind in _ALL_VALUES)),
    ),
    "Condition": Description(
        "subject",
        _json("clinicalStatus", "verificationStatus", "category", "code", *_choice("onset"), *_choice("abatement")),
        ("onsetDateTime", "abatementDateTime", "recordedDate"),
        ("onsetPeriod", "abatementPeriod"),
    ),
    "Encounter": Description(
        "subject",
        _json("status", "class", "type", "reasonCode") | _performers("participant", "type", "individual"),
        periods=("period",),
        rare=("actualPeriod", "reason"),
    ),
    "Procedure": Description(
        "subject",
        _json("status", "statusReason", "category", "code", "reasonCode", *_choice("performed"))
        | _performers("performer", "function", "actor"),
        ("performedDateTime", "recorded"),
        ("performedPeriod",),
        rare=("reason", *(f"occurrence{kind}" for kind in ("DateTime", "Period", *_TIMES))),
    ),
    "MedicationRequest": Description(
        "subject",
        _json("status", "statusReason", "intent", "doNotPerform", "category", "performerType", "reasonCode", "medicationCodeableConcept")
        | {
            "medicationReference": _REFERENCE,
            "dosageInstruction": "STRUCT(timing STRUCT(repeat STRUCT(boundsPeriod JSON)))[]",
        },
        ("authoredOn",),
        ("dispenseRequest.validityPeriod",),
        rare=("medication", "reason", "contained"),
    ),
    "Immunization": Description(
        "patient",
        _json("status", "statusReason", "vaccineCode", "reasonCode", *_choice("occurrence"))
        | _performers("performer", "function", "actor"),
        ("occurrenceDateTime", "recorded"),
        ("occurrencePeriod",),
        rare=("reason",),
    ),
    "DiagnosticReport": Description(
        "subject",
        _json("status", "category", "code", "conclusionCode", *_choice("effective")),
        ("effectiveDateTime", "issued"),
        ("effectivePeriod",),
    ),
}
"""Resource type → how it is read. Other types go through the mapper line by line."""
