"""What is told of conversations, wishes and referrals: the columns that pages show, under the names of the tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Row

from fhir_adapters.referral_states import Status
from plugin.agency.seeing import Seen, answers
from plugin.inbound.acting import answers as can_answer
from plugin.inbound.acting import can_be_called_off
from plugin.messages.agreeing import masked
from plugin.messages.drafting import Desk, Draft
from plugin.outreach.episodes import Episode, Why
from plugin.outreach.looking import Looked
from plugin.outreach.wishing import Wishes
from plugin.referrals.matching import Candidate
from plugin.referrals.offering import Offer, given_by
from plugin.referrals.reading import Whole, subject

Json = dict[str, Any]

_CONVERSATION: Final = (
    *("id", "version", "state", "patient", "name", "age", "sex", "language", "interpreter", "phone", "channel", "best_time"),
    *("priority", "opened", "due", "owner", "snoozed_until", "snoozed_why", "attempts", "last_attempt", "last_outcome"),
    *("not_before", "next_channel", "closed", "outcome"),
)
_WHY: Final = ("rule", "title", "level", "priority", "status", "since", "ended", "ending")
_ATTEMPT: Final = ("id", "at", "channel", "outcome", "again_on", "note")
_MESSAGE: Final = ("id", "channel", "topic", "language", "state", "created", "ended")
_REFERRAL: Final = (
    *("id", "version", "state", "patient", "need", "service_display", "partner", "listing", "listing_name", "agency", "agency_name"),
    *("priority", "unsafe", "message", "reason_code", "reason", "attention", "created", "changed", "requested", "rerouted_from"),
)
_AT_AN_AGENCY: Final = (
    *("id", "version", "state", "need", "service_display", "listing", "listing_name", "priority", "reason_code", "reason"),
    *("requested", "changed"),
)
_STEP: Final = ("version", "at", "step", "before", "after", "reason_code", "reason")
_STEP_AT_AN_AGENCY: Final = ("at", "after", "reason_code", "reason")
_INBOUND: Final = (
    *("id", "version", "state", "agency", "agency_name", "name", "birth_date", "phone", "postcode", "language", "best_time", "safe"),
    *("need", "purpose", "message", "given_by", "reason_code", "reason", "outcome", "patient", "episode", "created", "changed"),
)
_SENT: Final = (
    *("id", "version", "state", "name", "phone", "need", "purpose", "message", "reason_code", "reason", "outcome"),
    *("created", "changed"),
)
_STEP_INBOUND: Final = ("at", "before", "after")
_KNOWN: Final = ("patient", "name", "age", "phone")
_RESTRICTION: Final = ("id", "kind", "since", "until", "note")
_CONSENT: Final = ("id", "need", "partner", "agency", "given_by", "since", "until")


def conversation(episode: Episode, names: Mapping[str, str]) -> Json:
    """As the list shows it. ``names``: account → name."""
    row = episode.row
    return _told(row, _CONVERSATION) | {
        "owner_name": names.get(row.owner or ""),
        "not_by": episode.barred,
        "why": [_why(why) for why in episode.why],
    }


def conversation_whole(looked: Looked, offered: Iterable[Offer], messages: Iterable[Row[Any]], names: Mapping[str, str]) -> Json:
    """With what stands against it, what was tried and written, and what it can be referred for."""
    episode = looked.whole.episode
    return conversation(episode, names) | {
        "why": [_why(why) | {"evidence": why.evidence} for why in episode.why],
        "held": [{"kind": each.kind, "scope": each.scope} for each in looked.held],
        "neighbours": [{"id": each.episode, "name": each.name} for each in looked.neighbours],
        "objections": looked.objections,
        "tried": [_told(row, _ATTEMPT) for row in looked.whole.attempts],
        "messages": [_told(row, _MESSAGE) for row in messages],
        "offers": [offer(each) for each in offered],
    }


def offer(found: Offer) -> Json:
    """What a finding can be referred for, to which kinds of partner, and who may agree that each knows."""
    return {
        "rule": found.rule.id.text,
        "title": found.rule.title,
        "need": found.referral.category,
        "service": found.referral.display,
        "partners": [{"partner": kind, "given_by": given_by(kind)} for kind in found.referral.partner_types],
    }


def candidate(found: Candidate) -> Json:
    """A service of the directory, with the answer of every criterion and its reason; ``null``: not known, to be asked."""
    named = {name: getattr(found, name) for name in ("listing", "name", "agency", "agency_name", "verdict", "stale")}
    return named | {"grounds": [ground._asdict() for ground in found.grounds]}


def message(found: Draft, desk: Desk) -> Json:
    """As it would go out now. ``instead`` and ``why_not``: in words; the address is told as far as the page does."""
    choice, words = found.asked, found.message
    return {
        "id": found.episode.id,
        "version": found.episode.row.version,
        "topics": [{"topic": id, "title": desk.topics[id].title} for id in found.topics],
        **{name: getattr(choice, name) for name in ("topic", "channel", "language", "level")},
        **{name: getattr(words, name) for name in ("subject", "text", "neutral")},
        "instead": words.instead or None,
        "address": masked(found.address),
        "by": desk.settings.by(choice.channel),
        "why_not": found.why_not,
        "seen": found.seen,
    }


def wishes(row: Row[Any], found: Wishes) -> Json:
    """What is on record; what was said in one breath is one, with everything that it is about."""
    together = found.said_together
    return {
        "id": row.id,
        "version": row.version,
        "restrictions": [_told(said[0], _RESTRICTION) | {"of": [each.scope for each in said]} for said in together],
        "consents": [_told(each, _CONSENT) for each in found.given],
    }


def referral(row: Row[Any], names: Mapping[str, str]) -> Json:
    """As the list of those who refer shows it. ``names``: referral → name."""
    return _told(row, _REFERRAL) | {"patient": subject(row), "name": names.get(row.id)}


def referral_whole(found: Whole, names: Mapping[str, str]) -> Json:
    """With how it came there, and what came of it."""
    return referral(found.row, names) | {
        "history": [_told(step, _STEP) for step in found.history],
        "outputs": [{"kind": each.kind, "value": each.value, "at": each.at} for each in found.outputs],
    }


def at_an_agency(row: Row[Any], person: Seen) -> Json:
    """As the agency to which it went sees it. What of the person is ``null`` is not told; what is empty is not recorded."""
    return _told(row, _AT_AN_AGENCY) | {"person": asdict(person)}


def at_an_agency_whole(found: Whole, person: Seen) -> Json:
    """With how it went since it was sent, what came of it in words, and the states to which the agency can bring it."""
    return at_an_agency(found.row, person) | {
        "history": [_told(step, _STEP_AT_AN_AGENCY) for step in found.history if step.after != Status.DRAFT],
        "outcomes": [each.value["text"] for each in found.outputs if each.value.get("text")],
        "can": [str(to) for to in answers(found.row.state)],
    }


def inbound(row: Row[Any]) -> Json:
    """Somebody who was referred to us, as staff see them."""
    return _told(row, _INBOUND)


def inbound_whole(row: Row[Any], history: Iterable[Row[Any]], known: Iterable[Row[Any]]) -> Json:
    """With how it went, the records that have the same details, and what can be answered."""
    return inbound(row) | {
        "history": [_told(step, _STEP_INBOUND) for step in history],
        "known": [_told(each, _KNOWN) for each in known],
        "can": [str(to) for to in can_answer(row.state)],
    }


def sent(row: Row[Any]) -> Json:
    """Somebody whom an agency referred to us, as the agency sees them: not who we think that it is."""
    return _told(row, _SENT)


def sent_whole(row: Row[Any], history: Iterable[Row[Any]]) -> Json:
    """With how it went."""
    steps = [_told(step, _STEP_INBOUND) for step in history]
    return sent(row) | {"history": steps, "can_be_called_off": can_be_called_off(row.state)}


def _why(why: Why) -> Json:
    return {name: getattr(why, name) for name in _WHY}


def _told(row: Row[Any], names: Sequence[str]) -> Json:
    return {name: getattr(row, name) for name in names}
