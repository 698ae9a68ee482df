"""Calls as the EHRs send them: the same person in each dialect gets the same advice."""

from datetime import date
from typing import Any, Final

import pytest
from support.cds_calls import AS_OF, hook_call, patient, prefetch
from support.cds_dialects import sent

from plugin.cds.advice import Considered, consider, not_drafted, undecidable
from plugin.cds.clients.profile import profile
from plugin.cds.gathering import Gathered, gather
from plugin.cds.proposed import drafted
from plugin.cds.request import HookCall, parse_call
from plugin.cds.services import offered_to, services
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

ALL: Final = services(load_packs(BUILT_IN))
TODAY: Final = date.fromisoformat(AS_OF)
BOTH: Final = ["diabetes-food-insecurity", "cold-damp-home-respiratory"]


def answered(body: dict[str, Any], client: str) -> tuple[HookCall, Gathered, Considered]:
    dialect = profile(client)
    (service,) = [service for service in offered_to(dialect, ALL) if service.hook.name == body["hook"]]
    call = parse_call(body, body["hook"])
    gathered = gather(call, service.templates("2.0"), None, TODAY, dialect.null_means)
    return call, gathered, consider(service.packs, gathered.record, TODAY, engine("reference"), gathered.unavailable)


def rules(considered: Considered, call: HookCall) -> list[str]:
    return [each.rule.id.text for each in not_drafted(considered.advice, drafted(call), {})]


@pytest.mark.parametrize(
    ("name", "client", "expected"),
    [
        ("epic-patient-view", "epic", BOTH),
        ("epic-order-sign", "epic", ["cold-damp-home-respiratory"]),
        ("oracle-patient-view", "oracle", BOTH),
        ("athena-order-select", "athena", BOTH),
    ],
)
def test_the_same_person_gets_the_same_advice_in_every_dialect(name: str, client: str, expected: list[str]) -> None:
    call, gathered, considered = answered(sent(name), client)
    assert rules(considered, call) == expected
    assert gathered.missing == ()
    assert undecidable(considered, gathered) == ()


def test_epic_says_no_results_by_a_warning_and_calls_keys_as_it_likes() -> None:
    body = sent("epic-patient-view")
    assert {key for key in body["prefetch"] if key.startswith("-")}
    _, gathered, _ = answered(body, "epic")
    states = {answer.template.key: str(answer.state) for answer in gathered.answers}
    assert (states["encounter"], states["procedure"], states["condition"]) == ("known empty", "known empty", "present")


def test_epics_user_is_a_role_and_its_server_and_token_are_used() -> None:
    call, _, _ = answered(sent("epic-patient-view"), "epic")
    assert call.user == "PractitionerRole/eP4jDR.role"
    assert call.encounter == "Encounter/ePXvB6.enc"
    assert (call.fhir_server, call.token) == ("https://epic.example.org/api/FHIR/R4", "ey-example-token")


def test_what_oracle_does_not_send_leaves_rules_unknown_but_not_the_call() -> None:
    body = sent("oracle-patient-view")
    del body["prefetch"]["observation"]
    call, gathered, considered = answered(body, "oracle")
    assert rules(considered, call) == []
    assert {rule for rule, tables in considered.undecided if tables == ("observations",)} >= set(BOTH)
    assert considered.decided
    assert undecidable(considered, gathered) == ()


@pytest.mark.requirement("cds-hooks_2.0@54")
def test_only_where_nothing_could_be_decided_the_client_is_asked_for_more() -> None:
    body = sent("oracle-patient-view")
    ageless = {name: value for name, value in patient().items() if name != "birthDate"}
    _, gathered, considered = answered(body | {"prefetch": {"patient": ageless}}, "oracle")
    assert (considered.nothing, considered.decided) == (True, 0)
    assert set(undecidable(considered, gathered)) == {template.key for template in ALL[0].templates("2.0")} - {"patient"}
    # That she is too old for the rule about children is something that was decided.
    _, gathered, considered = answered(body | {"prefetch": {"patient": patient()}}, "oracle")
    assert (considered.nothing, considered.decided, considered.advice) == (False, 1, ())
    assert undecidable(considered, gathered) == ()


def test_the_plain_call_is_the_measure() -> None:
    call, _, considered = answered(hook_call(prefetch()), "generic")
    assert rules(considered, call) == BOTH
