"""The card about the choice of a partner agency: what speaks against the one that was chosen, and who leaves fewer questions open."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from fhir_adapters.directory import Match
from fhir_adapters.directory.finding import FITS, LEFT_OUT
from plugin.cds.advice import AgencyChoice
from plugin.cds.clients.client import Client
from plugin.cds.compiler import LONGEST_SUMMARY, TOPICS
from plugin.cds.fitting import fitted
from plugin.cds.markup import MARKUPS, Markup
from plugin.cds.text import plain
from plugin.cds.texts import Texts, texts

TOPIC: Final = "agency-choice"
_LABEL: Final = "Almoner"

Json = dict[str, Any]


def compile_choice(choice: AgencyChoice, client: Client, new_id: Callable[[], str]) -> Json:
    """The card. It suggests nothing to click: what an agency is called in the directory need not be what the EHR calls it."""
    words, markup = texts(client.settings.language), MARKUPS[client.profile.markdown]
    card = {
        "uuid": new_id(),
        "summary": plain(_summary(choice, words), LONGEST_SUMMARY),
        "detail": markup.joined(_parts(choice, markup, words)),
        "indicator": "warning" if _cannot(choice) else "info",
        "source": {"label": _LABEL, "topic": {"system": TOPICS, "code": TOPIC, "display": words.say("agency choice")}},
    }
    return fitted(card, client)[0]


def _cannot(choice: AgencyChoice) -> bool:
    return choice.chosen is not None and choice.chosen.verdict == LEFT_OUT


def _summary(choice: AgencyChoice, words: Texts) -> str:
    others = words.say("or").join(_name(match) for match in choice.others)
    if choice.chosen is None:
        return words.say("agency not listed", others=others)
    said = "agency cannot" if _cannot(choice) else "agency open"
    found = words.say(said, agency=_name(choice.chosen))
    return f"{found} {words.say('agency others', others=others)}" if others else found


def _parts(choice: AgencyChoice, markup: Markup, words: Texts) -> Iterator[str]:
    if choice.chosen:
        yield markup.paragraph("; ".join(_doubts(choice.chosen)), words.say("agency chosen", agency=_name(choice.chosen)))
    if choice.others:
        yield markup.table([words.say("agency"), words.say("agency why")], map(_row, choice.others))
    yield markup.paragraph(words.say("agency as of", day=choice.as_of.isoformat()))


def _row(match: Match) -> Sequence[str]:
    return _name(match), "; ".join(ground.reason for ground in match.grounds if ground.answer is not None or match.verdict != FITS)


def _doubts(match: Match) -> Iterator[str]:
    """What says no; if nothing does, what is not known."""
    wanted = False if match.verdict == LEFT_OUT else None
    yield from (ground.reason for ground in match.grounds if ground.answer is wanted)


def _name(match: Match) -> str:
    organization = match.service.organization
    return organization.name if organization and organization.name else match.service.name
