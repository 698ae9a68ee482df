"""The second transcription of HL7's and Inferno's checks finds each thing that is wrong; else nothing would follow from its silence."""

from copy import deepcopy
from typing import Any, Final

import pytest
from support.card_checks import complaints
from support.cds_advice import advised, client_of, numbered

from plugin.cds.compiler import compile_card

LINK: Final = {"label": "App", "type": "smart", "url": "https://x.example/launch", "appContext": "1"}
CARD: Final = compile_card(advised()[0], client_of("generic"), numbered(), links=[LINK]).card
GONE: Final[Any] = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """An answer with the card, but for the member at ``path``."""
    card: Any = deepcopy(CARD)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    holder = card
    for step in way:
        holder = holder[step]
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return {"cards": [card]}


def test_a_good_card_has_nothing_against_it() -> None:
    assert complaints({"cards": [CARD]}) == complaints({"cards": []}) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("summary", "x" * 140),
        ("summary", " "),
        ("detail", ""),
        ("detail", 7),
        ("indicator", "hard-stop"),
        ("source.label", None),
        ("source.topic", GONE),
        ("source.topic.system", GONE),
        ("source.topic.code", ""),
        ("source.url", "/relative"),
        ("source.icon", "x.png"),
        ("overrideReasons", []),
        ("overrideReasons.0.display", GONE),
        ("overrideReasons.0.code", GONE),
        ("selectionBehavior", GONE),
        ("selectionBehavior", "all"),
        ("suggestions.0.label", GONE),
        ("suggestions.0.isRecommended", "yes"),
        ("suggestions.0.actions", []),
        ("suggestions.0.actions.0.description", GONE),
        ("suggestions.0.actions.0.type", "replace"),
        ("suggestions.0.actions.0.type", "delete"),
        ("suggestions.0.actions.0.resourceId", "ServiceRequest/1"),
        ("suggestions.0.actions.0.resource.status", ["draft"]),
        ("suggestions.0.actions.0.resource.colour", "red"),
        ("suggestions.0.actionSelectionBehavior", "some"),
        ("links.0.type", "absolute"),
        ("links.0.type", "other"),
        ("links.0.url", "x"),
        ("links.0.appContext", 7),
        ("extension", {"plain": 1}),
        ("extension", "x"),
        ("colour", "red"),
    ],
)
def test_one_thing_that_is_wrong_is_found(path: str, value: Any) -> None:
    assert found(changed(path, value))


def found(answer: dict[str, Any]) -> bool:
    """Whether there is a complaint; a check that cannot even be made is one."""
    try:
        return bool(complaints(answer))
    except (ValueError, KeyError, TypeError):
        return True


def test_a_uuid_twice_and_what_is_no_answer() -> None:
    assert complaints({"cards": [CARD, CARD]}) == ["a uuid twice"]
    for answer in (None, [], {}, {"cards": {}}, {"cards": [], "more": 1}):
        assert complaints(answer) == ["no answer"]


def test_several_recommended_of_which_one_may_be_chosen() -> None:
    card = deepcopy(CARD) | {"selectionBehavior": "at-most-one"}
    for suggestion in card["suggestions"]:
        suggestion["isRecommended"] = True
    assert complaints({"cards": [card]}) == ["cds-resp-1"]
