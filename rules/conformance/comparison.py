"""Engines side by side: the same people in each, and what differs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rules.engines import Engine, Evaluation
from rules.errors import EnginesDisagree
from rules.facts import PersonRecord, Value
from rules.ir import Program


@dataclass(frozen=True, slots=True)
class Difference:
    """One person about whom an engine says something else than the reference."""

    engine: str
    record: PersonRecord
    names: tuple[str, ...]
    reference: Mapping[str, Value]
    other: Mapping[str, Value]


def differences(
    engines: Mapping[str, Engine], program: Program, people: Sequence[PersonRecord], as_of: date
) -> tuple[list[Evaluation], list[Difference]]:
    """The reference's evaluations, and every difference in facts or answers between it and the other engines."""
    reference = list(engines["reference"].evaluate(program, people, as_of))
    found: list[Difference] = []
    for name, other in engines.items():
        if name != "reference":
            evaluations = list(other.evaluate(program, people, as_of))
            if [e.patient for e in evaluations] != [r.person.id for r in people]:
                raise EnginesDisagree(f"{name} answers about other people than it was asked about")
            found += (d for r, a, b in zip(people, reference, evaluations, strict=True) if (d := _difference(name, r, a, b)))
    return reference, found


def _difference(name: str, record: PersonRecord, a: Evaluation, b: Evaluation) -> Difference | None:
    left, right = {**a.facts, **a.answers}, {**b.facts, **b.answers}
    names = tuple(n for n in {**left, **right} if not same(left.get(n), right.get(n)))
    return Difference(name, record, names, {n: left.get(n) for n in names}, {n: right.get(n) for n in names}) if names else None


def same(a: Value, b: Value) -> bool:
    """Equal in kind and value: ``True`` is not ``1.0``; no tolerance."""
    return type(a) is type(b) and a == b


def shrunk(record: PersonRecord, still: Callable[[PersonRecord], bool]) -> PersonRecord:
    """The person with every event and every housemate dropped without which ``still`` holds."""
    for smaller in _one_less(record):
        if still(smaller):
            return shrunk(smaller, still)
    return record


def _one_less(record: PersonRecord) -> Iterator[PersonRecord]:
    for i in range(len(record.household)):
        yield replace(record, household=record.household[:i] + record.household[i + 1 :])
    for i in range(len(record.events)):
        yield replace(record, events=record.events[:i] + record.events[i + 1 :])
    for i, member in enumerate(record.household):
        for less in (replace(member, events=member.events[:j] + member.events[j + 1 :]) for j in range(len(member.events))):
            yield replace(record, household=(*record.household[:i], less, *record.household[i + 1 :]))


def report(seed: str, engines: Mapping[str, Engine], program: Program, as_of: date, difference: Difference) -> str:
    """Everything that is needed to see a difference again: seed, day, the facts and rules it concerns, the smallest person."""
    pair = {name: engines[name] for name in ("reference", difference.engine)}
    record = shrunk(difference.record, lambda smaller: bool(differences(pair, program, [smaller], as_of)[1]))
    again = differences(pair, program, [record], as_of)[1]
    last = again[0] if again else difference
    behind = {n for name in last.names for n in program.facts_behind(name)} | set(last.names)
    return "\n".join(
        [
            f"seed {seed}, as_of {as_of}: reference and {last.engine} differ about {', '.join(last.names)}",
            *(f"  {fact}" for fact in program.facts if fact.name in behind),
            *(f"  {derived}" for derived in program.derived if derived.name in last.names),
            f"  {record.person}, not loaded: {sorted(record.not_loaded)}",
            *(f"  {event}" for event in record.events),
            *(f"  household: {member}" for member in record.household),
            f"  reference: {dict(last.reference)}",
            f"  {last.engine}: {dict(last.other)}",
        ]
    )
