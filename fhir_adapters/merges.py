"""Merged patients: records that say which record replaced them, or which they replace (``Patient.link``)."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fhir_adapters.quarantine import Json
from fhir_adapters.references import patient_id


class Links(NamedTuple):
    """Ids of the patients that a Patient resource is linked with; ``seealso`` and ``refer`` merge nothing."""

    replaced_by: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


NO_LINKS: Final = Links()


def links_of(patient: Json) -> Links:
    """The merges that a Patient resource tells of."""
    return Links(_linked(patient, "replaced-by"), _linked(patient, "replaces"))


def _linked(patient: Json, kind: str) -> tuple[str, ...]:
    links: Any = patient.get("link")
    listed = [link for link in (links if isinstance(links, list) else []) if isinstance(link, dict) and link.get("type") == kind]
    return tuple(dict.fromkeys(id for link in listed if (id := patient_id(link.get("other"))) is not None))


def survivors(links: Mapping[str, Links], known: Mapping[str, object] | frozenset[str]) -> dict[str, str]:
    """Merged id → the id that survives at the end of its chain, from the links of those who have any.

    A record whose survivor is not ``known`` survives itself, and so does one whose links run in a circle or to more than one
    survivor: nobody is lost to a wrong link.
    """
    successors: dict[str, set[str]] = defaultdict(set)
    for id, (replaced_by, replaces) in links.items():
        successors[id].update(new for new in replaced_by if new in known)
        for old in replaces:
            successors[old].add(id)
    following = {id: new for id, new in successors.items() if new}
    ends = {id: _ends(id, following) for id in following}
    return {id: found.pop() for id, found in ends.items() if len(found) == 1}


def _ends(id: str, successors: Mapping[str, set[str]]) -> set[str]:
    """The records at the end of every chain from ``id``; none if a chain leads back to it."""
    seen: set[str] = set()
    ends: set[str] = set()
    waiting = [*successors[id]]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current not in successors:
            ends.add(current)
        waiting.extend(successors.get(current, ()))
    return set() if id in seen else ends
