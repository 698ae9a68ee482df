"""Who is who, once every Patient has been read: merged records, identifiers, records that are nobody's.

Pure look-ups over ids: `fhir_adapters.dataset` applies them to the events, a store can apply them to its rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fhir_adapters.mapping.identities import Identity
from fhir_adapters.references import is_key


class Excluded(StrEnum):
    """Why a Patient is left out of a population unless somebody asks for them."""

    INACTIVE = "not active"
    TEST = "test patient"


EXCLUDED_BY_DEFAULT: Final = frozenset(Excluded)


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose each record is."""

    survivor: Mapping[str, str] = field(default_factory=dict)
    """Id of a merged record → id of the one that survives it. Whoever is not in it stands for themselves."""
    unclear: frozenset[str] = frozenset()
    """Ids whose links run in a circle, or to more than one survivor: nothing is merged."""
    by_key: Mapping[str, str] = field(default_factory=dict)
    """``system|value`` of an identifier → id of the one (surviving) Patient who has it."""
    shared: frozenset[str] = frozenset()
    """Keys that more than one Patient has: they identify nobody."""

    def of(self, patient: str) -> str | None:
        """The surviving id for an id or a key; ``None`` if nobody, or more than one, has that identifier."""
        return self.by_key.get(patient) if is_key(patient) else self.survivor.get(patient, patient)


def owners(identities: Mapping[str, Identity], keys: Collection[str] = ()) -> Owners:
    """From what each Patient (by id) says; of identifiers only the ``keys`` that somebody asks for are looked up.

    A record whose survivor was not read survives itself: nobody is lost by a partial read.
    """
    successors: dict[str, set[str]] = defaultdict(set)
    for id, said in identities.items():
        for new in said.replaced_by:
            if new in identities:
                successors[id].add(new)
        for old in said.replaces:
            successors[old].add(id)
    ends = {id: _ends(id, successors) for id in successors}
    survivor = {id: next(iter(found)) for id, found in ends.items() if len(found) == 1}
    holders = _holders(identities, survivor, frozenset(keys)) if keys else {}
    by_key = {key: next(iter(ids)) for key, ids in holders.items() if len(ids) == 1}
    return Owners(survivor, frozenset(ends) - frozenset(survivor), by_key, frozenset(holders) - frozenset(by_key))


def _ends(id: str, successors: Mapping[str, set[str]]) -> set[str]:
    """The records at the end of every chain from ``id``; none if a chain leads back to it, or nowhere."""
    seen: set[str] = set()
    waiting = [*successors[id]]
    ends = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current not in successors:
            ends.add(current)
        waiting.extend(successors.get(current, ()))
    return set() if id in seen else ends


def _holders(identities: Mapping[str, Identity], survivor: Mapping[str, str], keys: frozenset[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for id, said in identities.items():
        for identifier in said.identifiers:
            if identifier.key in keys:
                found[identifier.key].add(survivor.get(id, id))
    return found


def exclusion(said: Identity, reasons: Iterable[Excluded]) -> Excluded | None:
    """Why a Patient is left out, of the ``reasons`` that count; test before inactive."""
    if said.test and Excluded.TEST in reasons:
        return Excluded.TEST
    return Excluded.INACTIVE if not said.active and Excluded.INACTIVE in reasons else None
