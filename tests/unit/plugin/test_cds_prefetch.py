"""Prefetch templates come from what the rules read."""

from dataclasses import replace
from datetime import date

from plugin.cds.prefetch import PATIENT, Template, templates
from rules.facts import TABLES, Coding
from rules.ir import EventFact, PatientFact, Program, Series
from rules.pack import BUILT_IN, load_packs

HBA1C = Coding("http://loinc.org", "4548-4")
AGE = PatientFact("age", "age", "number")


def fact(name: str, *tables: str, codes: frozenset[Coding] | None = None) -> EventFact:
    return EventFact(name, "exists", "yes/no", Series(tables, codes))


def keys(*facts: EventFact | PatientFact) -> dict[str, Template]:
    return {template.key: template for template in templates([Program(facts, (), ())])}


def test_without_events_only_the_patient_is_asked_for() -> None:
    assert templates([Program((AGE,), (), ())]) == (Template("patient", "Patient", "Patient/{{context.patientId}}", None),)


def test_each_table_that_is_read_has_a_search() -> None:
    found = keys(fact("a", "encounters", "procedures"), fact("b", "referrals"), fact("c", "tasks"), fact("d", "goals"))
    assert [template.query for template in found.values()][1:] == [
        f"{name}?patient={{{{context.patientId}}}}" for name in ("Encounter", "Goal", "Procedure", "ServiceRequest", "Task")
    ]
    assert found["serviceRequest"].table == "referrals"


def test_observations_are_asked_for_by_code() -> None:
    other = Coding("http://snomed.info/sct", "44054006")
    found = keys(fact("a", "observations", codes=frozenset({other, HBA1C})), fact("b", "conditions", codes=frozenset({other})))
    assert found["observation"].query == (
        "Observation?patient={{context.patientId}}&code=http://loinc.org|4548-4,http://snomed.info/sct|44054006"
    )
    assert found["condition"].query == "Condition?patient={{context.patientId}}"


def test_what_comes_as_a_component_is_asked_for_by_its_panel() -> None:
    systolic = Coding("http://loinc.org", "8480-6")
    query = keys(fact("a", "observations", codes=frozenset({systolic})))["observation"].query
    assert query.endswith("&code=http://loinc.org|8480-6,http://loinc.org|85354-9")


def test_a_template_as_a_search_of_our_own() -> None:
    recent = Template("x", "Encounter", "Encounter?patient={{context.patientId}}&date=ge{{today() - 90 days}}", "encounters", 90)
    assert recent.parameters("p1", date(2026, 6, 30)) == (("patient", "p1"), ("date", "ge2026-04-01"))
    assert (recent.is_safe, PATIENT.is_safe) == (False, True)
    assert PATIENT.parameters("p1", date(2026, 6, 30)) == ()
    assert (
        replace(recent, days=10**7, query=recent.query.replace("90", str(10**7))).parameters("p", date(2026, 6, 30))[1][1] == "ge0001-01-01"
    )


def test_a_rule_that_reads_any_observation_asks_for_all() -> None:
    found = keys(fact("a", "observations", codes=frozenset({HBA1C})), fact("b", "observations"))
    assert found["observation"].query == "Observation?patient={{context.patientId}}"


def test_questionnaire_responses_add_to_the_observations_but_do_not_make_them_complete() -> None:
    found = keys(fact("a", "observations"))
    assert found["observation"].table == "observations"
    assert found["questionnaireResponse"].table is None


def test_dispenses_and_statements_add_to_the_medications_but_do_not_make_them_complete() -> None:
    found = keys(fact("a", "medications"))
    assert {key: template.table for key, template in found.items() if key != "patient"} == {
        "medicationDispense": None,
        "medicationRequest": "medications",
        "medicationStatement": None,
    }


def test_nothing_is_asked_for_that_no_rule_reads() -> None:
    read = {table for pack in load_packs(BUILT_IN) for series in pack.program.series() for table in series.tables}
    types = {name for table in read for name in TABLES[table].resource_types}
    assert {template.resource_type for template in templates(pack.program for pack in load_packs(BUILT_IN))} == types | {"Patient"}
    assert "MedicationRequest" not in types


def test_the_templates_of_the_packs_are_safe_for_version_2() -> None:
    programs = [pack.program for pack in load_packs(BUILT_IN)]
    found = templates(programs)
    assert [template.key for template in found][:2] == ["patient", "condition"]
    assert len({template.key for template in found}) == len(found)
    assert all(template.query.count("{{") == 1 and "{{context.patientId}}" in template.query for template in found)
    assert templates([*programs, *programs]) == found
    assert templates([replace(program, facts=program.facts[::-1]) for program in programs]) == found
