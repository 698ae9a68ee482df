"""What staff are offered when they refer somebody from a conversation: the need of a finding, and the services that may meet it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from fhir_adapters.directory import Directory, Residence
from fhir_adapters.directory.areas import NOWHERE
from fhir_adapters.gravity import ASSESSMENT
from plugin.access import Scope
from plugin.outreach import acting as outreach
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import Episode, Why
from plugin.outreach.words import ASKED
from plugin.referrals.acting import Grip, is_about_nothing_else, send
from plugin.referrals.consenting import GIVEN_BY, Consent, agree, refuse
from plugin.referrals.disclosure import DISCLOSURES
from plugin.referrals.matching import Candidate, Sought, candidates
from plugin.referrals.proposing import Proposal, propose
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.referrals import REFERRALS
from rules.document import Referral, Rule
from rules.facts import Coding
from rules.pack import Pack
from rules.told import Told

_REASONS: Final = ("Condition/", "Observation/")
_MOST_REASONS: Final = 3
_MOST_TEXT: Final = 1_000
_ASSESSMENT: Final = Coding(ASSESSMENT["system"], ASSESSMENT["code"])


@dataclass(frozen=True, slots=True)
class Offer:
    """A finding of a conversation whose rule says what may help."""

    why: Why
    rule: Rule
    version: str
    """Of the pack."""

    @property
    def referral(self) -> Referral:
        """The need, and the kinds of partner that can meet it."""
        if self.rule.referral is None:
            raise ValueError("the rule refers to nobody")
        return self.rule.referral

    @property
    def reasons(self) -> tuple[str, ...]:
        """Conditions and Observations of the record that say why."""
        found = (each["resource"] for reason in self.why.evidence for each in reason.get("evidence", ()))
        return tuple(dict.fromkeys(place for place in found if place.startswith(_REASONS)))[:_MOST_REASONS]


def offers(episode: Episode, packs: Sequence[Pack]) -> Iterator[Offer]:
    """Of every finding that holds and may be named: what it can be referred for. What somebody asked for is what any rule offers for it."""
    known = {rule.id.text: (rule, pack.document.version) for pack in packs for rule in pack.document.rules if rule.referral}
    for why in episode.why:
        if why.status == "yes" and why.ended is None:
            rules = [why.rule] if not why.rule.startswith(ASKED) else helping(why.rule, (rule for rule, _ in known.values()))
            yield from (Offer(why, *known[id]) for id in rules if id in known)


def offer_of(episode: Episode, packs: Sequence[Pack], rule: str) -> Offer | None:
    """That of ``rule``; ``None``: there is nothing to refer for."""
    return next((each for each in offers(episode, packs) if each.rule.id.text == rule), None)


def helping(asked: str, rules: Iterable[Rule]) -> list[str]:
    """The ids of rules that say what may help with what somebody asked for: one for each service, those that may be named alone."""
    found = {rule.referral.service: rule.id.text for rule in rules if rule.referral and _is_for(rule, asked.removeprefix(ASKED))}
    return sorted(found.values())


def _is_for(rule: Rule, need: str) -> bool:
    return rule.referral is not None and rule.referral.category == need and not rule.restricted


@dataclass(frozen=True, slots=True)
class Answers:
    """What the form says. ``wanted``: what the person said when they were asked; ``None``: nobody asked."""

    id: str
    partner: str
    shown: str
    """The kind of partner for which the form was shown, and of which the person was asked."""
    wanted: bool | None = None
    given_by: str = ""
    listing: str = ""
    postcode: str = ""
    message: str = ""
    assessment: bool = False
    """They are asked to find out what somebody needs, not to meet it."""


def answers_of(form: Mapping[str, str], offer: Offer) -> Answers:
    """As far as it can be read; the first kind of partner of the rule if none is chosen."""
    partner = form.get("partner", "")
    kinds = offer.referral.partner_types
    return Answers(
        id=form.get("id", ""),
        partner=partner if partner in kinds else kinds[0],
        shown=form.get("shown", ""),
        wanted={"yes": True, "no": False}.get(form.get("wanted", "")),
        given_by=form.get("given_by", ""),
        listing=form.get("listing", ""),
        postcode=form.get("postcode", "").strip()[:16],
        message=form.get("message", "").strip()[:_MOST_TEXT],
        assessment=form.get("assessment") == "yes",
    )


def sought(offer: Offer, answers: Answers, person: Any) -> Sought:
    """What the directory is asked for; ``person`` is the row of an episode."""
    home = Residence(postcode=answers.postcode) if answers.postcode else NOWHERE
    return Sought(offer.referral.category, answers.partner, home, person.age, person.language)


def services(directory: Directory | None, wish: Sought, today: date) -> list[Candidate]:
    """What the directory has: those that fit first. Nothing without a directory."""
    return candidates(directory, wish, today) if directory else []


def given_by(partner: str) -> tuple[str, ...]:
    """Who may agree that such a partner knows."""
    return ("guardian",) if DISCLOSURES[partner].guardian else GIVEN_BY


def refer(
    connection: Connection,
    scope: Scope,
    episode: Episode,
    offer: Offer,
    answers: Answers,
    directory: Directory | None,
    tenant: str,
    at: datetime,
) -> str | None:
    """Keep what they said, and send the referral if they want it; its id. ``None``: they do not want it, and that is kept.

    Raises:
        NotNow: somebody was not asked, nothing was chosen, or something stands against it.
        Forbidden: see `plugin.access.scope`.
    """
    patient = str(episode.row.patient)
    outreach.hold(connection, episode.id)
    if answers.wanted is False:
        _refuse(connection, scope, episode, offer, at)
        return None
    if _sent_before(connection, answers.id, patient, offer.referral.category):
        return answers.id
    if answers.wanted is None:
        raise NotNow(Told("ask first whether they want this help"))
    wish = sought(offer, answers, episode.row)
    chosen = next((each for each in services(directory, wish, at.date()) if each.listing == answers.listing), None)
    if chosen is None:
        raise NotNow(Told("choose one of the services of the list"))
    if answers.shown != answers.partner:
        raise NotNow(Told("the kind of partner was changed: look again, and ask about that one"))
    if answers.given_by not in given_by(answers.partner):
        raise NotNow(Told("ask first whether the %(partner)s may know", partner=Told(answers.partner)))
    agree(connection, scope, Consent(patient, wish.need, answers.partner, answers.given_by, agency=chosen.agency), at)
    proposal = Proposal(
        id=answers.id,
        tenant=tenant,
        patient=patient,
        sought=wish,
        service=_ASSESSMENT if answers.assessment else offer.referral.service,
        service_display=ASSESSMENT["display"] if answers.assessment else offer.referral.display,
        candidate=chosen,
        wanted=True,
        origin_id=episode.id,
        rule=(offer.rule.id.text, offer.version),
        restricted=offer.rule.restricted,
        reasons=offer.reasons,
        message=answers.message,
    )
    version = propose(connection, scope, proposal, at)
    send(connection, scope, Grip(proposal.id, version), at)
    return proposal.id


def _sent_before(connection: Connection, id: str, patient: str, need: str) -> bool:
    """Whether this very form was sent before."""
    known = connection.execute(select(REFERRALS).where(REFERRALS.c.id == id)).one_or_none()
    return known is not None and (known.patient, known.need) == (patient, need) and known.requested is not None


def _refuse(connection: Connection, scope: Scope, episode: Episode, offer: Offer, at: datetime) -> None:
    """Keep that they do not want it; the conversation is over if it was about nothing else."""
    refuse(connection, scope, str(episode.row.patient), offer.referral.category, [offer.rule.id.text], at)
    row = connection.execute(select(EPISODES).where(EPISODES.c.id == episode.id, EPISODES.c.state == "open")).one_or_none()
    if row is not None and is_about_nothing_else(connection, row.id, offer.rule.id.text, offer.referral.category):
        outreach.close(connection, scope, outreach.Grip(row.id, row.version), "declined", at)
