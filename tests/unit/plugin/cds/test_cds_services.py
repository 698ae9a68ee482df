"""Which hooks are served, with which rules, and how a client is told."""

import re
from dataclasses import replace
from typing import Any, Final

import pytest

from plugin.cds.clients.profile import known_profiles, profile
from plugin.cds.hooks import HOOKS
from plugin.cds.prefetch import PATIENT_TOKEN
from plugin.cds.services import discovery, etag, is_known, named, offered_to, services
from plugin.cds.validate import discovery_problems
from rules.pack import BUILT_IN, load_packs

PACKS: Final = load_packs(BUILT_IN)
ALL: Final = services(PACKS, directory=True)
RULES: Final = {rule.id.text for pack in PACKS for rule in pack.document.rules}
REFERRING: Final = {rule.id.text for pack in PACKS for rule in pack.document.rules if rule.referral}
GENERIC: Final = profile("generic")
NEWER: Final = GENERIC.model_copy(update={"version": "3.0", "prefetch_tokens": "3.0"})
SAFE: Final = re.compile(r"[A-Z][A-Za-z]+(/\{\{context\.\w+\}\}|\?[\w-]+=[^&]+(&[\w-]+=[^&]+)*)")


def rules_of(hook: str) -> set[str]:
    (service,) = [service for service in ALL if service.hook.name == hook]
    return {rule for pack in service.packs for rule in pack.program.rules}


def test_the_eleven_hooks() -> None:
    assert {name: (hook.version, hook.maturity, hook.user_required) for name, hook in HOOKS.items()} == {
        "patient-view": ("1.0", 5, True),
        "encounter-start": ("1.0", 1, True),
        "encounter-discharge": ("1.0", 1, True),
        "order-select": ("1.0", 4, True),
        "order-sign": ("1.0", 5, True),
        "order-dispatch": ("1.1", 0, False),
        "appointment-book": ("1.0", 1, True),
        "problem-list-item-create": ("0.1.0", 1, True),
        "medication-refill": ("0.1.0", 1, False),
        "allergyintolerance-create": ("0.1.0", 1, True),
        "medication-verify": ("0.1.0", 1, True),
    }
    assert {name for name, hook in HOOKS.items() if "Patient" in hook.user_types} == {"patient-view", "appointment-book"}
    assert HOOKS["order-dispatch"].user_types == ()
    assert HOOKS["order-dispatch"].tokens == ("context.patientId", "context.dispatchedOrders", "context.performer")
    assert "context.draftOrders" not in HOOKS["order-sign"].tokens


def test_every_rule_about_a_person_is_fit_where_only_the_person_is_told() -> None:
    for hook in ("patient-view", "encounter-start", "encounter-discharge", "appointment-book"):
        assert rules_of(hook) == RULES


def test_where_orders_are_made_only_referrals_are_of_use() -> None:
    assert rules_of("order-select") == rules_of("order-sign") == REFERRING


def test_something_new_calls_for_the_rules_that_read_it() -> None:
    assert rules_of("problem-list-item-create") == REFERRING
    assert not {"medication-refill", "medication-verify", "allergyintolerance-create"} & {service.hook.name for service in ALL}


def test_agencies_are_chosen_only_with_a_directory() -> None:
    assert [s.hook.name for s in ALL if not s.packs] == ["order-dispatch"]
    assert "order-dispatch" not in {service.hook.name for service in services(PACKS)}
    assert services([], directory=True)[0].templates("2.0")[1].query == f"ServiceRequest?patient={PATIENT_TOKEN}"


def test_what_is_not_in_use_is_neither_served_nor_asked_for() -> None:
    (pack,) = PACKS
    drafts = replace(pack.document, rules=tuple(replace(rule, status="draft") for rule in pack.document.rules))
    assert services([replace(pack, document=drafts)]) == ()
    silent = replace(drafts, rules=(pack.document.rules[0], *drafts.rules[1:]))
    view = services([replace(pack, document=silent)])[0]
    assert view.packs[0].program.rules == (pack.document.rules[0].id.text,)
    assert len(view.templates("2.0")) < len(ALL[0].templates("2.0"))


@pytest.mark.requirement("cds-hooks_2.0@4")
@pytest.mark.parametrize("name", known_profiles())
def test_each_client_is_told_of_the_hooks_that_it_calls(name: str) -> None:
    told = discovery(profile(name), ALL)
    assert discovery_problems(told) == []
    wanted = profile(name).hooks
    assert {entry["hook"] for entry in told["services"]} == {s.hook.name for s in ALL if not wanted or s.hook.name in wanted}
    assert len({entry["id"] for entry in told["services"]}) == len(told["services"])


@pytest.mark.requirement("cds-hooks_2.0@10")
def test_an_address_leads_to_its_service() -> None:
    for service in ALL:
        assert named(f"almoner-{service.hook.name}", ALL) == (service,)
    assert named("almoner", ALL) == named("other", ALL) == ()


@pytest.mark.requirement("cds-hooks_2.0@211")
def test_one_id_for_all_is_opt_in() -> None:
    told = discovery(GENERIC, ALL, same_id=True)
    assert {entry["id"] for entry in told["services"]} == {"almoner"}
    assert named("almoner", ALL, same_id=True) == ALL
    assert named("almoner-patient-view", ALL, same_id=True) == ()


def test_members_of_3_are_for_clients_of_3() -> None:
    assert not any({"version", "hookVersion"} & entry.keys() for entry in discovery(GENERIC, ALL)["services"])
    assert {(e["hook"], e["version"], e["hookVersion"]) for e in discovery(NEWER, ALL)["services"]} == {
        (service.hook.name, "3.0.0", service.hook.version) for service in ALL
    }


def queries(told: dict[str, Any]) -> set[str]:
    return {query for entry in told["services"] for query in entry["prefetch"].values()}


@pytest.mark.requirement("cds-hooks_2.0@55")
@pytest.mark.requirement("cds-hooks_2.0@56")
@pytest.mark.requirement("cds-hooks_2.0@57")
@pytest.mark.requirement("cds-hooks_2.0@58")
@pytest.mark.requirement("cds-hooks_2.0@59")
def test_templates_of_2_keep_to_the_safe_subset() -> None:
    for entry in discovery(GENERIC, ALL)["services"]:
        for query in entry["prefetch"].values():
            assert SAFE.fullmatch(query), query
            assert {token[2:-2] for token in re.findall(r"\{\{.*?\}\}", query)} <= set(HOOKS[entry["hook"]].tokens)
            assert "date=" not in query


def test_clients_that_do_arithmetic_are_asked_for_less() -> None:
    bounded = {query for query in queries(discovery(NEWER, ALL)) if "today()" in query}
    assert {query.partition("?")[0] for query in bounded} == {"Encounter", "Observation", "Procedure"}
    for query in bounded:
        assert query.count("date=") == 1  # some clients merge repeated parameters
        undated = re.sub(r"date=ge\{\{today\(\) - \d+ days\}\}", "date:missing=true", query)
        assert undated in queries(discovery(NEWER, ALL))
    assert "Condition?patient={{context.patientId}}" in queries(discovery(NEWER, ALL))


def test_the_tag_changes_with_the_content_and_only_then() -> None:
    tag = etag(discovery(GENERIC, ALL))
    assert tag == etag(discovery(GENERIC, services(load_packs(BUILT_IN), directory=True)))
    assert tag != etag(discovery(NEWER, ALL)) != etag(discovery(profile("epic"), ALL))
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        assert is_known(known, tag)
    for unknown in (None, "", '"x"', tag[1:-1]):
        assert not is_known(unknown, tag)


def test_epic_is_offered_what_it_calls() -> None:
    assert [s.hook.name for s in offered_to(profile("epic"), ALL)] == ["patient-view", "order-select", "order-sign"]
