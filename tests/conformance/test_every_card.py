"""Whatever the rules say, whoever asks and at whatever hook: what leaves is what HL7 and Inferno want, and nothing is held back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.card_checks import complaints
from support.cds_calls import answer, concept, condition, observation, patient, prefetch, searchset
from support.cds_strategies import PROSE, clients, reworded
from support.cds_world import World, call_of, hooks_of, world

from plugin.cds.clients.client import Client
from plugin.cds.services import DISPATCH
from plugin.cds.validate import response_problems
from rules.pack import BUILT_IN, Pack, load_packs

PACKS: Final = load_packs(BUILT_IN)
SHOWN: Final = ("diabetes-food-insecurity", "cold-damp-home-respiratory")
"""The rules that say yes of the person."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


@st.composite
def packs(draw: st.DrawFn) -> tuple[Pack, ...]:
    """The shipped packs, in other words."""

    def drawn(rule: Any) -> Any:
        card = rule.card
        if draw(st.booleans()):
            card = replace(card, summary=card.summary._replace(text=draw(PROSE)))
        indicator = draw(st.sampled_from(["info", "warning", "critical"]))
        return replace(draw(reworded(rule)), card=replace(card, indicator=indicator), status=draw(st.sampled_from(["pilot", "live"])))

    return tuple(
        replace(
            pack,
            document=replace(
                pack.document, title=draw(PROSE), rules=tuple(drawn(r) if r.id.text in SHOWN else r for r in pack.document.rules)
            ),
        )
        for pack in PACKS
    )


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    """The prefetch about the person, with words of the chart and of the person made up."""
    spoken = {"coding": [{"system": "urn:ietf:bcp:47", "code": draw(st.sampled_from(["es", "zh-TW", "x"]))}], "text": draw(PROSE)}
    telecom = {"system": draw(st.sampled_from(["phone", "sms", "email"])), "value": draw(PROSE), "rank": 1}
    who = draw(st.sampled_from([patient(), patient(communication=[{"language": spoken, "preferred": True}], telecom=[telecom])]))
    share = {
        "value": draw(st.floats(9.1, 1e6)),
        "unit": draw(st.sampled_from(["%", "percent"])),
        "system": "http://unitsofmeasure.org",
        "code": "%",
    }
    told = {"code": concept("http://loinc.org", "4548-4") | {"text": draw(PROSE)}}
    seen = searchset(
        observation("hba1c", "4548-4", "2026-05-02", valueQuantity=share) | told,
        answer("hunger", "88122-7", "LA28397-0", "2026-04-01"),
        answer("home", "96778-6", "LA28580-1", "2026-05-02"),
    )
    named = {"code": concept("http://snomed.info/sct", "44054006") | {"text": draw(PROSE)}}
    return prefetch(
        patient=who, observation=seen, condition=searchset(condition("dm", "44054006") | named, condition("asthma", "195967001"))
    )


@pytest.mark.slow
@pytest.mark.requirement(
    *(f"cds-hooks_2.0@{n}" for n in (3, 74, 80, 83, 84, 87, 88, 90, 92, 93, 95, 96, 98, 100, 103, 105, 107, 115, 117, 119, 121, 124)),
    *(f"cds-hooks_2.0@{n}" for n in (127, 128, 130, 131, 136, 138, 139, 141, 142, 144, 146, 147, 216, 217, 218, 219, 220)),
    *(f"invariant:cds-resp-{n}" for n in range(1, 8)),
    *(f"inferno:{name}" for name in ("call", "summary", "indicator", "source", "blank", "selection", "reasons", "links", "actions")),
    "inferno:resources",
)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_card_that_leaves_is_what_hl7_and_inferno_want(served: World, data: st.DataObject) -> None:
    client: Client = data.draw(clients())
    hook = data.draw(st.sampled_from(hooks_of(client))).name
    http = served.serving(client, data.draw(packs()))
    keys = None if hook == DISPATCH else data.draw(people())
    response = http.post(f"/cds-services/almoner-{hook}", json=call_of(hook, keys))
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert "X-Almoner-Error-Id" not in response.headers, "a card was held back"
    assert response.json is not None
    assert len(response.json["cards"]) == (1 if hook == DISPATCH else 2)
    assert complaints(response.json) == []
    assert response_problems(response.json) == []
