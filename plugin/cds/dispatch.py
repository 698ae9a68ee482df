"""The choice of a partner agency: an order is about to be sent to one, and the directory knows whether it can help, and who else can."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from fhir_adapters import gravity
from fhir_adapters.directory import Directory, Inquiry, Match, Residence, assemble, crosswalk, find, named_source, read_source
from fhir_adapters.directory.crosswalk import UNSPECIFIED
from fhir_adapters.directory.finding import LEFT_OUT
from fhir_adapters.mapping.addresses import home, postcode
from fhir_adapters.quarantine import Json
from plugin.cds.advice import AgencyChoice
from plugin.cds.gathering import Gathered
from plugin.cds.proposed import codings
from plugin.cds.request import HookCall
from rules.engines.reference import patient_value
from rules.facts import Coding
from rules.pack import Pack

LOG = logging.getLogger(__name__)

_MOST_OTHERS: Final = 3
_ASKED: Final = ("availability", "area", "age", "eligibility", "language", "capacity")
"""Criteria for which it matters whether the answer is known. A listing that is old or sparse otherwise is no reason to go elsewhere."""


def read_partners(sources: Sequence[str], as_of: date) -> Directory | None:
    """The directory in these sources (``NAME=PATH``); ``None``: there are none. Raises `fhir_adapters.errors.SourceUnreadable`."""
    if not sources:
        return None
    listed = [service for source in sources for service in read_source(named_source(source))[0]]
    return assemble(listed, crosswalk(), as_of)


@dataclass(frozen=True, slots=True)
class Partners:
    """A directory, with what the packs say about what their referrals are for."""

    directory: Directory
    domains: Mapping[Coding, str]
    """Service → the social need that it is for."""
    since: Callable[[Directory], Directory] = lambda directory: directory
    """The directory with what agencies said about their services since it was read."""

    def choices(self, call: HookCall, gathered: Gathered, as_of: date) -> tuple[AgencyChoice, ...]:
        """What there is to say about each order that is dispatched: that the chosen agency cannot help or is not listed, or that others
        leave fewer questions open. Nothing if it is not known what an order is for.

        An order that could not be read is told by the Task that is to fulfil it, if one came along.
        """
        performer = call.context.get("performer")
        if performer is None:
            return ()
        now = replace(self, directory=self.since(self.directory))
        orders = {f"ServiceRequest/{order.get('id')}": order for order in gathered.resources("ServiceRequest")}
        found = [now._choice(reference, orders, call, gathered, as_of) for reference in call.context.get("dispatchedOrders", ())]
        LOG.info("agencies_checked orders=%d to_say=%d", len(found), sum(each is not None for each in found))
        return tuple(each for each in found if each is not None)

    def _choice(self, reference: str, orders: Mapping[str, Json], call: HookCall, gathered: Gathered, as_of: date) -> AgencyChoice | None:
        told = [each for each in (orders.get(reference), _task(reference, call)) if each is not None]
        services = [coding for each in told for coding in codings(each.get("code"))]
        domain = next((name for each in told for name in self._domains(each)), None)
        if domain is None:
            return None
        performer: str = call.context["performer"]
        matches = find(self.directory, _inquiry(gathered, domain, as_of))
        chosen = next((match for match in matches if _is_of(match, performer)), None)
        others = [match for match in matches if match.verdict != LEFT_OUT and not _is_of(match, performer)]
        if chosen is not None and chosen.verdict != LEFT_OUT:
            others = [match for match in others if _open_questions(match) < _open_questions(chosen)]
        if not others and (chosen is None or chosen.verdict != LEFT_OUT):
            return None
        service = next((coding for coding in services if coding in self.domains), services[0] if services else None)
        return AgencyChoice(reference, service, domain, performer, chosen, tuple(others[:_MOST_OTHERS]), as_of)

    def _domains(self, resource: Json) -> Iterable[str]:
        """What a request is for: as its category says, else as the packs' referrals know the service."""
        listed = resource.get("category")
        categories = [coding for concept in (listed if isinstance(listed, list) else [listed]) for coding in codings(concept)]
        yield from (c.code for c in categories if c.system == gravity.CATEGORIES and c.code in gravity.DOMAINS and c.code != UNSPECIFIED)
        yield from (self.domains[coding] for coding in codings(resource.get("code")) if coding in self.domains)


def domains_of(packs: Iterable[Pack]) -> dict[Coding, str]:
    """The service of every referral of the packs, with the need that it is for."""
    referrals = (rule.referral for pack in packs for rule in pack.document.rules if rule.referral)
    return {referral.service: referral.category for referral in referrals}


def _task(reference: str, call: HookCall) -> Json | None:
    """The Task that is to fulfil an order: it may say for what."""
    for task in call.context.get("fulfillmentTasks", ()):
        focus = task.get("focus")
        if isinstance(focus, dict) and str(focus.get("reference")).endswith(reference):
            found: Json = task
            return found
    return None


def _inquiry(gathered: Gathered, domain: str, as_of: date) -> Inquiry:
    """What is asked of the directory: of the person only where they live, how old they are, and what they speak."""
    person = gathered.record.person
    age = patient_value("age", person, as_of)
    patient: Json = next(iter(gathered.resources("Patient")), {})
    listed = patient.get("address")
    addresses = [address for address in listed if isinstance(address, dict)] if isinstance(listed, list) else []
    return Inquiry(
        as_of,
        domain=domain,
        home=_residence(home(addresses)),
        age=age if isinstance(age, float) else None,
        language=person.language,
    )


def _residence(address: Json | None) -> Residence:
    if address is None:
        return Residence()
    named = {name: value if isinstance(value := address.get(name), str) else None for name in ("district", "state", "country", "city")}
    return Residence(
        postcode(address) or None, named["district"], named["state"], named["country"], (named["city"],) if named["city"] else ()
    )


def _open_questions(match: Match) -> frozenset[str]:
    """What would have to be asked before somebody is sent there. That others know it is a reason to go to them."""
    return frozenset(ground.criterion for ground in match.grounds if ground.answer is None and ground.criterion in _ASKED)


def _is_of(match: Match, performer: str) -> bool:
    """Whether a service, or the agency behind it, is the performer, in any of the listings."""
    keys = [key for listing in match.entry.listings for key in (listing.key, listing.organization.key if listing.organization else "")]
    return any(key.partition("#")[2] == performer for key in keys)
