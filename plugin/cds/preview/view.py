"""A card as one client shows it, ready for a page or a terminal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.cds.clients.client import Client
from plugin.cds.fitting import fitted
from plugin.cds.losses import Loss
from plugin.cds.preview.harmless import detail_html

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """A suggestion as it is read: one line, and what happens when it is taken."""

    text: str
    recommended: bool
    does: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A card in front of a clinician."""

    client: str
    title: str
    language: str
    """In which the card is written, as far as the client's settings say."""
    card: Json
    detail: str
    """Harmless HTML."""
    choices: tuple[Choice, ...]
    url: str
    """Where the name of the source leads; empty if nowhere."""
    links: tuple[Json, ...]
    reasons: tuple[str, ...]
    lost: tuple[Loss, ...]


def shown(card: Json, lost: Iterable[Loss], client: Client) -> Shown:
    """A compiled (or fitted) card."""
    return Shown(
        client=client.name,
        title=client.profile.title,
        language=client.settings.language,
        card=card,
        detail=detail_html(card),
        choices=tuple(_choice(each, client) for each in card.get("suggestions", ())),
        url=card["source"].get("url", ""),
        links=tuple(card.get("links", ())),
        reasons=tuple(str(reason["display"]) for reason in card.get("overrideReasons", ())),
        lost=tuple(lost),
    )


def shown_elsewhere(card: dict[str, Any], client: Client) -> Shown:
    """A valid card from anywhere, cut down to what ``client`` can show; its text stays as it is."""
    cut, lost = fitted(card, client)
    return shown(cut, lost, client)


def _choice(suggestion: Json, client: Client) -> Choice:
    actions = suggestion.get("actions", ())
    does = tuple(f"{action['type']} {_what(action)}: {action['description']}" for action in actions)
    text = suggestion["label"] if client.profile.shows_labels else actions[0]["description"]
    return Choice(str(text), suggestion.get("isRecommended") is True, does)


def _what(action: Json) -> str:
    return str(action["resource"]["resourceType"] if "resource" in action else action["resourceId"])
