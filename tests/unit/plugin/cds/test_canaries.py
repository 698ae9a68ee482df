"""Made-up people through the live path: a rule that went quiet is noticed, and what they leave behind counts for nothing."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.command_line import almoner_here
from support.worklist import application

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.smart import KeyRing
from plugin.cds.analytics.counting import Question, by_column, held_back
from plugin.cds.canaries.asking import Within
from plugin.cds.canaries.comparing import Run, run
from plugin.cds.canaries.people import Canary, read_canaries
from plugin.cds.clients.client import Client, clients
from plugin.cds.clients.profile import known_profiles, profile
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.opening import open_cds
from plugin.runtime import Runtime
from plugin.settings import CdsSettings, Settings
from plugin.store import open_store
from plugin.store.tables.cds import CARDS
from plugin.store.versions import ready
from plugin.sweep.published import Published
from rules.engines import engine
from rules.pack import BUILT_IN, Pack, load_packs

PREFIX = "almoner-canary-"
PACKS = load_packs(BUILT_IN)
RULES = ("diabetes-food-insecurity", "cold-damp-home-respiratory", "phq9-no-follow-up", "social-screening-overdue")


def sent(state: Path, packs: tuple[Pack, ...] = PACKS, kind: str = "generic", day: date = date(2026, 6, 30), **cds: Any) -> Run:
    """All canaries through a service in this process."""
    settings = Settings(state=state, as_of=day, cds=CdsSettings.model_validate(cds))
    store = ready(open_store(settings.database_url))
    service = open_cds(Runtime(settings, packs, engine("reference"), Published(state)), store)
    (found,) = clients(settings)
    client = Client(found.name, profile(kind), found.settings)
    outcome = run(Within(service, client), read_canaries(settings.cds.canary.people, PREFIX, day), packs, client.profile, day)
    store.close()
    return outcome


def changed(rule: str, **members: Any) -> tuple[Pack, ...]:
    """The shipped pack with one rule changed."""
    (pack,) = PACKS
    rules = tuple(replace(each, **members) if each.id.text == rule else each for each in pack.document.rules)
    return (replace(pack, document=replace(pack.document, rules=rules)),)


@pytest.mark.parametrize("kind", known_profiles())
def test_every_canary_gets_what_it_must_whoever_asks(kind: str, tmp_path: Path) -> None:
    assert sent(tmp_path, kind=kind).problems == ()


@pytest.mark.parametrize("day", [date(2027, 2, 28), date(2028, 2, 29), date(2028, 12, 31), date(2026, 3, 29)])
def test_on_every_day_the_same(day: date, tmp_path: Path) -> None:
    assert sent(tmp_path, day=day).problems == ()


def test_each_rule_is_guarded_by_one_who_gets_its_card_and_one_who_just_does_not() -> None:
    canaries = read_canaries(None, PREFIX, date(2026, 6, 30))
    for rule in RULES:
        assert any(rule in each.must for each in canaries)
        assert any(each.must_not == (rule,) for each in canaries), "as before, but for one thing"


def test_what_cannot_be_guarded_at_the_bedside_is_told(tmp_path: Path) -> None:
    """Who lives at the same address is not in the chart."""
    assert sent(tmp_path).unguarded == ("damp-home-child-prevent",)


@pytest.mark.parametrize("rule", RULES)
def test_hazard_h01_a_rule_whose_code_was_renamed_is_noticed(rule: str, tmp_path: Path) -> None:
    """The codes of the made-up chart, the way the rule's author knew them, and a pack that knows others."""
    text = Path(__file__).parents[4] / "plugin/cds/canaries/people.yaml"
    renamed = text.read_text(encoding="utf-8")
    for old, new in (("4548-4", "4548-9"), ("195967001", "999999999"), ("44261-6", "44261-9"), ("v3-ActCode", "v3-OtherCode")):
        renamed = renamed.replace(old, new)
    renamed = renamed.replace("class: {", "notTheClass: {").replace("status: finished", "status: cancelled")
    people = tmp_path / "people.yaml"
    people.write_text(renamed, encoding="utf-8")
    problems = sent(tmp_path, canary={"people": str(people)}).problems
    assert any(problem.endswith(f"no card of {rule}") for problem in problems)


def test_a_rule_that_speaks_where_it_must_not_is_noticed(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text(
        "hook: patient-view\npeople:\n  - {id: a, about: a visit, must not: [social-screening-overdue],"
        " patient: {birthDate: today-16000},\n"
        "     resources: [{resourceType: Encounter, id: v, status: finished, class: {code: AMB,"
        " system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode'}, period: {start: today-9, end: today-9}}]}\n",
        encoding="utf-8",
    )
    assert sent(tmp_path, canary={"people": str(people)}).problems == (f"{PREFIX}a (a visit): a card of social-screening-overdue",)


@pytest.mark.parametrize("status", ["silent", "draft", "retired"])
def test_a_rule_that_speaks_to_nobody_is_not_asked(status: str, tmp_path: Path) -> None:
    found = sent(tmp_path, changed(RULES[0], status=status))
    assert (found.problems, found.not_asked) == ((), (RULES[0],))


def test_pilots_trials_limits_and_memory_do_not_hide_a_rule(tmp_path: Path) -> None:
    rollouts = {RULES[0]: {"percent": 0, "control": 99}, RULES[1]: {"clients": ["nobody"], "control": 99}}
    for _ in range(3):
        assert sent(tmp_path, changed(RULES[0], status="pilot"), rollouts=rollouts, max_cards=1).problems == ()


def test_what_canaries_leave_in_the_ledger_counts_for_nothing(tmp_path: Path) -> None:
    sent(tmp_path, changed(RULES[0], status="silent"))
    ledger = open_ledger(Settings(state=tmp_path))
    with ledger.store.read() as connection:
        rows = connection.execute(select(CARDS.c.state, CARDS.c.reason, CARDS.c.rule)).all()
    assert {row.state for row in rows} == {"canary"}, "they went through the whole path"
    assert {row.reason for row in rows if row.rule == RULES[0]} == {"silent"}
    always = Question(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
    assert not by_column(ledger.store, always, CARDS.c.rule)
    assert not held_back(ledger.store, always)
    assert ledger.history("open", f"{PREFIX}food", RULES, always.since) == []
    ledger.store.close()


def test_a_file_of_canaries_that_is_none_is_refused_without_its_values(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    for text in (
        "hook: patient-view\npeople: []\n",
        "- 1\n",
        "hook: [\n",
        "hook: patient-view\npeople: [{id: 'a b', about: x, patient: {}}]\n",
    ):
        file.write_text(text)
        with pytest.raises(SourceUnreadable) as refused:
            read_canaries(file, PREFIX, date(2026, 6, 30))
        assert "a b" not in str(refused.value)


def test_a_key_of_3_0_for_what_has_no_date_brings_nothing_twice() -> None:
    canary: Canary = next(each for each in read_canaries(None, PREFIX, date(2026, 6, 30)) if each.id.endswith("mood"))
    keys = {"patient": "Patient/{{context.patientId}}", "observation": "Observation?a", "observationUndated": "Observation?b"}
    sent = canary.call(keys)["prefetch"]
    assert sent["patient"]["id"] == canary.id
    assert [sent[key]["total"] for key in ("observation", "observationUndated")] == [1, 0]


# ---------------------------------------------------------------- the command


def test_the_command_says_what_differs_and_readiness_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    monkeypatch.setenv("ALMONER_ENGINE", "reference")
    ran = almoner_here("cds", "canary")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "9 canaries as open: all as it must be")
    people = tmp_path / "people.yaml"
    people.write_text(f"hook: patient-view\npeople: [{{id: a, about: nothing, must: [{RULES[0]}], patient: {{gender: male}}}}]\n")
    monkeypatch.setenv("ALMONER_CDS__CANARY", json.dumps({"people": str(people)}))
    ran = almoner_here("cds", "canary")
    assert ran.code == 1
    assert f"{PREFIX}a (nothing): no card of {RULES[0]}" in ran.out
    ready = application(tmp_path).test_client().get("/health/ready")
    assert (ready.status_code, ready.json["canaries"]) == (200, [{"client": "open", "age_hours": 0.0, "differ": 1}])


def test_which_client_must_be_said_where_there_are_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    KeyRing(tmp_path / "keys").new("ES384", datetime.now(UTC))
    monkeypatch.setenv("ALMONER_CDS__CLIENTS", json.dumps({"a": {}, "b": {"issuer": "https://b", "jwks_file": "keys/none"}}))
    assert almoner_here("cds", "canary").code == 2
    assert almoner_here("cds", "canary", "--client", "c").code == 2
