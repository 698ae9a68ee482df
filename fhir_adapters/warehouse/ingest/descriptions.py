"""What the mapper reads of each resource type, and which of it differs from line to line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import UNSET, Raw, Struct, UnsetType

NOTHING: Final = Raw(b"")
"""Stands for a member that is not there."""


class Reference(Struct, omit_defaults=True, gc=False):
    """Of a Reference what it leads to."""

    reference: Raw = NOTHING


class Participant(Struct, omit_defaults=True, gc=False):
    """Who took part in an encounter: ``individual`` in R4, ``actor`` in R5."""

    type: Raw = NOTHING
    individual: Reference | UnsetType = UNSET
    actor: Reference | UnsetType = UNSET


class Performer(Struct, omit_defaults=True, gc=False):
    """Who did something, and as what."""

    function: Raw = NOTHING
    actor: Reference | UnsetType = UNSET


class _Repeat(Struct, omit_defaults=True, gc=False):
    boundsPeriod: Raw = NOTHING


class _Timing(Struct, omit_defaults=True, gc=False):
    repeat: _Repeat | UnsetType = UNSET


class Part(Struct, omit_defaults=True, gc=False):
    """Of a component what it is about."""

    code: Raw = NOTHING


class Dosage(Struct, omit_defaults=True, gc=False):
    """Of a dosage how long it is to be taken."""

    timing: _Timing | UnsetType = UNSET


QUANTITY: Final = ("comparator", "unit", "system", "code", "extension")
"""What the mapper reads of a Quantity, beside its number."""
_TIMES: Final = ("Instant", "Timing", "Age", "Range", "String")
_VALUES: Final = ("CodeableConcept", "Coding", "Boolean", "Integer", "Decimal", "String")
_OTHER_VALUES: Final = ("Range", "Ratio", "SampledData", "Time", "DateTime", "Date", "Period", "Uri", "Attachment", "Reference")
_ALL_VALUES: Final = ("Quantity", *_VALUES, *_OTHER_VALUES)


@dataclass(frozen=True, slots=True)
class Description:
    """How lines of one type are taken apart. Members that are not named here are not read by the mapper."""

    subject: str
    """The member that refers to the Patient."""
    said: tuple[str, ...]
    """Members that make the skeleton, all of them."""
    shapes: Mapping[str, Any] = field(default_factory=dict)
    """Members that make the skeleton, but for what the mapper does not read of them, and whom they refer to; each with its type."""
    moments: tuple[str, ...] = ()
    """Members that hold a date or time."""
    periods: tuple[str, ...] = ()
    """Paths of Periods."""
    quantity: str = ""
    """A member that holds a Quantity whose number differs."""
    numbered: str = ""
    """A member that makes the skeleton, but for the numbers called ``value`` in it, which differ."""
    medication: str = ""
    """A member that refers to a Medication, which differs."""
    rare: tuple[str, ...] = ()
    """Members that send a line to the mapper when they are there."""
    about: tuple[str, ...] = ()
    """Members that alone decide which codes its events have (together with those of ``parts``)."""
    parts: str = ""
    """A list of what has events of its own, coded by a ``code`` each."""
    elsewhere: tuple[str, ...] = ()
    """Members that say that the codes may stand somewhere else."""


def _choice(name: str) -> tuple[str, ...]:
    return tuple(name + kind for kind in _TIMES)


DESCRIPTIONS: Final[Mapping[str, Description]] = {
    "Observation": Description(
        "subject",
        ("status", "category", "code", "dataAbsentReason", *(f"value{kind}" for kind in _VALUES)),
        moments=("effectiveDateTime", "issued"),
        periods=("effectivePeriod",),
        quantity="valueQuantity",
        numbered="component",
        rare=(*_choice("effective"), *(f"value{kind}" for kind in _OTHER_VALUES), *(f"_value{kind}" for kind in _ALL_VALUES)),
        about=("code",),
        parts="component",
    ),
    "Condition": Description(
        "subject",
        ("clinicalStatus", "verificationStatus", "category", "code", *_choice("onset"), *_choice("abatement")),
        moments=("onsetDateTime", "abatementDateTime", "recordedDate"),
        periods=("onsetPeriod", "abatementPeriod"),
        about=("code",),
    ),
    "Encounter": Description(
        "subject",
        ("status", "class", "type", "reasonCode"),
        {"participant": list[Participant]},
        periods=("period",),
        rare=("actualPeriod", "reason"),
        about=("class", "type"),
    ),
    "Procedure": Description(
        "subject",
        ("status", "statusReason", "category", "code", "reasonCode", *_choice("performed")),
        {"performer": list[Performer]},
        moments=("performedDateTime", "recorded"),
        periods=("performedPeriod",),
        rare=("reason", *(f"occurrence{kind}" for kind in ("DateTime", "Period", *_TIMES))),
        about=("code",),
    ),
    "MedicationRequest": Description(
        "subject",
        ("status", "statusReason", "intent", "doNotPerform", "category", "performerType", "reasonCode", "medicationCodeableConcept"),
        {"dosageInstruction": list[Dosage]},
        moments=("authoredOn",),
        periods=("dispenseRequest.validityPeriod",),
        medication="medicationReference",
        rare=("medication", "reason", "contained"),
        about=("medicationCodeableConcept",),
        elsewhere=("medication", "medicationReference"),
    ),
    "Immunization": Description(
        "patient",
        ("status", "statusReason", "vaccineCode", "reasonCode", *_choice("occurrence")),
        {"performer": list[Performer]},
        moments=("occurrenceDateTime", "recorded"),
        periods=("occurrencePeriod",),
        rare=("reason",),
        about=("vaccineCode",),
    ),
    "CarePlan": Description(
        "subject",
        ("status", "intent", "category"),
        moments=("created",),
        periods=("period",),
        about=("category",),
    ),
    "DiagnosticReport": Description(
        "subject",
        ("status", "category", "code", "conclusionCode", *_choice("effective")),
        moments=("effectiveDateTime", "issued"),
        periods=("effectivePeriod",),
        about=("code",),
    ),
}
"""Resource type → how it is read. Other types go through the mapper line by line."""


def leaves(description: Description) -> tuple[str, ...]:
    """The paths of all dates that differ; a Period's start stands before its end."""
    periods = (f"{path}.{part}" for path in description.periods for part in ("start", "end"))
    return (*description.moments, *periods, "meta.lastUpdated")


def parents(description: Description) -> tuple[str, ...]:
    """Members that hold a Period, and may be there without it."""
    return tuple(path.rpartition(".")[0] for path in description.periods if "." in path)


def amount(description: Description) -> str:
    """The path of the number of the quantity; empty if there is none."""
    return description.quantity and f"{description.quantity}.value"


def awaited(description: Description) -> str:
    """The path of the reference to a Medication; empty if there is none."""
    return description.medication and f"{description.medication}.reference"


def own(description: Description) -> Mapping[str, str]:
    """What differs from line to line, and may not be there: the name of its column, and its path."""
    found = {f"t{n}": path for n, path in enumerate(leaves(description), 1)}
    found |= {"amount": amount(description), "awaited": awaited(description)}
    return {name: path for name, path in found.items() if path}


def texts(description: Description) -> tuple[str, ...]:
    """The paths of what a skeleton holds as text."""
    quantity = (f"{description.quantity}.{part}" for part in QUANTITY if description.quantity)
    return (*description.said, *quantity, *description.shapes, *filter(None, [description.numbered]))
