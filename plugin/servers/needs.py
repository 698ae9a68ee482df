"""What the packs need of a server: which resource types, and which rules need each of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fhir_adapters.mapping import beside
from fhir_adapters.smart.scopes import READ, WRITE, joined
from rules.pack import Pack
from rules.reads import resource_types

PATIENT = "Patient"


@dataclass(frozen=True, slots=True)
class Need:
    """A resource type, and the rules and measures that read it."""

    resource_type: str
    read_by: tuple[str, ...]


def needs(packs: Iterable[Pack]) -> tuple[Need, ...]:
    """Every type that some rule or measure reads, the Patient first: everything is read about somebody."""
    found: dict[str, list[str]] = {PATIENT: []}
    for name, types in _readings(packs):
        for each in (PATIENT, *types, *beside(types)):
            if name not in found.setdefault(each, []):
                found[each].append(name)
    return tuple(Need(name, tuple(sorted(found[name]))) for name in (PATIENT, *sorted(found.keys() - {PATIENT})))


def letters(found: Iterable[Need], write: Iterable[str]) -> Mapping[str, str]:
    """Resource type → what is done with it, in the letters of SMART scopes."""
    done = {need.resource_type: READ for need in found}
    return done | {name: joined((done.get(name, ""), WRITE)) for name in write}


def _readings(packs: Iterable[Pack]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pack in packs:
        yield from ((rule, resource_types(pack.program.only((rule,)))) for rule in pack.program.rules)
        yield from ((measure.id, resource_types(measure.program)) for measure in pack.measures)
