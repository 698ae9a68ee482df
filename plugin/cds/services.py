"""The services on offer, one for each hook that the packs can serve, and how they are told to a client."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import orjson

from fhir_adapters.mapping import Past
from plugin.cds.clients.profile import ClientProfile
from plugin.cds.hooks import HOOKS, Hook
from plugin.cds.past import past
from plugin.cds.prefetch import Template, Tokens, templates
from rules.document import Rule
from rules.pack import Pack

PREFIX: Final = "almoner"
"""The id of every service, where they share one; else each has the hook's name after it."""
SPECIFICATION: Final = "3.0.0"
"""The version of CDS Hooks that `discovery` names to clients of 3.0."""
DISPATCH: Final = "order-dispatch"

_ABOUT_PEOPLE: Final = ("patient-view", "encounter-start", "encounter-discharge", "appointment-book")
"""Hooks that say whose chart it is and no more: every rule is fit for them."""
_ABOUT_ORDERS: Final = ("order-select", "order-sign")
"""Hooks at which only what is another order is of use: rules that refer."""
_ABOUT_TABLES: Final = {
    "problem-list-item-create": "conditions",
    "medication-refill": "medications",
    "medication-verify": "medications",
    "allergyintolerance-create": "allergies",
}
"""Hooks that bring something new: rules that read such things."""

_NEEDS: Final = "Medical and social needs of the patient that are on record and not yet met, with the evidence and a referral."
_TEXTS: Final = {
    "order-select": "Referrals that the patient's record speaks for and that are not among the orders yet.",
    "order-sign": "Referrals that the patient's record speaks for and that are not among the orders yet.",
    DISPATCH: "Whether the chosen agency can help this patient (capacity, area, language, ages), and which others can.",
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """One hook, with what is evaluated when it is called."""

    hook: Hook
    packs: tuple[Pack, ...] = ()
    """The packs with those rules alone that this service shows; none for the choice of an agency."""
    further: tuple[str, ...] = ()
    """Resource types that it needs beside those that the rules read."""
    _templates: dict[Tokens, tuple[Template, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _past: dict[date, Past] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        """``almoner-patient-view``."""
        return f"{PREFIX}-{self.hook.name}"

    @property
    def is_dispatch(self) -> bool:
        """Whether it is about the choice of an agency."""
        return self.hook.name == DISPATCH

    def templates(self, tokens: Tokens) -> tuple[Template, ...]:
        """What a client that knows these tokens is asked to send along."""
        if tokens not in self._templates:
            self._templates[tokens] = templates([pack.program for pack in self.packs], tokens, self.further)
        return self._templates[tokens]

    def past(self, today: date) -> Past:
        """What began too long ago to change what this service says."""
        if today not in self._past:
            self._past.clear()
            self._past[today] = past([pack.program for pack in self.packs], today)
        return self._past[today]


def services(packs: Sequence[Pack], *, directory: bool = False) -> tuple[Service, ...]:
    """A service for each hook for which there is a rule in use, or watched, or, for the choice of an agency, a ``directory``."""
    offered = (Service(hook, tuple(_with_rules_for(hook.name, packs))) for hook in HOOKS.values())
    found = [service for service in offered if service.packs]
    return (*found, Service(HOOKS[DISPATCH], further=("ServiceRequest",))) if directory else tuple(found)


def _with_rules_for(hook: str, packs: Iterable[Pack]) -> Iterator[Pack]:
    for pack in packs:
        rules = tuple(rule.id.text for rule in pack.document.rules if rule.is_watched and _is_fit(rule, hook, pack))
        if rules:
            yield replace(pack, program=pack.program.only(rules))


def _is_fit(rule: Rule, hook: str, pack: Pack) -> bool:
    if hook in _ABOUT_PEOPLE:
        return True
    if hook in _ABOUT_ORDERS:
        return rule.referral is not None
    table = _ABOUT_TABLES.get(hook)
    read = {name for series in pack.program.only((rule.id.text,)).series() for name in series.tables}
    return table in read


# ---------------------------------------------------------------- discovery


def offered_to(profile: ClientProfile, all_services: Iterable[Service]) -> tuple[Service, ...]:
    """The services whose hooks a client calls."""
    return tuple(service for service in all_services if not profile.hooks or service.hook.name in profile.hooks)


def named(id: str, offered: Iterable[Service], *, same_id: bool = False) -> tuple[Service, ...]:
    """The services behind the last part of an address: one, or all of them where they share their id; none if it is unknown."""
    return tuple(service for service in offered if id == (PREFIX if same_id else service.id))


def discovery(profile: ClientProfile, all_services: Iterable[Service], *, same_id: bool = False) -> Json:
    """The answer to discovery by such a client. ``same_id``: newer cards of one hook replace those of another."""
    return {"services": [_entry(service, profile, same_id) for service in offered_to(profile, all_services)]}


def _entry(service: Service, profile: ClientProfile, same_id: bool) -> Json:
    entry = {
        "hook": service.hook.name,
        "title": "Almoner",
        "description": _TEXTS.get(service.hook.name, _NEEDS),
        "id": PREFIX if same_id else service.id,
        "prefetch": {template.key: template.query for template in service.templates(profile.prefetch_tokens)},
    }
    return entry | ({"version": SPECIFICATION, "hookVersion": service.hook.version} if profile.version == "3.0" else {})


def etag(body: Json) -> str:
    """The entity tag of an answer: the same content has the same one."""
    return f'"{hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has it already (304), by its ``If-None-Match``."""
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return tag in known or "*" in known
