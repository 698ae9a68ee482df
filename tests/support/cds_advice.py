"""Advice about the person of `support.cds_calls`, and clients of every kind to show it."""

from collections.abc import Callable
from datetime import date
from itertools import count
from typing import Any, Final

from support.cds_calls import AS_OF, PATIENT, prefetch, resources

from fhir_adapters import records_from_resources
from plugin.cds.advice import Advice, advise
from plugin.cds.clients.client import Client
from plugin.cds.clients.profile import profile
from plugin.settings import ClientSettings
from rules.engines.reference import ReferenceEngine
from rules.facts import PersonRecord
from rules.pack import BUILT_IN, Pack, load_packs

FOOD: Final = "http://snomed.info/sct|467771000124109"
HOUSING: Final = "http://snomed.info/sct|710911006"
ORDERS: Final = "urn:com.epic.cdshooks.action.code.system.preference-list-item"


def client_of(name: str, change: dict[str, Any] | None = None, **settings: Any) -> Client:
    """A client with the profile ``name``; ``change`` alters the profile, the rest is its settings."""
    return Client(name, profile(name).model_copy(update=change or {}), ClientSettings(profile=name, **settings))


def record(**keys: Any) -> PersonRecord:
    """The person, with some keys of the prefetch changed."""
    return records_from_resources(resources(prefetch(**keys)), PATIENT, ())


def advised(person: PersonRecord | None = None, pack: Pack | None = None) -> list[Advice]:
    """Everything that the shipped pack (or ``pack``) has to say about the person, the most urgent first."""
    packs = [pack] if pack else load_packs(BUILT_IN)
    return list(advise(packs, person or record(), date.fromisoformat(AS_OF), ReferenceEngine(), 10))


def numbered() -> Callable[[], str]:
    """Makes UUIDs that are the same in every run."""
    numbers = count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"
