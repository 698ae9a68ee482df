"""Whatever the advice and whatever the client: the card is valid, keeps within the client's limits, and loses nothing in silence."""

from dataclasses import replace
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from support.cds_advice import advised, client_of, numbered
from support.cds_strategies import PROSE, clients, reworded

from plugin.cds.advice import Advice
from plugin.cds.clients.client import Client
from plugin.cds.clients.limits import limit_problems
from plugin.cds.compiler import compile_card
from plugin.cds.losses import LossKind
from plugin.cds.preview.people import advice_about_example, examples
from plugin.cds.validate import response_problems
from rules.facts import Coding
from rules.findings import Evidence
from rules.pack import BUILT_IN, load_packs

PACKS: Final = load_packs(BUILT_IN)
ADVICE: Final = [*advised(), *(found for rule in examples(PACKS) if (found := advice_about_example(PACKS, rule)))]


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
    evidence = Evidence("x", draw(PROSE), "2026-01-01", draw(st.floats(0, 1e6) | PROSE), draw(st.none() | st.just("%")))
    reasons = tuple(replace(reason, evidence=(*reason.evidence, evidence)) for reason in found.explained.reasons)
    return replace(
        found,
        rule=draw(reworded(found.rule)),
        record=replace(found.record, person=person, events=events, not_loaded=unread),
        explained=replace(found.explained, reasons=reasons),
    )


LINKS: Final = st.lists(
    st.sampled_from(
        [
            {"label": "App", "type": "smart", "url": "https://x.example/launch", "appContext": "x"},
            {"label": "Agency", "type": "absolute", "url": "https://y.example/agency"},
        ]
    ),
    max_size=2,
)


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
