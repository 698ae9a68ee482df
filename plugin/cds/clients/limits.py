"""Whether a card keeps within what its client can show. The compiler sees to it; this holds it to that before anything is sent."""

from collections.abc import Iterator, Mapping
from typing import Any

from plugin.cds.clients.profile import ClientProfile

Json = Mapping[str, Any]


def limit_problems(card: Json, profile: ClientProfile) -> list[str]:
    """What of a valid card the client cannot take; empty if nothing. Messages name members, never values."""
    return [*_suggestions(card, profile), *_links(card, profile), *_rest(card, profile)]


def _suggestions(card: Json, profile: ClientProfile) -> Iterator[str]:
    suggestions = card.get("suggestions", ())
    if profile.max_suggestions is not None and len(suggestions) > profile.max_suggestions:
        yield "more suggestions than the client shows"
    if suggestions and card.get("selectionBehavior") not in profile.selection:
        yield "a selectionBehavior that the client does not know"
    for suggestion in suggestions:
        actions = suggestion.get("actions", ())
        if profile.actions_per_suggestion is not None and len(actions) > profile.actions_per_suggestion:
            yield "more actions in a suggestion than the client takes"
        if not actions and not profile.shows_labels:
            yield "a suggestion of which the client shows nothing"
        if "actionSelectionBehavior" in suggestion and not profile.action_selection_behavior:
            yield "an actionSelectionBehavior that the client does not know"
        created = {action["resource"]["resourceType"] for action in actions if action["type"] == "create"}
        if profile.creates and not created <= set(profile.creates):
            yield "a resource that the client does not create"


def _links(card: Json, profile: ClientProfile) -> Iterator[str]:
    for link in card.get("links", ()):
        if link["type"] not in profile.links:
            yield "a link of a type that the client does not show"
        if "appContext" in link and not profile.app_context:
            yield "an appContext that the client does not pass on"


def _rest(card: Json, profile: ClientProfile) -> Iterator[str]:
    code = card["source"]["topic"]["code"]
    if profile.topic_code == "alphanumeric" and not (code.isascii() and code.isalnum() and len(code) <= 100):
        yield "a topic whose code the client does not take"
    if "overrideReasons" in card and not profile.override_reasons:
        yield "override reasons that the client does not show"
