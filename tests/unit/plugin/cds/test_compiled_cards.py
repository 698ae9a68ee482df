"""Whatever the advice and whatever the client: the card is valid, keeps within the client's limits, and loses nothing in silence."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cds_advice import FOOD, HOUSING, ORDERS, advised, client_of, numbered

from plugin.cds.advice import Advice
from plugin.cds.clients.client import Client
from plugin.cds.clients.limits import limit_problems
from plugin.cds.clients.profile import known_profiles
from plugin.cds.compiler import compile_card
from plugin.cds.losses import LossKind
from plugin.cds.preview.people import advice_about_example, examples
from plugin.cds.text import plain
from plugin.cds.validate import response_problems
from rules.document import Citation
from rules.facts import Coding
from rules.findings import Evidence
from rules.pack import BUILT_IN, load_packs

PACKS: Final = load_packs(BUILT_IN)
ADVICE: Final = [*advised(), *(found for rule in examples(PACKS) if (found := advice_about_example(PACKS, rule)))]
PROSE: Final = st.text(min_size=1, max_size=300).filter(lambda text: bool(plain(text)))
ADDRESSES: Final = st.sampled_from(["https://x.example/a", "https://y.example", "javascript:alert(1)", "", "//z.example"])


@st.composite
def advice(draw: st.DrawFn) -> Advice:
    """Advice of a shipped rule, with its texts, its evidence and its person made up."""
    found = draw(st.sampled_from(ADVICE))
    person = replace(
        found.record.person,
        language=draw(st.none() | st.sampled_from(["es", "zh-TW"]) | PROSE),
        interpreter=draw(st.none() | st.booleans()),
        contact=draw(st.none() | st.builds(Coding, st.sampled_from(["http://hl7.org/fhir/contact-point-system", "x"]), PROSE)),
    )
    events = draw(st.sampled_from([found.record.events, (), found.record.events[:1]]))
    unread = draw(st.frozensets(st.sampled_from(["goals", "observations", "consents"])))
    citations = tuple(draw(st.lists(st.builds(Citation, PROSE, ADDRESSES), max_size=3)))
    referral = found.rule.referral and replace(found.rule.referral, display=draw(PROSE), partner_types=(draw(PROSE),))
    rule = replace(found.rule, title=draw(PROSE), why=draw(PROSE), limitations=draw(st.just("") | PROSE), citations=citations)
    rule = replace(rule, referral=draw(st.sampled_from([referral, None])))
    evidence = Evidence("x", draw(PROSE), "2026-01-01", draw(st.floats(0, 1e6) | PROSE), draw(st.none() | st.just("%")))
    reasons = tuple(replace(reason, evidence=(*reason.evidence, evidence)) for reason in found.explained.reasons)
    return replace(
        found,
        rule=rule,
        record=replace(found.record, person=person, events=events, not_loaded=unread),
        explained=replace(found.explained, reasons=reasons),
    )


@st.composite
def clients(draw: st.DrawFn) -> Client:
    """A client of any profile, as it is or with other habits."""
    habits: dict[str, Any] = {
        "markdown": st.sampled_from(["gfm", "html", "plain"]),
        "max_suggestions": st.none() | st.integers(0, 3),
        "actions_per_suggestion": st.none() | st.integers(0, 2),
        "selection": st.sampled_from([("any",), ("at-most-one",), ("any", "at-most-one")]),
        "creates": st.sampled_from([(), ("ServiceRequest",), ("Task",), ("Condition",), ("Task", "ServiceRequest")]),
        "shows_labels": st.booleans(),
        "order_codes": st.booleans(),
        "applies_actions": st.booleans(),
        "override_reasons": st.booleans(),
        "links": st.sampled_from([(), ("absolute",), ("smart",), ("absolute", "smart")]),
        "app_context": st.booleans(),
        "topic_code": st.sampled_from(["any", "alphanumeric"]),
        "feedback": st.sampled_from(["none", "standard", "epic"]),
        "version": st.sampled_from(["2.0", "3.0"]),
        "action_selection_behavior": st.booleans(),
    }
    changed = draw(st.just({}) | st.fixed_dictionaries({}, optional=habits))
    return client_of(
        draw(st.sampled_from(known_profiles())),
        changed,
        language=draw(st.sampled_from(["en", "es"])),
        links=draw(st.sampled_from([(), ("https://x.example",)])),
        order_codes=draw(st.sampled_from([{}, {FOOD: f"{ORDERS}|1", HOUSING: f"{ORDERS}|2"}])),
    )


SHOWN: Final = (
    *(80, 83, 85, 87, 88, 90, 92, 93, 95, 96, 98, 100, 103, 105, 107, 115, 117, 119, 121, 124, 127, 128, 130, 131, 136),
    *(138, 139, 141, 142, 144, 146, 147),
)
"""What CDS Hooks 2.0 asks of a card and its parts, by Inferno's numbers."""


def shows_requirements(test: Any) -> Any:
    for number in SHOWN:
        test = pytest.mark.requirement(f"cds-hooks_2.0@{number}")(test)
    return test


LINKS: Final = st.lists(
    st.sampled_from(
        [
            {"label": "App", "type": "smart", "url": "https://x.example/launch", "appContext": "x"},
            {"label": "Agency", "type": "absolute", "url": "https://y.example/agency"},
        ]
    ),
    max_size=2,
)


@shows_requirements
@settings(max_examples=300, deadline=None)
@given(advice(), clients(), LINKS)
def test_every_card_is_valid_and_within_the_limits_of_its_client(advice: Advice, client: Client, links: list[dict[str, Any]]) -> None:
    found = compile_card(advice, client, numbered(), links=links)
    assert response_problems({"cards": [found.card]}) == []
    assert limit_problems(found.card, client.profile) == []
    assert [each.suggestion for each in found.suggestions] == [each["uuid"] for each in found.card.get("suggestions", ())]
    for offered, suggestion in zip(found.suggestions, found.card.get("suggestions", ()), strict=True):
        created = [action["resource"]["resourceType"] for action in suggestion.get("actions", ())]
        assert list(offered.created) == (created if client.profile.applies_actions else [])


@settings(max_examples=200, deadline=None)
@given(advice(), clients())
def test_what_one_client_cannot_do_is_lost_and_said(advice: Advice, client: Client) -> None:
    whole = compile_card(advice, client_of("generic", language=client.settings.language), numbered())
    found = compile_card(advice, client, numbered())
    kept = [suggestion["label"] for suggestion in found.card.get("suggestions", ())]
    gone = [loss.what for loss in found.lost if loss.kind is LossKind.SUGGESTION]
    assert sorted(kept + gone) == sorted(suggestion["label"] for suggestion in whole.card["suggestions"])
    actions = sum(len(suggestion.get("actions", ())) for suggestion in found.card.get("suggestions", ()))
    everything = sum(len(s["actions"]) for s in whole.card["suggestions"] if s["label"] in kept)
    assert (actions < everything) == any(loss.kind is LossKind.ACTION for loss in found.lost if kept or actions)
