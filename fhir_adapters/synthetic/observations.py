"""The frame of an Observation, and the everyday measurements: HbA1c, blood pressure, body mass index, smoking."""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Final

from fhir_adapters.synthetic.draws import Mix, bell
from fhir_adapters.synthetic.fragments import (
    LABORATORY,
    LOINC,
    SOCIAL_HISTORY,
    VITAL_SIGNS,
    Resource,
    absent,
    coding,
    concept,
    loinc,
    quantity,
    snomed,
    us_core,
)
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment, days_before, moment

_STATUS = Mix[str](("final", 955), ("amended", 18), ("corrected", 8), ("entered-in-error", 12), ("preliminary", 4), ("cancelled", 3))

_HBA1C: Final = coding(LOINC, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood")
_HBA1C_BY_HPLC: Final = coding(LOINC, "17856-6", "Hemoglobin A1c/Hemoglobin.total in Blood by HPLC")
_TEXT_ONLY_HBA1C: Final = {"text": "HbA1c"}
_HBA1C_FORM = Mix[str](("%", 830), ("mmol/mol", 125), ("mg/dL", 10), ("no unit", 15), ("unknown", 15), ("text", 5))
_HBA1C_HISTORY = Mix[str](("recent", 82), ("old", 10), ("never", 8))

_BLOOD_PRESSURE: Final = loinc("85354-9", "Blood pressure panel with all children optional")
_SYSTOLIC: Final = loinc("8480-6", "Systolic blood pressure")
_DIASTOLIC: Final = loinc("8462-4", "Diastolic blood pressure")
_BMI: Final = loinc("39156-5", "Body mass index (BMI) [Ratio]")
_SMOKING: Final = loinc("72166-2", "Tobacco smoking status")
_SMOKES: Final = snomed("449868002", "Current every day smoker")
_SMOKED: Final = snomed("8517006", "Former smoker")
_NEVER_SMOKED: Final = snomed("266919005", "Never smoker")


def observation(person: Resident, rng: Random, when: Moment, name: str, profile: str, category: list[Resource], code: Resource) -> Resource:
    """An Observation of ``person`` without its value. ``name`` makes the id unique within the person."""
    status = _STATUS.draw(rng)
    resource: Resource = {
        "resourceType": "Observation",
        "id": f"{person.id}-{name}",
        "meta": {"lastUpdated": when.instant, "profile": [profile]},
        "status": status,
        "category": category,
        "code": code,
        "subject": person.reference,
        **when.dated("effectiveDateTime"),
        "issued": when.instant,
    }
    if status in ("amended", "corrected"):
        later = person.soon_after(when.day, rng.randint(1, 20))
        resource["meta"]["lastUpdated"] = f"{later.isoformat()}T23:00:00Z"
    elif rng.random() < 0.02:
        resource["meta"] = {"profile": [profile]}
    return resource


def measurements(person: Resident, rng: Random) -> Iterator[Resource]:
    """What was measured: HbA1c for most people with diabetes and some without; the rest for most adults."""
    if person.diabetes or (person.adult and rng.random() < 0.12):
        yield from _hba1cs(person, rng)
    if not person.adult:
        return
    if rng.random() < 0.65:
        yield from _vital_signs(person, rng)
    if rng.random() < 0.6:
        yield _smoking(person, rng)


def _hba1cs(person: Resident, rng: Random) -> Iterator[Resource]:
    history = _HBA1C_HISTORY.draw(rng)
    if history == "never":
        return
    nearest, farthest = (0, 355) if history == "recent" else (375, 1100)
    usual = _ngsp(person, rng)
    for number in range(rng.choice((1, 1, 2, 3)) if person.diabetes else 1):
        day = days_before(rng, person.last_day, nearest + 120 * number, farthest + 120 * number)
        yield _hba1c(person, rng, person.after_birth(day), number, max(4.4, bell(rng, usual, 0.2)))


def _ngsp(person: Resident, rng: Random) -> float:
    """A person's usual HbA1c in percent; above 9 for about a quarter of those with diabetes, more if hungry."""
    if not person.diabetes:
        return bell(rng, 5.4, 0.25)
    return rng.triangular(5.6, 11.8, 6.8) + (0.5 if person.household.hungry else 0.0)


def _hba1c(person: Resident, rng: Random, day: date, number: int, percent: float) -> Resource:
    form = _HBA1C_FORM.draw(rng)
    code = _TEXT_ONLY_HBA1C if form == "text" else concept(_HBA1C if rng.random() < 0.85 else _HBA1C_BY_HPLC)
    when = moment(rng, day, person.household.offset)
    resource = observation(person, rng, when, f"a1c-{number}", us_core("observation-lab"), [LABORATORY], code)
    if form == "unknown":
        resource["dataAbsentReason"] = absent(rng.choice(("unknown", "error", "not-performed")))
    elif form == "mmol/mol":
        resource["valueQuantity"] = quantity(round(10.93 * percent - 23.5), "mmol/mol")
    else:
        resource["valueQuantity"] = quantity(round(percent, 1), {"no unit": None, "text": "%"}.get(form, form))
    return resource


def _vital_signs(person: Resident, rng: Random) -> Iterator[Resource]:
    when = moment(rng, person.after_birth(days_before(rng, person.last_day, 0, 700)), person.household.offset)
    pressure = observation(person, rng, when, "bp", us_core("blood-pressure"), [VITAL_SIGNS], _BLOOD_PRESSURE)
    systolic = round(bell(rng, 122 + person.age * 0.15 + 6 * person.household.deprivation, 14))
    pressure["component"] = [{"code": _SYSTOLIC, "valueQuantity": quantity(systolic, "mm[Hg]")}]
    if rng.random() < 0.98:
        pressure["component"].append({"code": _DIASTOLIC, "valueQuantity": quantity(round(systolic * 0.61), "mm[Hg]")})
    else:
        pressure["component"].append({"code": _DIASTOLIC, "dataAbsentReason": absent("unknown")})
    yield pressure
    if rng.random() < 0.85:
        index = observation(person, rng, when, "bmi", us_core("bmi"), [VITAL_SIGNS], _BMI)
        index["valueQuantity"] = quantity(round(max(15.0, bell(rng, 30.5 if person.diabetes else 26.5, 4.5)), 1), "kg/m2")
        yield index


def _smoking(person: Resident, rng: Random) -> Resource:
    when = moment(rng, person.after_birth(days_before(rng, person.last_day, 0, 900)), person.household.offset)
    resource = observation(person, rng, when, "smoking", us_core("smokingstatus"), [SOCIAL_HISTORY], _SMOKING)
    resource["valueCodeableConcept"] = _SMOKES if person.smoker else _SMOKED if rng.random() < 0.25 else _NEVER_SMOKED
    return resource
