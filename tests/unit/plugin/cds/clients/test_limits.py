"""A card that does not keep within its client's limits is noticed before it is sent."""

from typing import Any

import pytest
from support.cds_advice import advised, client_of, numbered

from plugin.cds.clients.limits import limit_problems
from plugin.cds.clients.profile import profile
from plugin.cds.compiler import compile_card

LINK = {"label": "App", "type": "smart", "url": "https://x.example/launch", "appContext": "1"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_suggestions": 1}, "more suggestions"),
        ({"selection": ("at-most-one",)}, "selectionBehavior"),
        ({"actions_per_suggestion": 1}, "more actions"),
        ({"creates": ("ServiceRequest",)}, "does not create"),
        ({"links": ("absolute",)}, "link of a type"),
        ({"app_context": False}, "appContext"),
        ({"topic_code": "alphanumeric"}, "topic"),
        ({"override_reasons": False}, "override reasons"),
    ],
)
def test_each_limit(change: dict[str, Any], named: str) -> None:
    card = compile_card(advised()[0], client_of("generic"), numbered(), links=[LINK]).card
    assert limit_problems(card, profile("generic")) == []
    assert any(named in problem for problem in limit_problems(card, profile("generic").model_copy(update=change)))


def test_suggestions_that_say_nothing_or_too_much() -> None:
    card = compile_card(advised()[0], client_of("generic"), numbered()).card
    card["suggestions"] = [{"label": "x", "uuid": "1", "actionSelectionBehavior": "all"}]
    problems = limit_problems(card, profile("generic").model_copy(update={"shows_labels": False}))
    assert [problem.split()[-1] for problem in problems] == ["nothing", "know"]
