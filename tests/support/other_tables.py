"""One resource of each kind that the synthetic population lacks or hardly has, in the shapes that its mapping tells apart."""

from collections.abc import Iterator
from typing import Any, Final

from rules.facts import ROLES, TABLES

Json = dict[str, Any]

_CODE: Final = {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]}
_OTHER: Final = {"coding": [{"system": "http://snomed.info/sct", "code": "195967001"}]}
_TEXT: Final = {"text": "in words only"}
_DENIED: Final = {"coding": [{"system": "http://loinc.org", "code": "LA32-8"}]}
_START, _END = "2026-05-04T09:30:00-05:00", "2026-06-01"
_PERIODS: Final[tuple[Json | None, ...]] = (
    None,
    {},
    {"start": _START},
    {"end": _END},
    {"start": _START, "end": _END},
    {"start": "2026-06", "end": "2026-01-01"},
)
_SOMEBODY: Final[Json] = {"reference": "Practitioner/1"}
_RELATIVE: Final[Json] = {"reference": "RelatedPerson/1"}


def _taking_part(kind: str, actor: str, said: Any, other: Any, untold: Any) -> tuple[list[Json], ...]:
    """Performers who say what they are, say something else, say it in words or not at all, and those who need not."""
    return (
        [{kind: said}],
        [{kind: other, actor: _SOMEBODY}, {kind: said}],
        [{kind: said}, {kind: untold}],
        [{kind: said}, {actor: _SOMEBODY}],
        [{actor: _RELATIVE}, {kind: other}],
        [{kind: said, actor: _RELATIVE}],
        [{actor: _RELATIVE}],
    )


_PERFORMERS: Final = _taking_part("function", "actor", _CODE, _OTHER, _TEXT)
_THO: Final = "http://terminology.hl7.org/CodeSystem"


def _facts(table: str) -> Iterator[str]:
    """What a rule can ask about a table, as YAML."""
    every = ", ".join(sorted(TABLES[table].known))
    yield f"{table} exists: {{exists: {table}, code: diabetes}}"
    yield f"{table} at all: {{count: {table}, status: [{every}], within: 2 years}}"
    yield f"{table} days: {{time since latest: {table}, status: [{every}], in: days}}"
    yield f"{table} ended: {{exists: {table}, status: [{every}], within: 3 months, timing: ends}}"
    yield f"{table} going on: {{exists: {table}, status: [{every}], within: 1 week, timing: overlaps}}"
    yield f"{table} inside: {{exists: {table}, status: [{every}], within: 3 months, timing: inside}}"
    yield f"{table} covered: {{days covered: {table}, status: [{every}], within: 3 months}}"
    for role in ROLES:
        codes = _ROLES.get(role, "diabetes")
        yield f"{table} {role}: {{exists: {table}, status: [{every}], {role}: {codes}}}"
    yield f"{table} answer: {{latest: {table}, question: permission, status: [{every}]}}"


_ROLES: Final = {
    "class": "{act-code: [AMB]}",
    "intent": '{"http://hl7.org/fhir/request-intent": [order]}',
    "verification": '{"http://terminology.hl7.org/CodeSystem/condition-ver-status": [confirmed], '
    '"http://terminology.hl7.org/CodeSystem/allergyintolerance-verification": [confirmed]}',
}
OTHER_TABLES_RULE: Final = "\n".join(
    [
        "questions:",
        "  permission:",
        "    code: {snomed: ['44054006']}",
        "    answers:",
        '      "yes": {"http://hl7.org/fhir/consent-provision-type": [permit], loinc: [LA33-6], goal-status: [active]}',
        '      "no": {"http://hl7.org/fhir/consent-provision-type": [deny], loinc: [LA32-8], goal-status: [rejected]}',
        "facts:",
        *(f"  {line}" for table in TABLES for line in _facts(table)),
        "when: {any: [" + ", ".join(f"{table} exists" for table in TABLES) + "]}",
    ]
)
"""A rule with every kind of fact over every table."""


def _verified(kind: str) -> Iterator[Json]:
    """Clinical status beside verification status, each present, absent or strange."""
    name = {"Condition": "condition", "AllergyIntolerance": "allergyintolerance"}[kind]
    verification = f"{_THO}/{name}-{'ver-status' if kind == 'Condition' else 'verification'}"
    for clinical in ("active", "resolved", "strange", None):
        for verified in ("confirmed", "refuted", "strange", None):
            found: Json = {"code": _CODE, "recordedDate": "2026-05-01"}
            if clinical:
                found["clinicalStatus"] = {"coding": [{"system": f"{_THO}/{name}-clinical", "code": clinical}]}
            if verified:
                found["verificationStatus"] = {"coding": [{"system": verification, "code": verified}]}
            yield found
    for when in ({"onsetPeriod": p} for p in _PERIODS if p):
        yield {"code": _CODE, "clinicalStatus": {"coding": [{"code": "active"}]}, **when}
    yield {"code": _CODE, "clinicalStatus": {"coding": [{"code": "active"}]}, "onsetAge": {"value": 40, "unit": "a"}}
    yield {"code": _TEXT, "clinicalStatus": {"coding": [{"code": "active"}]}}
    yield {"clinicalStatus": {"coding": [{"code": "active"}]}}


def _with(base: Json, **choices: tuple[Any, ...]) -> Iterator[Json]:
    """The base, and the base with one element changed; ``None`` leaves it out."""
    yield base
    for name, values in choices.items():
        for value in values:
            yield {k: v for k, v in {**base, name: value}.items() if v is not None}


def _requests() -> Iterator[tuple[str, Json]]:
    base = {"status": "active", "intent": "order", "authoredOn": _START}
    reasons = ([_CODE], [_OTHER], [_TEXT])
    authored: tuple[Any, ...] = ("2026", None)
    for found in _with(
        base | {"code": _CODE},
        status=("draft", "revoked", "unknown", "strange", None),
        intent=("plan", "strange", None),
        authoredOn=authored,
        doNotPerform=(True, False),
        category=([_CODE], [_TEXT]),
        reasonCode=reasons,
        performerType=(_CODE, _OTHER, _TEXT),
        code=(_TEXT, None),
    ):
        yield "ServiceRequest", found
    for found in _with(
        base | {"code": _CODE, "status": "requested"},
        status=("rejected", "on-hold", "active"),
        statusReason=(_CODE,),
        reasonCode=(_CODE, _TEXT),
        performerType=([_CODE], [_OTHER, _CODE], [_TEXT]),
        authoredOn=authored,
    ):
        yield "Task", found
    for found in _with(
        base | {"medicationCodeableConcept": _CODE},
        medicationCodeableConcept=(_OTHER, _TEXT, None),
        status=("completed", "stopped", "unknown"),
        doNotPerform=(True,),
        dispenseRequest=tuple({"validityPeriod": p} for p in _PERIODS if p),
        dosageInstruction=(
            [{"timing": {"repeat": {"boundsPeriod": {"start": _START, "end": "2026-06-29"}}}}],
            [{"timing": {"repeat": {"boundsPeriod": {"end": "2026-03"}}}}, {"timing": {"repeat": {"boundsPeriod": {"end": "2026-06-10"}}}}],
            [{"timing": {"repeat": {"boundsPeriod": {"end": "2026-03"}}}}, {"text": "for ever"}],
        ),
        statusReason=(_CODE,),
        reasonCode=reasons,
        category=([_CODE],),
        performerType=(_CODE, _OTHER),
    ):
        yield "MedicationRequest", found
    # Not compared: a medication that is contained. cql-exec-fhir gives whatever is contained the type Resource, which has no code.
    yield "MedicationRequest", base | {"medicationReference": {"reference": "#m"}}


def _medications() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "completed", "medicationCodeableConcept": _CODE, "whenHandedOver": _START},
        status=("declined", "preparation", "unknown"),
        whenHandedOver=("2026-06", None),
        whenPrepared=("2026-05-01",),
        daysSupply=tuple(
            {"value": value, **more}
            for value, more in (
                (30, {}),
                (29.5, {"unit": "days"}),
                (28, {"system": "http://unitsofmeasure.org", "code": "d"}),
                (4, {"unit": "weeks"}),
                (30, {"comparator": "<"}),
                (0, {}),
                (10_000, {}),
                (9_999, {}),
            )
        ),
        statusReasonCodeableConcept=(_CODE,),
        category=(_CODE,),
        performer=_PERFORMERS,
    ):
        yield "MedicationDispense", found
    for found in _with(
        {"status": "active", "medicationCodeableConcept": _CODE, "dateAsserted": "2026-05-01"},
        status=("completed", "not-taken", "unknown"),
        effectivePeriod=_PERIODS[1:],
        effectiveDateTime=("2026-04",),
        statusReason=([_CODE],),
        reasonCode=([_CODE],),
        category=(_CODE,),
        dateAsserted=(None,),
    ):
        yield "MedicationStatement", found


def _immunizations() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "completed", "vaccineCode": _CODE, "occurrenceDateTime": _START},
        status=("not-done", "entered-in-error", "strange"),
        occurrenceDateTime=("2026", None),
        recorded=("2026-05-01",),
        statusReason=(_CODE,),
        reasonCode=([_CODE],),
        performer=_PERFORMERS,
        vaccineCode=(_TEXT, None),
    ):
        yield "Immunization", found


def _coverages() -> Iterator[tuple[str, Json]]:
    for found in _with({"status": "active", "type": _CODE}, status=("cancelled", None), period=_PERIODS):
        yield "Coverage", found


def _appointments() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "booked", "start": _START, "participant": []},
        status=("noshow", "cancelled", "strange"),
        start=(None, "2026-05-01T08:00:00Z"),
        end=("2026-05-01T09:00:00Z", "2026-05-20T09:00:00Z"),
        serviceType=([_CODE],),
        appointmentType=(_CODE,),
        serviceCategory=([_CODE],),
        cancelationReason=(_CODE,),
        reasonCode=([_CODE],),
        created=("2026-04-01",),
        participant=_taking_part("type", "actor", [_CODE], [_OTHER], [_TEXT]),
    ):
        yield "Appointment", found


def _communications() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "completed", "topic": _CODE, "sent": _START},
        status=("not-done", "unknown"),
        sent=(None, "2026-06-03T23:30:00-05:00"),
        received=("2026-05-01",),
        statusReason=(_CODE,),
        reasonCode=([_CODE],),
        category=([_CODE],),
    ):
        yield "Communication", found


def _consents() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "active", "scope": _CODE, "category": [_OTHER], "dateTime": _START, "provision": {"type": "permit"}},
        status=("rejected", "strange"),
        dateTime=("2026", None),
        category=([_CODE], [_TEXT]),
        policyRule=(_DENIED,),
        provision=(
            None,
            {"type": "deny"},
            {"type": "strange"},
            {"type": "permit", "provision": [{"type": "deny"}]},
            *({"type": "permit", "period": p} for p in _PERIODS[1:]),
        ),
    ):
        yield "Consent", found


def _careplans() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "active", "intent": "order", "category": [_CODE]},
        status=("completed", "revoked", "unknown"),
        intent=("plan", "strange"),
        period=_PERIODS[1:],
        created=("2026-05-01",),
    ):
        yield "CarePlan", found


def _reports() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "final", "code": _CODE, "effectiveDateTime": _START},
        status=("preliminary", "unknown"),
        effectiveDateTime=(None, "2026-06"),
        issued=("2026-05-01T00:00:00Z",),
        conclusionCode=([_DENIED], [_TEXT]),
        category=([_CODE],),
        code=(_TEXT, None),
    ):
        yield "DiagnosticReport", found
    for period in _PERIODS[1:]:
        yield "DiagnosticReport", {"status": "final", "code": _CODE, "effectivePeriod": period}


def _goals() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"lifecycleStatus": "active", "description": _CODE, "startDate": "2026-05-01"},
        lifecycleStatus=("rejected", "strange"),
        startDate=(None, "2026"),
        statusDate=("2026-04-01",),
        category=([_CODE],),
        description=(_TEXT, None),
    ):
        yield "Goal", found


def _programmes() -> Iterator[tuple[str, Json]]:
    for found in _with(
        {"status": "active", "type": [_CODE]},
        status=("finished", "cancelled", "planned", "strange", None),
        type=([_OTHER, _CODE], [_TEXT], None),
        period=_PERIODS[1:],
    ):
        yield "EpisodeOfCare", found


def _forms() -> Iterator[tuple[str, Json]]:
    """Items nested four deep, repeated, named by definition or by the form, with wrong check digits and every kind of answer."""
    deep: Json = {"linkId": "/44054-4", "answer": [{"valueBoolean": True}]}
    for level in range(3):
        answered = {"linkId": f"level {level}", "answer": [{"valueString": "so", "item": [deep]}]}
        deep = answered if level % 2 else {"linkId": "group", "item": [deep]}
    items: list[Json] = [
        {"linkId": "/4548-4", "answer": [{"valueDecimal": 7.5}, {"valueInteger": 8}]},
        {"linkId": "/4548-4", "answer": [{"valueQuantity": {"value": 9, "unit": "%"}}]},
        {"linkId": "/4548-5", "answer": [{"valueDecimal": 7.5}]},
        {"linkId": "q", "definition": "http://loinc.org/4548-4", "answer": [{"valueQuantity": {"value": 53, "code": "mmol/mol"}}]},
        {"linkId": "44054006", "answer": [{"valueCoding": _DENIED["coding"][0]}]},
        {"linkId": "/88122-7", "answer": [{"valueCoding": {"system": f"{_THO}/data-absent-reason", "code": "unknown"}}]},
        deep,
    ]
    for chosen in (*([item] for item in items), items):
        for authored in ("2026-05-01T10:00:00Z", "2026", None):
            form = {"status": "completed", "questionnaire": "http://snomed.info/sct|1", "authored": authored, "item": chosen}
            yield "QuestionnaireResponse", {k: v for k, v in form.items() if v is not None}
    yield "QuestionnaireResponse", {"status": "strange", "item": items}


def _observations() -> Iterator[tuple[str, Json]]:
    base = {"status": "final", "code": _CODE, "effectiveDateTime": _START}
    number = {"value": 7, "unit": "percent", "system": "http://unitsofmeasure.org", "code": "%"}
    for found in _with(
        base | {"valueQuantity": number},
        valueQuantity=(
            number | {"comparator": "<"},
            {"unit": "%"},
            number | {"code": " MG/DL "},
            number | {"system": "urn:other", "code": "x"},
        ),
        status=("cancelled", "unknown", "strange", None),
        dataAbsentReason=(_CODE,),
        effectiveDateTime=(None, "2026-06-30T23:59:59.999+14:00", "2026-07-01T00:00:00-05:00", "2026-06-30"),
        issued=("2026-05-01T00:00:00Z",),
        code=(_TEXT, None),
    ):
        yield "Observation", found
    for period in _PERIODS[1:]:
        yield "Observation", {"status": "final", "code": _CODE, "effectivePeriod": period, "valueBoolean": True}
    yield "Observation", {"status": "final", "code": _CODE, "effectiveInstant": _START, "valueInteger": 3}
    yield "Observation", {"status": "final", "code": _CODE, "effectiveTiming": {"event": [_START]}, "valueString": "so"}
    bounds = {"repeat": {"boundsPeriod": {"start": "2026-05", "end": _END}}}
    yield "Observation", {"status": "final", "code": _CODE, "effectiveTiming": bounds, "valueCodeableConcept": _DENIED}
    times: list[Json] = [{"performedDateTime": "2026-05"}, *({"performedPeriod": p} for p in _PERIODS[1:]), {"performedString": "once"}]
    for when in times:
        for status in ("completed", "in-progress", "not-done"):
            yield "Procedure", {"status": status, "code": _CODE, **when}
    for performers in _PERFORMERS:
        yield "Procedure", {"status": "completed", "code": _CODE, "performedDateTime": _START, "performer": performers}
    for participants in _taking_part("type", "individual", [_CODE], [_OTHER], [_TEXT]):
        yield "Encounter", {"status": "finished", "period": {"start": _START}, "class": {"code": "AMB"}, "participant": participants}
    for period in _PERIODS:
        for status in ("finished", "in-progress", "unknown"):
            visit: Json = {"status": status, "type": [_CODE], "class": {"code": "AMB"}}
            yield "Encounter", visit if period is None else visit | {"period": period}


_SUBJECTS: Final = {"Task": "for", "Coverage": "beneficiary"} | dict.fromkeys(
    ("Immunization", "AllergyIntolerance", "Consent", "EpisodeOfCare"), "patient"
)


def resource_for(patient: str, kind: str, found: Json, *, updated: bool) -> Json:
    """The resource, about a patient."""
    who = {"reference": f"Patient/{patient}"}
    about = (
        {"participant": [*found.get("participant", ()), {"actor": who}]} if kind == "Appointment" else {_SUBJECTS.get(kind, "subject"): who}
    )
    meta = {"meta": {"lastUpdated": "2026-06-20T12:00:00.5+02:00"}} if updated else {}
    return {"resourceType": kind, "id": f"{patient}-1", **meta, **found, **about}


def other_tables() -> Iterator[tuple[str, Json]]:
    """Every kind of resource and what it says."""
    yield from (("Condition", found) for found in _verified("Condition"))
    yield from (("AllergyIntolerance", found) for found in _verified("AllergyIntolerance"))
    yield from _requests()
    yield from _medications()
    yield from _immunizations()
    yield from _coverages()
    yield from _appointments()
    yield from _communications()
    yield from _consents()
    yield from _careplans()
    yield from _reports()
    yield from _goals()
    yield from _programmes()
    yield from _forms()
    yield from _observations()
