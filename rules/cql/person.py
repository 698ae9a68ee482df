"""Facts about the person."""

from typing import Final

from rules.cql.places import days_of
from rules.cql.text import identifier
from rules.ir import Bound, PatientFact

_TEXTS: Final = {
    "birth": 'if start of "person: birth" = end of "person: birth" then ToString(start of "person: birth") else null',
    "sex": "if Patient.gender.value in {'male', 'female', 'other'} then Patient.gender.value else null",
    "deceased": '"person: deceased"',
    "language": '"person: language"',
    "postcode": '"person: postcode"',
}


def patient_text(fact: PatientFact) -> str:
    """A fact about the person; null if it is not known, or the day on which it is asked for is not."""
    return _age(fact.on or Bound()) if fact.attribute == "age" else _TEXTS[fact.attribute]


def _age(on: Bound) -> str:
    age = f'AgeOn("person: birth", {days_of(on)})'
    return f"if {identifier(f'{on.anchor}: day')} is null then null else {age}" if on.anchor else age
