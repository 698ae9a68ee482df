"""Pieces of resources that several tests need."""

from datetime import date
from typing import Any, Final

from rules.facts import DateRange

PATIENT: Final = {"reference": "Patient/p1"}


def concept(system: str, *codes: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def day(text: str) -> DateRange:
    return DateRange(date.fromisoformat(text), date.fromisoformat(text))


def until(text: str) -> DateRange:
    """Some day up to this one."""
    return DateRange(date.min, date.fromisoformat(text))


def some_day_from(text: str) -> DateRange:
    return DateRange(date.fromisoformat(text), date.max)
