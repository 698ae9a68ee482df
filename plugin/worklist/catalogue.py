"""A page about each rule, computed from the rule itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plugin.worklist.attributes import Use, uses
from rules import document as doc
from rules.examples import ExampleCase
from rules.explain import short
from rules.facts import TABLES, Coding
from rules.ir import Bound, EventFact, Fact, PatientFact, Series
from rules.pack import Pack
from rules.valuesets import SYSTEMS

MAX_CODES: Final = 8
"""A value set can hold hundreds of codes; the rule's text names the set."""

_SHORT_SYSTEMS: Final = {uri: name for name, uri in SYSTEMS.items()}


@dataclass(frozen=True, slots=True)
class Reads:
    """One fact of a rule: what it takes from the record."""

    fact: str
    what: str
    codes: tuple[str, ...]
    more_codes: int
    window: str
    statuses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RulePage:
    """Everything that is to be said about a rule."""

    pack: doc.Pack
    rule: doc.Rule
    reads: tuple[Reads, ...]
    uses: tuple[Use, ...]
    cases: tuple[ExampleCase, ...]
    source: str


def rule_page(packs: Sequence[Pack], rule_id: str) -> RulePage:
    """The page of a rule.

    Raises:
        KeyError: no pack has such a rule.
    """
    for pack in packs:
        if rule_id in pack.program.rules:
            rule = pack.rule(rule_id)
            return RulePage(
                pack=pack.document,
                rule=rule,
                reads=tuple(line for name in pack.program.facts_behind(rule_id) for line in _reads(pack.program.by_name[name])),
                uses=uses(pack.program, rule_id),
                cases=tuple(case for case in pack.cases if case.rule == rule_id),
                source=Path(rule.id.span.path).read_text(encoding="utf-8-sig"),
            )
    raise KeyError(rule_id)


def rules_by_id(packs: Sequence[Pack]) -> dict[str, doc.Rule]:
    """Every rule of every pack."""
    return {rule.id.text: rule for pack in packs for rule in pack.document.rules}


def patient_facts(packs: Sequence[Pack]) -> dict[str, frozenset[str]]:
    """For each rule, the names of its facts about the patient (age, sex, deceased); the others are about events."""
    return {
        rule: frozenset(short(name) for name in pack.program.facts_behind(rule) if isinstance(pack.program.by_name[name], PatientFact))
        for pack in packs
        for rule in pack.program.rules
    }


def _reads(fact: Fact) -> Iterator[Reads]:
    """A line for each series of a fact: its own, and those of the events that must stand in relation to it."""
    match fact:
        case PatientFact():
            attribute = "birthDate" if fact.attribute in ("age", "birth") else fact.attribute
            yield Reads(short(fact.name), f"Patient: {attribute}", (), 0, "", ())
        case EventFact():
            for series in reversed(list(fact.series.nested())):
                yield _reads_series(fact, series)


def _reads_series(fact: EventFact, series: Series) -> Reads:
    codes = sorted(map(_code, series.codes or ()))
    return Reads(
        fact=short(fact.name),
        what=", ".join(_resources(fact, series)),
        codes=tuple(codes[:MAX_CODES]) if series.codes is not None else ("any",),
        more_codes=max(0, len(codes) - MAX_CODES),
        window=" and ".join(_window(fact)) if series is fact.series else "in relation to it",
        statuses=tuple(dict.fromkeys(status for _, counted in series.statuses for status in sorted(counted))),
    )


def _resources(fact: EventFact, series: Series) -> Iterator[str]:
    for table in series.tables:
        yield from TABLES[table].resource_types
    if fact.household:
        yield "also of others at the same address"


def _window(fact: EventFact) -> Iterator[str]:
    if fact.window.timing != "starts":
        yield fact.window.timing
    for bound, word in (*((b, "from") for b in fact.window.lower), *((b, "to") for b in fact.window.upper)):
        yield f"{word} {_place(bound)}"


def _place(bound: Bound) -> str:
    if bound.year is not None:
        return (
            "this year's " + ("end" if bound.last else "start") if bound.year == 0 else "last year's " + ("end" if bound.last else "start")
        )
    origin = short(bound.anchor) if bound.anchor else str(bound.day) if bound.day else "today"
    return f"{bound.offset} {'before' if bound.backwards else 'after'} {origin}" if bound.offset else origin


def _code(coding: Coding) -> str:
    return f"{_SHORT_SYSTEMS.get(coding.system, coding.system)} {coding.code}"
