"""Four facts about each social domain: which statement decides, what is stale, and what stays visible beside it."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from fhir_adapters.codes import loinc_item
from fhir_adapters.dataset import records_from_resources
from fhir_adapters.directory_source import read_directory
from fhir_adapters.gravity import CATEGORIES, DOMAINS
from fhir_adapters.social import Aspect, SocialFact, State, crosswalk, social_facts
from fhir_adapters.social.__main__ import main
from rules.errors import RuleError
from rules.facts import TABLES, PersonRecord
from rules.units import LOINC

AS_OF = date(2024, 6, 1)
YEAR = timedelta(days=365)
FOOD = "food-insecurity"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
THO = "http://terminology.hl7.org/CodeSystem"
Json = dict[str, Any]


def concept(code: str, system: str = LOINC) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def domain(code: str) -> Json:
    return concept(code, CATEGORIES)


def resource(kind: str, id: str, **elements: Any) -> Json:
    who = "patient" if kind == "Consent" else "subject"
    return {"resourceType": kind, "id": id, who: {"reference": "Patient/p"}} | elements


def answer(id: str, question: str, *codes: str, on: str = "2024-05-01", **elements: Any) -> Json:
    parts = [{"valueCodeableConcept": concept(code)} for code in codes]
    whole = {"code": concept(question), "status": "final", "effectiveDateTime": on} | (parts[0] if len(parts) == 1 else {})
    if len(parts) > 1:
        whole |= {"code": concept("93025-5"), "component": [{"code": concept(question)} | part for part in parts]}
    return resource("Observation", id, **whole | elements)


def problem(id: str, **elements: Any) -> Json:
    said = {"code": concept("Z59.41", "http://hl7.org/fhir/sid/icd-10-cm"), "recordedDate": "2024-05-01"}
    return resource("Condition", id, **said | {"clinicalStatus": concept("active", f"{THO}/condition-clinical")} | elements)


def verified(code: str) -> Json:
    return {"verificationStatus": concept(code, f"{THO}/condition-ver-status")}


def facts(*resources: Json, not_loaded: frozenset[str] = frozenset(), as_of: date = AS_OF) -> dict[tuple[str, Aspect], SocialFact]:
    record = records_from_resources([{"resourceType": "Patient", "id": "p"}, *resources], "p", not_loaded)
    return social_facts(record, as_of, stale_after=YEAR)


def states(*resources: Json, of: str = FOOD) -> tuple[State, ...]:
    found = facts(*resources)
    return tuple(found[of, aspect].state for aspect in (Aspect.RISK, Aspect.NEED, Aspect.DESIRE, Aspect.CONSENT))


NOTHING = (State.NOT_ASKED,) * 4


def only(aspect: Aspect, state: State) -> tuple[State, ...]:
    return tuple(state if one is aspect else State.NOT_ASKED for one in (Aspect.RISK, Aspect.NEED, Aspect.DESIRE, Aspect.CONSENT))


# ---------------------------------------------------------------- silence


def test_every_domain_has_four_facts_even_of_nobody_asked() -> None:
    found = facts()
    assert len(found) == len(DOMAINS) * 4
    assert {fact.state for fact in found.values()} == {State.NOT_ASKED}


@pytest.mark.requirement("gravity:conf-8")
@pytest.mark.parametrize(
    ("aspect", "table"),
    [(Aspect.RISK, "observations"), (Aspect.NEED, "conditions"), (Aspect.DESIRE, "goals"), (Aspect.CONSENT, "consents")],
)
def test_what_was_not_loaded_is_unknown_not_unasked(aspect: Aspect, table: str) -> None:
    found = facts(not_loaded=frozenset({table}))
    assert found[FOOD, aspect].state is State.UNKNOWN
    assert table in found[FOOD, aspect].not_loaded


def test_what_could_not_be_read_is_unknown_not_unasked() -> None:
    assert facts(resource("Observation", "o", code="?", status="final"))[FOOD, Aspect.RISK].state is State.UNKNOWN


# ---------------------------------------------------------------- what each carrier says


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("LA28397-0", State.POSITIVE),
        ("LA6729-3", State.POSITIVE),
        ("LA28398-8", State.NEGATIVE),
        ("LA30122-8", State.DECLINED),
        ("LA15775-2", State.UNKNOWN),
        ("LA9-3", State.UNKNOWN),
    ],
)
def test_code_and_answer_decide(code: str, state: State) -> None:
    assert states(answer("o", "88122-7", code)) == only(Aspect.RISK, state)


def test_one_code_means_two_things_in_two_instruments() -> None:
    prapare, ahc = (facts(answer("o", "71802-3", code)) for code in ("LA30190-5", "LA31994-9"))
    assert (prapare["homelessness", Aspect.RISK].state, prapare["housing-instability", Aspect.RISK].state) == (
        State.POSITIVE,
        State.NOT_ASKED,
    )
    assert (ahc["homelessness", Aspect.RISK].state, ahc["housing-instability", Aspect.RISK].state) == (State.NEGATIVE, State.POSITIVE)


@pytest.mark.requirement("gravity:conf-9")
@pytest.mark.parametrize(
    ("reason", "state"), [("asked-declined", State.DECLINED), ("not-asked", State.NOT_ASKED), ("unknown", State.UNKNOWN)]
)
def test_why_there_is_no_answer(reason: str, state: State) -> None:
    absent = {"dataAbsentReason": concept(reason, f"{THO}/data-absent-reason")}
    assert states(answer("o", "88122-7", **absent)) == only(Aspect.RISK, state)


def test_a_number_decides_by_its_threshold() -> None:
    sums = {value: facts(answer("o", "95614-4", valueQuantity={"value": value})) for value in (10, 11)}
    assert [sums[value]["intimate-partner-violence", Aspect.RISK].state for value in (10, 11)] == [State.NEGATIVE, State.POSITIVE]


def test_what_was_named_tells_of_what_was_not() -> None:
    found = facts(answer("o", "93031-3", "LA30125-1", "LA30126-9"))
    told = {name: found[name, Aspect.RISK].state for name in (FOOD, "material-hardship", "utility-insecurity")}
    assert told == {FOOD: State.POSITIVE, "material-hardship": State.POSITIVE, "utility-insecurity": State.NEGATIVE}


@pytest.mark.parametrize(
    ("elements", "risk", "need"),
    [
        ({}, State.NOT_ASKED, State.POSITIVE),
        (verified("unconfirmed"), State.POSITIVE, State.UNKNOWN),
        (verified("refuted"), State.NOT_ASKED, State.NEGATIVE),
        (verified("entered-in-error"), State.NOT_ASKED, State.NOT_ASKED),
        ({"clinicalStatus": concept("resolved", f"{THO}/condition-clinical")}, State.NOT_ASKED, State.NEGATIVE),
        ({"abatementDateTime": "2024-05-20"}, State.NOT_ASKED, State.NEGATIVE),
        ({"clinicalStatus": None}, State.NOT_ASKED, State.UNKNOWN),
        ({"code": {"text": "hungry"}, "category": [domain(FOOD)]}, State.NOT_ASKED, State.POSITIVE),
    ],
)
def test_a_problem_is_a_need_once_it_is_confirmed(elements: Json, risk: State, need: State) -> None:
    assert states(problem("c", **elements))[:2] == (risk, need)


def test_a_reassuring_finding_says_that_there_is_no_need_while_it_lasts() -> None:
    employed = {"code": concept("160903007", "http://snomed.info/sct")}
    assert states(problem("c", **employed), of="employment-status")[1] is State.NEGATIVE
    assert states(problem("c", **employed, abatementDateTime="2024-05-20"), of="employment-status") == NOTHING


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", State.POSITIVE),
        ("completed", State.POSITIVE),
        ("rejected", State.DECLINED),
        ("proposed", State.UNKNOWN),
        ("cancelled", State.UNKNOWN),
        ("entered-in-error", State.NOT_ASKED),
    ],
)
def test_a_goal_is_a_wish(status: str, state: State) -> None:
    goal = resource("Goal", "g", lifecycleStatus=status, description={"text": "eat"}, category=[domain(FOOD)], startDate="2024-05-01")
    assert states(goal) == only(Aspect.DESIRE, state)


def test_some_questions_ask_for_the_wish_itself() -> None:
    found = facts(answer("o", "96780-2", "LA31983-2"))
    assert (found["employment-status", Aspect.DESIRE].state, found["employment-status", Aspect.RISK].state) == (
        State.NEGATIVE,
        State.NOT_ASKED,
    )


@pytest.mark.parametrize(
    ("elements", "state"),
    [
        ({}, State.POSITIVE),
        ({"status": "draft"}, State.NOT_ASKED),
        ({"intent": "proposal"}, State.NOT_ASKED),
        ({"doNotPerform": True}, State.NOT_ASKED),
        ({"status": "revoked"}, State.NOT_ASKED),
    ],
)
def test_who_was_referred_had_a_need(elements: Json, state: State) -> None:
    order = {"status": "active", "intent": "order", "category": [domain(FOOD)], "authoredOn": "2024-05-01"}
    assert states(resource("ServiceRequest", "s", **order | elements)) == only(Aspect.NEED, state)


def consent(**elements: Any) -> Json:
    given = {"status": "active", "dateTime": "2024-05-01", "category": [concept("IDSCL", ACT)]}
    return resource("Consent", "k", **given | elements)


@pytest.mark.parametrize(
    ("elements", "state"),
    [
        ({"provision": {"type": "permit"}}, State.POSITIVE),
        ({"provision": {"type": "deny"}}, State.NEGATIVE),
        ({"policyRule": concept("hipaa-auth", f"{THO}/consentpolicycodes")}, State.POSITIVE),
        ({}, State.UNKNOWN),
        ({"status": "rejected", "provision": {"type": "permit"}}, State.DECLINED),
        ({"status": "inactive", "provision": {"type": "permit"}}, State.UNKNOWN),
        ({"status": "draft", "provision": {"type": "permit"}}, State.NOT_ASKED),
        ({"category": [concept("RESEARCH", ACT)], "provision": {"type": "permit"}}, State.NOT_ASKED),
        ({"provision": {"type": "permit", "period": {"start": "2024-01-01", "end": "2024-05-31"}}}, State.STALE),
        (
            {"dateTime": "2020-01-01", "provision": {"type": "permit", "period": {"start": "2020-01-01", "end": "2024-06-01"}}},
            State.POSITIVE,
        ),
    ],
)
def test_a_consent_holds_for_every_domain_as_long_as_it_says(elements: Json, state: State) -> None:
    found = facts(consent(**elements))
    assert {found[name, Aspect.CONSENT].state for name in DOMAINS} == {state}


# ---------------------------------------------------------------- which statement decides


def test_the_newest_decides_and_the_others_stay_visible() -> None:
    fact = facts(answer("new", "88122-7", "LA28398-8"), answer("old", "88122-7", "LA28397-0", on="2024-01-01"))[FOOD, Aspect.RISK]
    assert (fact.state, fact.by and fact.by.source, fact.by and fact.by.day) == (State.NEGATIVE, "Observation/new", date(2024, 5, 1))
    assert [(other.source, other.state) for other in fact.conflicts] == [("Observation/old", State.POSITIVE)]


def test_of_one_day_the_most_specific_decides() -> None:
    total = answer("total", "88124-3", "LA19983-8")
    fact = facts(answer("item", "88122-7", "LA28397-0"), total)[FOOD, Aspect.RISK]
    assert (fact.state, [other.source for other in fact.conflicts]) == (State.NEGATIVE, ["Observation/item"])


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ("LA28398-8", "LA6729-3", State.POSITIVE),
        ("LA28398-8", "LA28398-8", State.NEGATIVE),
        ("LA28398-8", "LA30122-8", State.DECLINED),
        ("LA28398-8", "LA15775-2", State.UNKNOWN),
    ],
)
def test_the_answers_of_one_screening_are_one_statement(first: str, second: str, state: State) -> None:
    fact = facts(answer("a", "88122-7", first), answer("b", "88123-5", second))[FOOD, Aspect.RISK]
    assert (fact.state, fact.conflicts) == (state, ())


def test_a_question_that_nobody_can_read_says_that_something_was_asked() -> None:
    odd = answer("odd", "63503-7", "LA48-4", on="2024-05-20", category=[domain("social-connection")])
    assert states(odd, of="social-connection") == only(Aspect.RISK, State.UNKNOWN)
    assert states(odd, answer("o", "93029-7", "LA27722-0"), of="social-connection") == only(Aspect.RISK, State.POSITIVE)


def test_a_finding_may_be_observed_to_be_so_or_not() -> None:
    seen = {"code": concept("160695008", "http://snomed.info/sct"), "valueCodeableConcept": None}
    for value, state in ((True, State.POSITIVE), (False, State.NEGATIVE)):
        found = facts(answer("o", "88122-7", **seen, valueBoolean=value))
        assert found["transportation-insecurity", Aspect.RISK].state is found["financial-insecurity", Aspect.RISK].state is state


def test_of_two_questions_on_one_day_the_one_that_was_answered_decides() -> None:
    unsaid, safe = answer("z", "71802-3", "LA9-3"), answer("a", "93033-9", "LA32-8")
    fact = facts(unsaid, safe)["housing-instability", Aspect.RISK]
    assert (fact.state, fact.by and fact.by.source) == (State.NEGATIVE, "Observation/a")


def test_stale_after_the_period_that_the_caller_gives() -> None:
    on_the_day, day_before = (facts(answer("o", "88122-7", "LA28397-0", on=on))[FOOD, Aspect.RISK] for on in ("2023-06-02", "2023-06-01"))
    assert (on_the_day.state, day_before.state, day_before.was) == (State.POSITIVE, State.STALE, State.POSITIVE)


def test_a_stale_statement_is_no_conflict() -> None:
    fact = facts(answer("new", "88122-7", "LA28398-8"), answer("old", "88122-7", "LA28397-0", on="2020-01-01"))[FOOD, Aspect.RISK]
    assert fact.conflicts == ()


def test_what_came_or_was_recorded_later_is_not_known_yet() -> None:
    late = answer("o", "88122-7", "LA28397-0", issued="2024-06-02T00:00:00Z")
    future = answer("f", "88122-7", "LA28397-0", on="2024-06-02")
    assert states(late, future) == NOTHING
    assert facts(late, future, as_of=date(2024, 6, 2))[FOOD, Aspect.RISK].state is State.POSITIVE


@pytest.mark.parametrize(("status", "state"), [("cancelled", State.NOT_ASKED), ("preliminary", State.NOT_ASKED), (None, State.UNKNOWN)])
def test_only_answers_that_count(status: str | None, state: State) -> None:
    assert states(answer("o", "88122-7", "LA28397-0", status=status)) == only(Aspect.RISK, state)


# ---------------------------------------------------------------- standards' examples and made-up people


@pytest.mark.requirement("gravity:conf-7")
def test_gravity_examples_tell_risk_wish_and_consent_apart(shared_data: Path) -> None:
    (record,) = read_directory(shared_data / "gravity-examples").records
    found = social_facts(record, date(2021, 6, 1), stale_after=2 * YEAR)
    assert [found[FOOD, aspect].state for aspect in Aspect] == [State.POSITIVE, State.UNKNOWN, State.POSITIVE, State.POSITIVE]
    assert found["homelessness", Aspect.RISK].state is State.POSITIVE
    (said_otherwise,) = {statement.source.split("/")[0] for statement in found[FOOD, Aspect.RISK].conflicts}
    assert said_otherwise in ("Observation", "QuestionnaireResponse")


def test_prapare_of_synthetic_people_is_risk_and_their_problems_are_needs(shared_data: Path) -> None:
    records = read_directory(shared_data / "synthea" / "sdoh").records
    counts: Counter[tuple[str, Aspect, State]] = Counter()
    for record in records:
        for (name, aspect), fact in social_facts(record, date(2023, 10, 3), stale_after=200 * YEAR).items():
            counts[name, aspect, fact.state] += 1
            assert fact.state is not State.STALE
    assert len(records) - counts[FOOD, Aspect.RISK, State.NOT_ASKED] == 17
    assert counts[FOOD, Aspect.RISK, State.DECLINED] >= 9
    assert counts["stress", Aspect.NEED, State.POSITIVE] + counts["stress", Aspect.NEED, State.NEGATIVE] == 16
    assert counts[FOOD, Aspect.NEED, State.NOT_ASKED] == 22


def test_the_table_of_a_folder(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(shared_data / "gravity-examples"), "2021-06-01", "730"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:3] == ["domain", "aspect", "positive"]
    assert any(line.split()[:3] == [FOOD, "risk", "1"] for line in out.splitlines())
    assert main(["x"]) == 2
    assert main([str(shared_data / "nowhere"), "2021-06-01", "730"]) == 3


def test_a_table_partly_read_is_named_beside_the_fact() -> None:
    record = records_from_resources([{"resourceType": "Patient", "id": "p"}, problem("c")], "p", {"referrals"})
    fact = social_facts(record, AS_OF, stale_after=YEAR)[FOOD, Aspect.NEED]
    assert (fact.state, fact.not_loaded) == (State.POSITIVE, ("referrals",))


def test_the_order_of_events_does_not_matter() -> None:
    resources = [answer("a", "88122-7", "LA28397-0"), answer("b", "88123-5", "LA28398-8"), problem("c"), consent()]
    record = records_from_resources([{"resourceType": "Patient", "id": "p"}, *resources], "p", ())
    turned: PersonRecord = replace(record, events=record.events[::-1])
    assert social_facts(record, AS_OF, stale_after=YEAR) == social_facts(turned, AS_OF, stale_after=YEAR)


# ---------------------------------------------------------------- the crosswalk


def test_every_question_of_the_crosswalk_is_a_loinc_code_and_every_status_is_known() -> None:
    codes = crosswalk()
    assert {coding.code for coding in codes.questions} == {loinc_item(coding.code) for coding in codes.questions}
    assert all(meaning.positive | meaning.negative or meaning.at_least for said in codes.questions.values() for meaning in said)
    assert not [m for said in codes.questions.values() for m in said if m.positive & m.negative]
    assert "observations" in TABLES


def test_mistakes_in_a_crosswalk_are_told_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    meaning = "{positiv: LA1, aspect: need, at-least: many, negative: [LA2]}"
    path.write_text(f"questions:\n  g:\n    88122-7:\n      food-insecurty: {meaning}\nfindings: none\n")
    with pytest.raises(RuleError) as error:
        crosswalk(path)
    told = [(d.span.line, d.span.column, d.code) for d in error.value.diagnostics]
    assert told == [(4, 7, "ALM522"), (4, 24, "ALM520"), (4, 46, "ALM522"), (4, 62, "ALM523"), (4, 78, "ALM521"), (5, 11, "ALM521")]
    assert "did you mean 'food-insecurity'?" in str(error.value)
