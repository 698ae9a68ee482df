"""The service: from a parsed call to cards, without HTTP. Each step is a function of another module; this one says in what order."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from time import perf_counter
from typing import Any
from uuid import uuid4

from plugin.cds.advice import Advice, Considered, consider, not_drafted, undecidable
from plugin.cds.agency_card import TOPIC, compile_choice
from plugin.cds.clients.client import Client
from plugin.cds.clients.limits import limit_problems
from plugin.cds.compiler import Compiled, compile_card
from plugin.cds.dispatch import Partners
from plugin.cds.fetching import Ehrs
from plugin.cds.gathering import Gathered, PatientUnavailable, gather
from plugin.cds.ledger import CallEntry, CardEntries, CardEntry, CardState, Ledger, SuggestionEntry
from plugin.cds.policy.decision import DRAFTED, Chosen, Decision, Held, decide
from plugin.cds.policy.governance import Governance
from plugin.cds.policy.memory import LONGEST
from plugin.cds.policy.situation import Situation
from plugin.cds.proposed import drafted, drafts
from plugin.cds.request import HookCall
from plugin.cds.services import DISPATCH, Service
from plugin.cds.texts import texts
from plugin.cds.trouble import logged
from plugin.cds.turns import Turns
from plugin.cds.validate import response_problems, target_problems
from plugin.observe import cds as observe
from plugin.runtime import Runtime

LOG = logging.getLogger(__name__)

Json = dict[str, Any]


class Undecided(Exception):
    """Nothing at all could be decided, for want of these prefetch keys (412)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        super().__init__("nothing could be decided")


class InvalidCard(Exception):
    """A card of ours breaks the standard; it is not sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response, and the id under which trouble was logged, if there was any."""

    body: Json
    error_id: str | None = None
    durations: dict[str, float] = field(default_factory=dict)
    """Step → milliseconds."""


class _Clock:
    """How long each step of a call took, in milliseconds."""

    def __init__(self) -> None:
        self.durations: dict[str, float] = {}
        self._since = perf_counter()

    def took(self, step: str) -> None:
        """The step that began when the last one ended is over."""
        now = perf_counter()
        self.durations[step], self._since = (now - self._since) * 1000, now


@dataclass(frozen=True, slots=True)
class _Made:
    """What is sent and what is written down of one call."""

    cards: tuple[Json, ...]
    entries: tuple[CardEntry, ...]
    error_id: str | None


class Advisor:
    """Answers hook calls. One per process; any thread may use it."""

    def __init__(
        self,
        runtime: Runtime,
        ledger: Ledger,
        partners: Partners | None = None,
        *,
        turns: Turns | None = None,
        new_id: Callable[[], str] = lambda: str(uuid4()),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``new_id`` makes the UUIDs of cards and suggestions; without ``partners`` the choice of an agency is not offered.

        ``turns`` is the line in which the calls stand: who waits for the EHR steps aside, and who waits for the disk is through.
        """
        self._runtime, self._ledger, self._partners = runtime, ledger, partners
        self._new_id, self._now = new_id, now
        self._entries = CardEntries(runtime.packs)
        self._governance = Governance(runtime.settings.cds, ledger, self._entries.fingerprint)
        self._turns = turns or Turns(runtime.settings.cds.calls_at_once)
        self._ehrs = Ehrs(runtime.settings.cds.fetch_seconds, aside=self._turns.aside)

    def answer(self, service: Service, call: HookCall, client: Client) -> Answer:
        """The cards for a call. Trouble of ours never disturbs the clinician: no cards, and an id to ask for.

        Raises:
            PatientUnavailable: the Patient resource is missing and could not be read.
            Undecided: so much is missing that not one rule could be decided.
        """
        end = "answered"
        try:
            return self._answer(service, call, client)
        except (PatientUnavailable, Undecided):
            end = "undecided"
            raise
        except Exception as error:
            end = "failed"
            return Answer({"cards": []}, logged("hook_call_failed", error))
        finally:
            observe.CALLS.labels(client.name, call.hook, end).inc()

    def _answer(self, service: Service, call: HookCall, client: Client) -> Answer:
        clock, today = _Clock(), self._runtime.today()
        ehr = self._ehrs.named_by(call, client.settings.fhir_servers)
        asked = service.templates(client.profile.prefetch_tokens)
        gathered = gather(call, asked, ehr, today, client.profile.null_means, service.past(today))
        clock.took("gather")
        considered = consider(service.packs, gathered.record, today, self._runtime.engine, gathered.unavailable)
        if keys := undecidable(considered, gathered):
            raise Undecided(keys)
        clock.took("evaluate")
        entry = CallEntry(client.name, call.hook, self._now(), call.patient, user=call.user, encounter=call.encounter)
        decision = self._decided(considered, call, client, entry)
        clock.took("policy")
        made = self._agency_cards(call, gathered, client) if service.is_dispatch else self._made(decision, call, client)
        clock.took("compile")
        self._turns.give_up()
        self._ledger.record(_complete(entry, made, gathered, clock))
        clock.took("ledger")
        _count(client, call, made, gathered, clock)
        LOG.info(
            "hook_call_answered client=%s hook=%s cards=%d silent=%d held=%d not_loaded=%s",
            client.name, call.hook, len(made.cards), len(decision.silent), len(decision.held),
            ",".join(sorted(gathered.unavailable)),
        )  # fmt: skip
        return Answer({"cards": list(made.cards)}, made.error_id, clock.durations)

    def _decided(self, considered: Considered, call: HookCall, client: Client, entry: CallEntry) -> Decision:
        advice = not_drafted(considered.advice, drafted(call), client.settings.order_codes)
        situation = Situation(
            client.name,
            call.patient,
            entry.at,
            self._ledger.user_hash(client.name, call.user),
            self._ledger.encounter_hash(client.name, call.encounter),
        )
        topics = {each.rule.id.text for each in advice}
        is_canary = self._governance.is_canary(call.patient)
        past = self._ledger.history(client.name, call.patient, topics, entry.at - LONGEST) if topics and not is_canary else []
        decision = decide(advice, situation, past, self._governance.terms(client, entry.at, canary=is_canary))
        drafted_already = tuple(Held(each, DRAFTED) for each in considered.advice if each not in advice)
        return replace(decision, held=(*decision.held, *drafted_already))

    def _made(self, decision: Decision, call: HookCall, client: Client) -> _Made:
        """A silent card is compiled too: what it would have been must have been possible."""
        cards: list[Json] = []
        entries: list[CardEntry] = []
        error_id: str | None = None
        states = chain(((each, CardState.RETURNED) for each in decision.shown), ((each, CardState.SILENT) for each in decision.silent))
        for chosen, state in states:
            links = self._links(chosen.advice, client)
            compiled = compile_card(chosen.advice, client, self._new_id, requester=call.user, links=links)
            if trouble := _trouble(compiled, chosen, client, drafts(call)):
                error_id = trouble
                continue
            if state is CardState.RETURNED:
                cards.append(compiled.card)
            offers = list(_offers(compiled))
            entries.append(self._entries.of(chosen.advice, compiled.card["uuid"], state, arm=chosen.arm, suggestions=offers))
        for held in decision.held:
            entries.append(self._entries.of(held.advice, self._new_id(), CardState.SUPPRESSED, reason=held.reason, arm=held.arm))
        if self._governance.is_canary(call.patient):
            entries = [entry.of_canary() for entry in entries]
        return _Made(tuple(cards), tuple(entries), error_id)

    def _links(self, advice: Advice, client: Client) -> list[Json]:
        """To the page about the rule, where clinicians can reach it."""
        base = self._runtime.settings.public_url
        label = texts(client.settings.language).say("about rule")
        return [{"label": label, "url": f"{base.rstrip('/')}/rules/{advice.rule.id.text}", "type": "absolute"}] if base else []

    def _agency_cards(self, call: HookCall, gathered: Gathered, client: Client) -> _Made:
        """About the choice of an agency: a card for each order about which there is something to say."""
        choices = self._partners.choices(call, gathered, self._runtime.today()) if self._partners else ()
        made = [(choice, compile_choice(choice, client, self._new_id)) for choice in choices[: client.max_cards]]
        wrong = [each for _, card in made for each in response_problems({"cards": [card]}) or limit_problems(card, client.profile)]
        if wrong:
            LOG.error("agency_card_invalid problems=%s", "; ".join(wrong))
            return _Made((), (), logged("card_dropped", InvalidCard()))
        entries = tuple(
            CardEntry(card["uuid"], DISPATCH, "directory", "", "", TOPIC, CardState.RETURNED, 0, choice.as_of) for choice, card in made
        )
        return _Made(tuple(card for _, card in made), entries, None)


def _count(client: Client, call: HookCall, made: _Made, gathered: Gathered, clock: _Clock) -> None:
    observe.timed(clock.durations)
    for entry in made.entries:
        observe.CARDS.labels(client.name, entry.rule, entry.state).inc()
    if gathered.unavailable:
        observe.INCOMPLETE.labels(client.name, call.hook).inc()


def _trouble(compiled: Compiled, chosen: Chosen, client: Client, orders: frozenset[str]) -> str | None:
    """The error id of a card that breaks the standard, or the limits of its client; ``None``: it may be sent.

    ``orders`` are the drafts of the call, which alone it may change.
    """
    body = {"cards": [compiled.card]}
    problems = response_problems(body) or target_problems(body, orders) or limit_problems(compiled.card, client.profile)
    if not problems:
        return None
    observe.CARDS.labels(client.name, chosen.advice.rule.id.text, "dropped").inc()
    LOG.error("card_invalid rule=%s problems=%s", chosen.advice.rule.id.text, "; ".join(problems))
    return logged("card_dropped", InvalidCard())


def _offers(compiled: Compiled) -> Iterator[SuggestionEntry]:
    """What the ledger keeps of each suggestion: of a referral the order that was offered, and what the client makes of it by itself."""
    actions = {each["uuid"]: each.get("actions", []) for each in compiled.card.get("suggestions", ())}
    for offered in compiled.suggestions:
        resources = [action["resource"] for action in actions[offered.suggestion] if "resource" in action]
        order = next((each for each in resources if each["resourceType"] == "ServiceRequest"), None)
        meaning: Json = {"creates": list(offered.created)} | ({"order": order} if order else {})
        yield SuggestionEntry(offered.suggestion, offered.kind, meaning)


def _complete(entry: CallEntry, made: _Made, gathered: Gathered, clock: _Clock) -> CallEntry:
    missing = tuple(sorted(gathered.unavailable))
    return replace(entry, cards=made.entries, durations=dict(clock.durations), not_loaded=missing, error_id=made.error_id)
