"""The value of an observation, of one of its components, or of a questionnaire's answer."""

from math import isfinite
from typing import Any, Final, NamedTuple

from fhir_adapters.codes import DATA_ABSENT, NO, UCUM, YES, read_codes, read_coding
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Coding
from rules.units import canonical


class Measured(NamedTuple):
    """What was found: coded answers, or a number with its unit. All empty: no usable value."""

    answers: tuple[Coding, ...] = ()
    value: float | None = None
    unit: str | None = None


NOTHING: Final = Measured()
_DIMENSIONLESS: Final = "1"
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_CHOICES: Final = frozenset(
    f"value{kind}"
    for kind in (
        *("Quantity", "CodeableConcept", "Boolean", "Integer", "Coding", "Decimal"),
        *("String", "Range", "Ratio", "SampledData", "Time", "DateTime", "Date", "Period", "Uri", "Attachment", "Reference"),
    )
)


def read_value(reading: Reading, element: Json, path: str) -> Measured:
    """``value[x]`` of ``element``. Text, ranges, times and the like exist but are no value that a rule can use."""
    present = [name for name in _CHOICES.intersection(element) if element[name] is not None]
    if not present:
        return NOTHING
    if len(present) > 1 or element.get("dataAbsentReason") is not None:
        reading.bad(f"{path}value[x]", Reason.MORE_THAN_ONE if len(present) > 1 else Reason.CONTRADICTION)
        return NOTHING
    name = present[0]
    reader = _READERS.get(name)
    return reader(reading, element[name], path + name) if reader else NOTHING


def absent(element: Json) -> tuple[Coding, ...]:
    """Why ``value[x]`` is empty, as the extension data-absent-reason on it says (``_valueBoolean``, or inside a concept)."""
    for name, content in element.items():
        if name.startswith(("_value", "value")) and isinstance(content, dict):
            extensions = content.get("extension")
            for item in extensions if isinstance(extensions, list) else []:
                code = item.get("valueCode") if isinstance(item, dict) and item.get("url") == _ABSENT else None
                if isinstance(code, str):
                    return (Coding(DATA_ABSENT, code),)
    return ()


def _concept(reading: Reading, value: Any, path: str) -> Measured:
    return Measured(answers=read_codes(reading, value, path).found)


def _coding(reading: Reading, value: Any, path: str) -> Measured:
    coding = read_coding(reading, value, path)
    return NOTHING if coding is None else Measured(answers=(coding,))


def _boolean(reading: Reading, value: Any, path: str) -> Measured:
    if not isinstance(value, bool):
        reading.bad(path, Reason.WRONG_TYPE)
        return NOTHING
    return Measured(answers=(YES if value else NO,))


def _plain_number(reading: Reading, value: Any, path: str) -> Measured:
    return Measured(value=_number(reading, value, path), unit=_DIMENSIONLESS)


def read_quantity(reading: Reading, value: Any, path: str) -> Measured:
    """A Quantity: its number and UCUM unit; neither if it cannot be read, no number if it has a comparator."""
    if not isinstance(value, dict):
        reading.bad(path, Reason.NOT_AN_OBJECT)
        return NOTHING
    coded = value.get("system") == UCUM and value.get("code") is not None
    unit = value["code"] if coded else value.get("unit")
    if not (unit is None or isinstance(unit, str)):
        reading.bad(f"{path}.{'code' if coded else 'unit'}", Reason.WRONG_TYPE)
        return NOTHING
    number = _number(reading, value.get("value"), f"{path}.value")
    # "< 5" is not 5: which side of a threshold it lies on cannot be told in general.
    return Measured(value=None if value.get("comparator") is not None else number, unit=canonical(unit))


def _number(reading: Reading, value: Any, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        reading.bad(path, Reason.WRONG_TYPE)
        return None
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        reading.bad(path, Reason.NOT_A_NUMBER)
        return None
    return number


_READERS: Final = {
    "valueQuantity": read_quantity,
    "valueCodeableConcept": _concept,
    "valueCoding": _coding,
    "valueBoolean": _boolean,
    "valueInteger": _plain_number,
    "valueDecimal": _plain_number,
}
