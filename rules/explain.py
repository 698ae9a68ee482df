"""Why a rule says yes, why not, or what is missing: one explanation for cards, worklists and audit, whichever engine answered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rules import days
from rules.engines.base import FactResult
from rules.engines.matching import rank, word_of_rank
from rules.facts import Event, PersonRecord, Value
from rules.findings import ANSWERS, Evidence, number
from rules.ir import ComputedFact, EventFact, Fact, PatientFact, Program
from rules.logic import All, Any, AtLeast, Compare, Condition, Group, Holds, Is, Known, Leaf, Not, combined, judge, quorum

MAX_EVIDENCE: Final = 5
"""Of a count, so many events are shown, the latest first."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of the explanation: what was asked, what the record says, and where."""

    fact: str
    """The fact's name as its author wrote it."""
    asks: str
    """The condition in words: ``hba1c > 9 %``."""
    value: Value
    unit: str | None
    evidence: tuple[Evidence, ...]


def short(name: str) -> str:
    """A fact's name as its author wrote it, without the rule that it belongs to."""
    return name.rpartition("/")[2]


def explain(
    program: Program, rule: str, record: PersonRecord, results: Mapping[str, FactResult], values: Mapping[str, Value]
) -> tuple[Reason, ...]:
    """The smallest set of facts that decides the answer of ``rule``.

    For yes: what makes it true. For no: what stands against it. For unknown: what is missing. ``results`` are the base facts with
    their events, ``values`` all facts and derived values.
    """
    settled: dict[str, tuple[Leaf, ...]] = {}
    for name, deciding in _behind(program, rule):
        settled[name] = tuple(dict.fromkeys(deciding(values, settled)[1]))
    return tuple(_reason(program, leaf, record, results, values) for leaf in settled[rule] if _worth_telling(program, leaf, values))


def _worth_telling(program: Program, leaf: Leaf, values: Mapping[str, Value]) -> bool:
    """That nobody noted a death is no reason for anything."""
    return not (isinstance(program.by_name[leaf.fact], PatientFact) and values[leaf.fact] is False)


_Leaves = tuple[Leaf, ...]
_Deciding = Callable[[Mapping[str, Value], Mapping[str, _Leaves]], tuple[bool | None, _Leaves]]
"""The answer of a condition and the leaves that decide it, given the values of all facts, and what has settled the derived ones."""


@lru_cache(maxsize=1 << 14)
def _behind(program: Program, rule: str) -> tuple[tuple[str, _Deciding], ...]:
    """The derived values behind a rule in dependency order, each once: they may be many, and meet again and again."""
    return tuple((derived.name, _deciding(derived.condition)) for derived in program.only((rule,)).derived)


def _deciding(condition: Condition) -> _Deciding:
    """What ``condition`` means, ready to be asked of one person's facts after another (as in `rules.logic.judge`)."""
    match condition:
        case Not(part):
            return _contrary(_deciding(part))
        case All() | Any() | AtLeast():
            return _of_group(condition, [_deciding(part) for part in condition.parts])
    judged, name, itself = judge(condition), condition.fact, (condition,)
    return lambda values, settled: (judged(values), settled.get(name, itself))


def _contrary(part: _Deciding) -> _Deciding:
    def deciding(values: Mapping[str, Value], settled: Mapping[str, _Leaves]) -> tuple[bool | None, _Leaves]:
        answer, leaves = part(values, settled)
        return None if answer is None else not answer, leaves

    return deciding


def _of_group(group: Group, members: list[_Deciding]) -> _Deciding:
    def deciding(values: Mapping[str, Value], settled: Mapping[str, _Leaves]) -> tuple[bool | None, _Leaves]:
        parts = [member(values, settled) for member in members]
        answer = combined(group, [found for found, _ in parts])
        same = [leaves for found, leaves in parts if found is answer]
        needed = len(same) if answer is None else quorum(group, answer)
        chosen = sorted(range(len(same)), key=lambda i: len(same[i]))[:needed]
        return answer, tuple(leaf for i in sorted(chosen) for leaf in same[i])

    return deciding


def _reason(program: Program, leaf: Leaf, record: PersonRecord, results: Mapping[str, FactResult], values: Mapping[str, Value]) -> Reason:
    name, asks, unit = _asked(program, leaf)
    return Reason(name, asks, values[leaf.fact], unit, tuple(evidence(program, leaf.fact, record, results)))


@lru_cache(maxsize=1 << 14)
def _asked(program: Program, leaf: Leaf) -> tuple[str, str, str | None]:
    """What of a reason is the same for everybody: the fact's name, the condition in words, and the unit."""
    unit = _unit(program.by_name[leaf.fact])
    return short(leaf.fact), words(leaf, unit), unit


def _unit(fact: Fact) -> str | None:
    match fact:
        case ComputedFact(unit=unit):
            return unit
        case EventFact():
            return fact.told_in
    return None


def words(leaf: Leaf, unit: str | None) -> str:
    """A leaf as an author would write it."""
    name = short(leaf.fact)
    match leaf:
        case Holds():
            return name
        case Is(_, word):
            return f"{name} is {word}"
        case Known():
            return f"{name} is known"
        case Compare(_, op, limit):
            return f"{name} {op} {number(limit)}{f' {unit}' if unit else ''}"


def evidence(program: Program, name: str, record: PersonRecord, results: Mapping[str, FactResult]) -> Iterator[Evidence]:
    """The pieces of the record behind a fact. An absence has none; a computed fact has those of the facts it is computed from."""
    fact, result = program.by_name[name], results[name]
    match fact:
        case PatientFact():
            if result.value is not None:
                shown = ANSWERS[result.value] if isinstance(result.value, bool) else result.value
                yield Evidence(short(name), f"Patient/{record.person.id}", "", shown)
        case ComputedFact():
            for used in fact.uses():
                yield from evidence(program, used, record, results)
        case EventFact():
            for event in sorted(result.events, key=lambda e: e.order, reverse=True)[:MAX_EVIDENCE]:
                unit = event.unit if event.value is not None else None
                yield Evidence(short(name), event.source, days.shown(event.start), _said(fact, event), unit)


def _said(fact: EventFact, event: Event) -> float | str | None:
    return word_of_rank(fact.series, rank(fact.series, event)) if fact.series.words else event.value
