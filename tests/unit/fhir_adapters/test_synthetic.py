"""The synthetic population: reproducible, valid, streamed, about as many of each kind as said, and flawed as said."""

import gc
import re
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhir_adapters.synthetic import CANARY, RESOURCE_TYPES, population, write_ndjson

AS_OF = date(2026, 6, 30)
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def registry() -> list[Resource]:
    return list(population(3000, 7, AS_OF))


def of_type(registry: list[Resource], kind: str) -> list[Resource]:
    return [r for r in registry if r["resourceType"] == kind]


def lines(people: int, seed: int = 7, as_of: date = AS_OF) -> list[bytes]:
    return [orjson.dumps(r) for r in population(people, seed, as_of)]


def codings(node: object) -> Iterator[Resource]:
    if isinstance(node, dict):
        if "system" in node and "code" in node:
            yield node
        for child in node.values():
            yield from codings(child)
    elif isinstance(node, list):
        for child in node:
            yield from codings(child)


def codes(resource: Resource, element: str = "code") -> set[str]:
    return {c["code"] for c in codings(resource.get(element))}


def asks(registry: list[Resource], code: str) -> list[Resource]:
    return [r for r in of_type(registry, "Observation") if code in codes(r)]


def ages(registry: list[Resource]) -> dict[str, int]:
    """Age in years by Patient reference, where the birth date is known to the day."""
    full = [p for p in of_type(registry, "Patient") if len(p.get("birthDate", "")) == 10]
    return {f"Patient/{p['id']}": (AS_OF - date.fromisoformat(p["birthDate"])).days * 100 // 36525 for p in full}


# --- reproducible ---------------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert lines(60) == lines(60)


def test_another_seed_or_day_gives_another_population() -> None:
    assert lines(20) != lines(20, seed=8)
    assert lines(20) != lines(20, as_of=AS_OF + timedelta(days=1))


@pytest.mark.parametrize("people", [1, 2, 3, 50])
def test_fewer_people_are_a_beginning_of_more_people(people: int) -> None:
    few, many = lines(people), lines(500)
    assert many[: len(few)] == few


def test_every_machine_makes_these_bytes() -> None:
    """Benchmarks and pages quote figures of this population: whoever changes the generator changes this digest, and them."""
    assert sha256(b"\n".join(lines(100))).hexdigest() == "d7682db1ab8ef285f92dbbd74ea0775499108836d99946a7f0520ef3e15ac2f9"


# --- streamed -------------------------------------------------------------------------------------------------------------


def test_the_first_people_of_a_billion_come_at_once() -> None:
    assert len(list(islice(population(10**9, 7, AS_OF), 100))) == 100


def test_memory_stays_flat() -> None:
    next(population(1, 7, AS_OF))
    gc.collect()
    tracemalloc.start()
    try:
        for _ in population(400, 7, AS_OF):
            pass
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


# --- size -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [0, 1, 17, 300])
def test_exactly_so_many_people_with_ids_of_their_own(people: int) -> None:
    ids = [p["id"] for p in of_type(list(population(people, 3, AS_OF)), "Patient")]
    assert len(ids) == len(set(ids)) == people


def test_a_negative_number_of_people_is_refused_before_the_first_is_drawn() -> None:
    with pytest.raises(ValueError, match="negative"):
        population(-1, 7, AS_OF)


# --- valid ----------------------------------------------------------------------------------------------------------------


def test_every_resource_is_valid_fhir() -> None:
    seen = set()
    for resource in population(300, 11, AS_OF):
        get_fhir_model_class(resource["resourceType"]).model_validate(orjson.loads(orjson.dumps(resource)))
        seen.add(resource["resourceType"])
    assert seen == set(RESOURCE_TYPES)


def test_ids_are_fhir_ids(registry: list[Resource]) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", r["id"]) for r in registry)


def test_conditions_keep_fhirs_constraints_on_statuses(registry: list[Resource]) -> None:
    for condition in of_type(registry, "Condition"):
        mistaken = "entered-in-error" in codes(condition, "verificationStatus")
        assert mistaken != ("clinicalStatus" in condition), "con-3 and con-5"
        assert "abatementDateTime" not in condition or codes(condition, "clinicalStatus") == {"resolved"}, "con-4"


def test_an_observation_has_a_value_parts_or_a_reason_for_neither(registry: list[Resource]) -> None:
    for observation in of_type(registry, "Observation"):
        assert any(key.startswith("value") or key in ("component", "dataAbsentReason") for key in observation)


def test_references_lead_somewhere_but_for_the_orphan(registry: list[Resource]) -> None:
    known = {f"{r['resourceType']}/{r['id']}" for r in registry}
    lost = set(re.findall(r'"reference":"([^"]+)"', orjson.dumps(registry).decode())) - known
    assert len(lost) == 1
    assert len([r for r in registry if r.get("subject", {}).get("reference") in lost]) == 1


def test_a_patient_comes_before_its_events(registry: list[Resource]) -> None:
    seen = set()
    for resource in registry:
        if resource["resourceType"] == "Patient":
            seen.add(f"Patient/{resource['id']}")
        elif not resource["id"].endswith("-orphan"):
            assert (resource.get("subject") or resource["for"])["reference"] in seen


# --- codes ----------------------------------------------------------------------------------------------------------------

_VERHOEFF_TIMES = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]
_VERHOEFF_MOVES = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    _VERHOEFF_MOVES.append([_VERHOEFF_MOVES[-1][digit] for digit in _VERHOEFF_MOVES[1]])


def verhoeff(code: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _VERHOEFF_TIMES[check][_VERHOEFF_MOVES[place % 8][int(digit)]]
    return check == 0


def mod10(number: str) -> int:
    doubled = [int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(reversed(number))]
    return -sum(d // 10 + d % 10 for d in doubled) % 10


def loinc_check(code: str) -> int:
    """The check digit: answer codes (LA…) differ from plain ones by a constant, see the design's list of codes."""
    digits = code.removeprefix("LA").split("-")[0]
    shift = 0 if digits == code.split("-")[0] else (2 if len(digits) % 2 else 5)
    return (mod10(digits) + shift) % 10


def test_every_code_has_the_right_check_digit(registry: list[Resource]) -> None:
    used = {(c["system"], c["code"]) for c in codings(registry)}
    loinc = {code for system, code in used if system == LOINC}
    snomed = {code for system, code in used if system == SNOMED}
    assert {"88122-7", "96778-6", "93025-5", "44261-6", "4548-4", "85354-9", "39156-5"} <= loinc
    assert {"44054006", "195967001", "13645005", "733423003", "410606002", "1078229009"} <= snomed
    assert [code for code in loinc if loinc_check(code) != int(code[-1])] == []
    assert [code for code in snomed if not verhoeff(code)] == []


def test_a_code_has_one_display(registry: list[Resource]) -> None:
    displays = defaultdict(set)
    for c in codings(registry):
        if "display" in c:
            displays[c["system"], c["code"]].add(c["display"])
    assert [key for key, words in displays.items() if len(words) > 1] == []


# --- people ---------------------------------------------------------------------------------------------------------------


def test_every_name_number_and_address_carries_the_canary(registry: list[Resource]) -> None:
    for patient in of_type(registry, "Patient"):
        assert CANARY in patient["name"][0]["family"]
        assert CANARY in patient["identifier"][0]["value"]
        assert all(CANARY in a["line"][0] for a in patient.get("address", []))
        assert all(CANARY in t["value"] or re.fullmatch(r"\d{3}-555-01\d\d", t["value"]) for t in patient.get("telecom", []))


def test_households_share_an_address(registry: list[Resource]) -> None:
    families = Counter(p["name"][0]["family"] for p in of_type(registry, "Patient"))
    homes = defaultdict(set)
    for patient in of_type(registry, "Patient"):
        for address in patient.get("address", []):
            homes[patient["name"][0]["family"]].add((address["line"][0].lower(), address["postalCode"]))
    assert 2.4 < 3000 / len(families) < 2.8
    assert max(families.values()) <= 6
    assert all(len(places) == 1 for places in homes.values())
    assert len(set.union(*homes.values())) == len(homes)


def test_people_are_as_varied_as_said(registry: list[Resource]) -> None:
    patients = of_type(registry, "Patient")
    children = [age for age in ages(registry).values() if age < 18]
    languages = Counter(c["language"]["coding"][0]["code"] for p in patients for c in p.get("communication", []))
    births = Counter(len(p.get("birthDate", "")) for p in patients)
    races = Counter(len([r for r in codings(e) if "code" in r]) for p in patients for e in p["extension"] if e["url"].endswith("race"))
    assert 0.2 < len(children) / 3000 < 0.4
    assert 0.08 < 1 - languages["en"] / languages.total() < 0.16
    assert {"es", "zh", "vi", "ar"} <= set(languages)
    assert all(births[length] > 3 for length in (0, 4, 7, 10))
    assert races[1] > races[2] > 50
    assert any("interpreter" in e["url"] for p in patients for e in p["extension"])
    assert 5 < sum("address" not in p for p in patients) < 100
    assert {"deceasedBoolean", "deceasedDateTime"} <= {key for p in patients for key in p}


# --- rates ----------------------------------------------------------------------------------------------------------------


def share(part: int, whole: int) -> float:
    assert whole > 50
    return part / whole


def diagnosed(registry: list[Resource], name: str) -> set[str]:
    believed = [c for c in of_type(registry, "Condition") if not codes(c, "verificationStatus") & {"refuted", "entered-in-error"}]
    return {c["subject"]["reference"] for c in believed if c["id"].endswith(f"-{name}")}


def test_how_common_the_diagnoses_are(registry: list[Resource]) -> None:
    age = ages(registry)
    adults, children = {p for p in age if age[p] >= 18}, {p for p in age if age[p] < 18}
    assert 0.08 < share(len(diagnosed(registry, "diabetes") & adults), len(adults)) < 0.14
    assert 0.06 < share(len(diagnosed(registry, "asthma") & children), len(children)) < 0.13
    assert not diagnosed(registry, "copd") & children


def test_a_quarter_of_people_with_diabetes_is_above_nine_percent(registry: list[Resource]) -> None:
    people = diagnosed(registry, "diabetes")
    tested = [r for r in asks(registry, "4548-4") if r["subject"]["reference"] in people and r["id"].endswith("-a1c-0")]
    values = [r["valueQuantity"]["value"] for r in tested if r.get("valueQuantity", {}).get("unit") == "%"]
    assert 0.15 < share(sum(v > 9 for v in values), len(values)) < 0.37


def test_hba1c_values_fit_their_units(registry: list[Resource]) -> None:
    values = defaultdict(list)
    for result in asks(registry, "4548-4") + asks(registry, "17856-6"):
        if "valueQuantity" in result:
            values[result["valueQuantity"].get("unit")].append(result["valueQuantity"]["value"])
    assert all(4 <= v <= 14 for v in values["%"])
    assert all(20 <= v <= 130 for v in values["mmol/mol"])
    assert len(values["%"]) > len(values["mmol/mol"]) > len(values["mg/dL"]) + len(values[None]) > 0


def test_screening_covers_some_six_in_ten_within_a_year(registry: list[Resource]) -> None:
    recent = {
        r["subject"]["reference"]
        for r in of_type(registry, "Encounter")
        if "-screening-" in r["id"] and AS_OF - timedelta(days=365) <= date.fromisoformat(r["meta"]["lastUpdated"][:10]) <= AS_OF
    }
    assert 0.52 < share(len(recent), 3000) < 0.68


def test_how_many_are_at_risk(registry: list[Resource]) -> None:
    food = Counter(next(iter(codes(r, "valueCodeableConcept"))) for r in asks(registry, "88124-3"))
    assert 0.09 < share(food["LA19952-3"], food.total()) < 0.19
    damp = {"LA28580-1", "LA31998-0", "LA32001-2"}
    screened, bad = set(), set()
    for answer in asks(registry, "96778-6"):
        screened.add(answer["subject"]["reference"])
        if damp & codes(answer, "valueCodeableConcept"):
            bad.add(answer["subject"]["reference"])
    assert 0.05 < share(len(bad), len(screened)) < 0.15


def test_members_of_a_household_mostly_agree_about_their_home(registry: list[Resource]) -> None:
    said = defaultdict(set)
    for answer in asks(registry, "96778-6"):
        household = answer["subject"]["reference"].rpartition("m")[0]
        said[household].add(
            (answer["subject"]["reference"], bool({"LA28580-1", "LA31998-0", "LA32001-2"} & codes(answer, "valueCodeableConcept")))
        )
    shared = [v for v in said.values() if len({person for person, _ in v}) > 1]
    damp = [v for v in shared if any(wet for _, wet in v)]
    assert share(sum({p for p, wet in v if wet} == {p for p, _ in v} for v in damp), len(damp)) > 0.5


def test_half_of_those_at_risk_want_help_and_few_others(registry: list[Resource]) -> None:
    wishes = {
        g["subject"]["reference"]: g["lifecycleStatus"] not in ("rejected", "entered-in-error")
        for g in of_type(registry, "Goal")
        if g["id"].endswith("food-goal")
    }
    risk = {r["subject"]["reference"]: "LA19952-3" in codes(r, "valueCodeableConcept") for r in asks(registry, "88124-3")}
    hungry, fed = [p for p in risk if risk[p]], [p for p in risk if not risk[p]]
    assert 0.40 < share(sum(wishes.get(p, False) for p in hungry), len(hungry)) < 0.65
    assert 0.05 < share(sum(wishes.get(p, False) for p in fed), len(fed)) < 0.14
    assert any(wishes.get(p) is False for p in hungry)


def test_a_tenth_of_phq9_totals_is_ten_or_more(registry: list[Resource]) -> None:
    firsts = [r for r in asks(registry, "44261-6") if r["id"].endswith("phq9-0")]
    totals = [r.get("valueQuantity", {}).get("value", r.get("valueInteger", r.get("valueString"))) for r in firsts]
    assert 0.05 < share(sum(int(t) >= 10 for t in totals), len(totals)) < 0.14
    assert {"valueQuantity", "valueInteger"} <= {key for r in firsts for key in r}
    assert any("unit" not in r.get("valueQuantity", {"unit": 1}) for r in firsts)


def test_poorer_areas_are_hungrier(registry: list[Resource]) -> None:
    area = {f"Patient/{p['id']}": p["address"][0]["postalCode"] for p in of_type(registry, "Patient") if "address" in p}
    found = defaultdict(list)
    for answer in asks(registry, "88124-3"):
        if answer["subject"]["reference"] in area:
            found[area[answer["subject"]["reference"]] > "00005"].append("LA19952-3" in codes(answer, "valueCodeableConcept"))
    assert sum(found[True]) / len(found[True]) > sum(found[False]) / len(found[False])


# --- flaws ----------------------------------------------------------------------------------------------------------------


def has(kind: str, test: Callable[[Resource], bool]) -> Callable[[list[Resource]], bool]:
    return lambda registry: any(test(r) for r in of_type(registry, kind))


FLAWS: dict[str, Callable[[list[Resource]], bool]] = {
    "observation entered in error": has("Observation", lambda r: r["status"] == "entered-in-error"),
    "observation amended": has("Observation", lambda r: r["status"] == "amended"),
    "observation without a date": has("Observation", lambda r: "effectiveDateTime" not in r),
    "year only": has("Observation", lambda r: len(r.get("effectiveDateTime", "")) == 4),
    "year and month": has("Observation", lambda r: len(r.get("effectiveDateTime", "")) == 7),
    "east of Greenwich": has("Observation", lambda r: r.get("effectiveDateTime", "").endswith("+01:00")),
    "west of Greenwich": has("Observation", lambda r: r.get("effectiveDateTime", "").endswith("-05:00")),
    "in the future": has("Observation", lambda r: r.get("effectiveDateTime", "")[:10] > AS_OF.isoformat()),
    "no lastUpdated": has("Observation", lambda r: "lastUpdated" not in r["meta"]),
    "value absent": has("Observation", lambda r: "dataAbsentReason" in r),
    "answer refused": has("Observation", lambda r: "LA15775-2" in codes(r, "valueCodeableConcept")),
    "PRAPARE not answered": has("Observation", lambda r: "LA30122-8" in codes(r, "component")),
    "questionnaire only": has("QuestionnaireResponse", lambda r: r["item"][0]["linkId"] == "/88122-7"),
    "refuted": has("Condition", lambda r: codes(r, "verificationStatus") == {"refuted"}),
    "condition entered in error": has("Condition", lambda r: codes(r, "verificationStatus") == {"entered-in-error"}),
    "unconfirmed": has("Condition", lambda r: codes(r, "verificationStatus") == {"unconfirmed"}),
    "resolved": has("Condition", lambda r: "abatementDateTime" in r),
    "onset unknown but recorded": has("Condition", lambda r: "recordedDate" in r and not any(k.startswith("onset") for k in r)),
    "onset in part": has("Condition", lambda r: 3 < len(r.get("onsetDateTime", "")) < 10),
    "text only": has("Condition", lambda r: "coding" not in r["code"]),
    "referral on hold": has("ServiceRequest", lambda r: r["status"] == "on-hold"),
    "referral revoked": has("ServiceRequest", lambda r: r["status"] == "revoked"),
    "referral completed": has("ServiceRequest", lambda r: r["status"] == "completed"),
    "partner at capacity": has("Task", lambda r: r.get("statusReason") == {"text": "At capacity"}),
    "visit planned": has("Encounter", lambda r: r["status"] == "planned"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_flawed_on_purpose(registry: list[Resource], flaw: str) -> None:
    assert FLAWS[flaw](registry)


def test_some_answers_contradict_each_other(registry: list[Resource]) -> None:
    answers: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for answer in asks(registry, "88122-7") + asks(registry, "96778-6"):
        question, answered = min(codes(answer)), codes(answer, "valueCodeableConcept")
        answers[question, answer["subject"]["reference"], answer["issued"]] |= answered
    assert any(given >= {"LA9-3", "LA28580-1"} for given in answers.values()), "none of the above, and mold"
    assert any(len(given) > 1 for (question, _, _), given in answers.items() if question == "88122-7")


def test_some_resources_come_twice_but_few(registry: list[Resource]) -> None:
    times = Counter((r["resourceType"], r["id"]) for r in registry)
    assert set(times.values()) == {1, 2}
    assert 0 < sum(n == 2 for n in times.values()) < len(registry) / 200


def test_simultaneous_answers_about_the_home_share_their_date(registry: list[Resource]) -> None:
    places = defaultdict(list)
    for answer in asks(registry, "96778-6"):
        places[answer["id"].rpartition("-")[0]].append(answer)
    several = [answers for answers in places.values() if len({a["id"] for a in answers}) > 1]
    assert several
    assert all(a.get("effectiveDateTime") == b.get("effectiveDateTime") for group in several for a, b in pairwise(group))


def test_a_completed_task_says_what_was_done(registry: list[Resource]) -> None:
    for task in of_type(registry, "Task"):
        assert ("output" in task) == (task["status"] == "completed")
        assert ("statusReason" in task) == (task["status"] in ("rejected", "cancelled", "on-hold", "failed"))
        assert task["focus"]["reference"].startswith("ServiceRequest/")


# --- files ----------------------------------------------------------------------------------------------------------------


def test_files_hold_the_population_one_resource_a_line(tmp_path: Path) -> None:
    counts = write_ndjson(tmp_path / "made", 40, 7, AS_OF)
    written = {}
    for kind in RESOURCE_TYPES:
        rows = (tmp_path / "made" / f"{kind}.ndjson").read_bytes().split(b"\n")
        assert rows.pop() == b""
        written[kind] = rows
    assert counts == {kind: len(rows) for kind, rows in written.items()}
    assert sorted(row for rows in written.values() for row in rows) == sorted(lines(40))
    assert all(orjson.loads(row)["resourceType"] == kind for kind, rows in written.items() for row in rows)


def test_every_file_is_there_even_without_people(tmp_path: Path) -> None:
    assert write_ndjson(tmp_path, 0, 7, AS_OF) == dict.fromkeys(RESOURCE_TYPES, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{kind}.ndjson" for kind in RESOURCE_TYPES]
    assert all(p.stat().st_size == 0 for p in tmp_path.iterdir())


@pytest.mark.parametrize(("people", "heard"), [(0, []), (20, [20]), (1000, [1000]), (1010, [1000, 1010])])
def test_progress_is_told(tmp_path: Path, people: int, heard: list[int]) -> None:
    told: list[int] = []
    write_ndjson(tmp_path, people, 7, AS_OF, told.append)
    assert told == heard
