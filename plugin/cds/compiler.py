"""The card compiler: one piece of advice becomes the card that one client can show. Members without a value are left out, never null."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from plugin.cds.advice import Advice
from plugin.cds.clients.client import Client
from plugin.cds.detail import Writer
from plugin.cds.fitting import fitted, may_lead
from plugin.cds.losses import Loss, LossKind
from plugin.cds.markup import MARKUPS
from plugin.cds.overrides import codings
from plugin.cds.suggesting import Offered, Proposal, proposals
from plugin.cds.text import in_summary, is_web_address, plain
from plugin.cds.texts import Texts, texts
from plugin.cds.wish import wish
from rules.ir import EventFact

TOPICS: Final = "urn:almoner:rules"
LONGEST_SUMMARY: Final = 139
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_MIME_TYPES: Final = {"gfm": "text/markdown", "html": "text/html", "plain": "text/plain"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A card for one client."""

    card: Json
    lost: tuple[Loss, ...]
    """What the client cannot show of the advice."""
    suggestions: tuple[Offered, ...]
    """What it means when one of its suggestions is accepted."""


def compile_card(
    advice: Advice, client: Client, new_id: Callable[[], str], *, requester: str | None = None, links: Sequence[Json] = ()
) -> Compiled:
    """The card for one piece of advice. It is not yet held against the standard: see `plugin.cds.validate`.

    Args:
        advice: what is to be said.
        client: who is to show it.
        new_id: makes the UUIDs by which feedback will name card and suggestions.
        requester: a reference to whoever has the chart open, if that is known.
        links: CDS Hooks links that belong to the advice; those that the client cannot show are left out.
    """
    words, profile = texts(client.settings.language), client.profile
    wanted, uuid = wish(advice), new_id()
    proposed = list(proposals(advice, wanted, words, new_id, requester))
    markup = MARKUPS[profile.markdown]
    below = [*links, *([] if markup.has_links else _citations(advice))]
    card, lost = fitted(_whole(advice, uuid, words, proposed, below), client)
    linked = frozenset(link["url"] for link in card.get("links", ()))
    writer = Writer(markup, words, lambda url: may_lead(client, url), linked)
    detail = writer.detail(advice, wanted, [each.what for each in lost if each.kind is LossKind.SUGGESTION])
    card = {"uuid": uuid, "summary": card["summary"], "detail": detail} | card
    if profile.content_type:
        card["extension"] = {profile.content_type: _MIME_TYPES[profile.markdown]}
    return Compiled(card, (*lost, *_lost_in_text(advice, client)), tuple(_offered(card, proposed, client)))


def _whole(advice: Advice, uuid: str, words: Texts, proposed: Sequence[Proposal], links: Sequence[Json]) -> Json:
    """The card for a client that shows everything, still without its detail."""
    found: Json = {
        "uuid": uuid,
        "summary": summary(advice, words),
        "indicator": advice.rule.card.indicator,
        "source": _source(advice),
        "overrideReasons": codings(words),
        "suggestions": [each.suggestion for each in proposed],
        "selectionBehavior": "any",
    }
    return found | ({"links": list(links)} if links else {})


def summary(advice: Advice, words: Texts) -> str:
    """The author's sentence with the facts' values in it, cut at 139 characters."""
    filled = _PLACEHOLDER.sub(lambda found: _value(advice, found[1].strip(), words), advice.rule.card.summary.text)
    return plain(filled, LONGEST_SUMMARY)


def _value(advice: Advice, name: str, words: Texts) -> str:
    fact = advice.fact(name)
    unit = fact.told_in if isinstance(fact, EventFact) else None
    return in_summary(words.shown(advice.explained.finding.facts.get(name), unit))


def _source(advice: Advice) -> Json:
    rule = advice.rule
    topic = {"system": TOPICS, "code": rule.id.text, "display": plain(rule.title)}
    url = next((citation.url for citation in rule.citations if is_web_address(citation.url)), None)
    return {"label": plain(advice.pack.document.title), "topic": topic} | ({"url": url} if url else {})


def _offered(card: Json, proposed: Sequence[Proposal], client: Client) -> list[Offered]:
    meant = {each.offered.suggestion: each.offered for each in proposed}
    return [replace(meant[each["uuid"]], created=_created(each, client)) for each in card.get("suggestions", ())]


def _created(suggestion: Json, client: Client) -> tuple[str, ...]:
    if not client.profile.applies_actions:
        return ()
    return tuple(action["resource"]["resourceType"] for action in suggestion.get("actions", ()))


def _citations(advice: Advice) -> list[Json]:
    """What the rule rests on, as links below the card: for a text that cannot hold any."""
    cited = [citation for citation in advice.rule.citations if is_web_address(citation.url)]
    return [{"label": plain(citation.title), "url": citation.url, "type": "absolute"} for citation in cited]


def _lost_in_text(advice: Advice, client: Client) -> list[Loss]:
    markup = MARKUPS[client.profile.markdown]
    barred = [link for link in _citations(advice) if not may_lead(client, link["url"])] if markup.has_links else []
    return [*([] if markup.has_tables else [Loss(LossKind.TABLE, "why")]), *(Loss(LossKind.LINK, link["label"]) for link in barred)]
