"""A pack with one thing changed: the mistakes that a rule's examples should notice.

Each mutant replaces one fact, derived fact or rule of a `Program`. What the language itself fixes (default statuses, the codes of a
value set) is not changed: that is for the tests of the language and for whoever reviews the value set.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from rules.days import Duration
from rules.explain import short, words
from rules.facts import TABLES
from rules.findings import number
from rules.ir import Bound, Branch, ComputedFact, Derived, EventFact, Fact, Program, Relation, Series, ValueTest, Window
from rules.logic import All, Any, AtLeast, Compare, Condition, Not, Operator, leaves

_TURNED: Final[dict[Operator, Operator]] = {">": ">=", ">=": ">", "<": "<=", "<=": "<", "=": "!=", "!=": "="}
_SWAPPED: Final = {"latest": "earliest", "earliest": "latest", "highest": "lowest", "lowest": "highest"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: in words, and the changed fact, derived fact or rule, which takes the place of that of the same name."""

    change: str
    node: Fact | Derived

    def of(self, program: Program) -> Program:
        """The program with the change."""
        if isinstance(self.node, Derived):
            return replace(program, derived=tuple(self.node if d.name == self.node.name else d for d in program.derived))
        return replace(program, facts=tuple(self.node if f.name == self.node.name else f for f in program.facts))


def mutants(program: Program, rule: str, unless: int) -> Iterator[Mutant]:
    """Every mutant of a rule and of what it rests on; the last ``unless`` parts of its condition are its exceptions."""
    for derived in _derived_behind(program, rule):
        exceptions = unless if derived.name == rule else 0
        for change, condition in _conditions(program, derived.condition, exceptions):
            yield Mutant(change, replace(derived, condition=condition))
    for name in program.facts_behind(rule):
        fact = program.by_name[name]
        match fact:
            case EventFact():
                yield from (Mutant(f"'{short(name)}': {change}", each) for change, each in _event_facts(fact))
            case ComputedFact():
                yield from (Mutant(f"'{short(name)}': {change}", each) for change, each in _computed_facts(program, fact))


def _derived_behind(program: Program, rule: str) -> Iterator[Derived]:
    found, waiting = set[str](), [rule]
    while waiting:
        found.add(name := waiting.pop())
        waiting += [leaf.fact for leaf in leaves(program.conditions[name]) if leaf.fact in program.conditions and leaf.fact not in found]
    return (d for d in program.derived if d.name in found)


# ---------------------------------------------------------------- conditions

_Changed = Iterator[tuple[str, Condition]]


def _conditions(program: Program, condition: Condition, unless: int = 0) -> _Changed:
    match condition:
        case Not(part):
            yield from ((change, Not(each)) for change, each in _conditions(program, part))
        case All(parts) | Any(parts) | AtLeast(parts):
            for i, part in enumerate(parts):
                if len(parts) > 1:
                    what = "'unless'" if i >= len(parts) - unless else "the condition"
                    yield f"{what} '{said(program, part)}' dropped", replace(condition, parts=parts[:i] + parts[i + 1 :])
                for change, each in _conditions(program, part):
                    yield change, replace(condition, parts=(*parts[:i], each, *parts[i + 1 :]))
            if isinstance(condition, AtLeast):
                yield from ((f"at least {n}", replace(condition, number=n)) for n in (condition.number - 1, condition.number + 1))
        case Compare(fact, op, limit):
            was = said(program, condition)
            yield f"'{was}' turned into '{_TURNED[op]}'", Compare(fact, _TURNED[op], limit)
            step = step_of(program.by_name[fact], limit)
            for moved in (limit - step, limit + step):
                yield f"'{was}' with {number(round(moved, 10))}", Compare(fact, op, round(moved, 10))


def step_of(fact: Fact, limit: float) -> float:
    """The smallest step that matters: 1 for what is counted or scored, else a tenth, or the last written decimal place."""
    counted = not isinstance(fact, EventFact) or fact.aggregate in ("count", "time since latest") or fact.unit == "{score}"
    if counted and not isinstance(fact, ComputedFact):
        return 1.0
    return _last_place(limit)


def _last_place(limit: float) -> float:
    return next((10.0**-places for places in range(1, 10) if round(limit, places) == limit), 0.1)


def said(program: Program, condition: Condition) -> str:
    """A condition in one line, as an author would say it."""
    match condition:
        case Not(part):
            return f"not {said(program, part)}"
        case All(parts):
            return " and ".join(said(program, p) for p in parts)
        case Any(parts):
            return " or ".join(said(program, p) for p in parts)
        case AtLeast(parts, number):
            return f"at least {number} of ({', '.join(said(program, p) for p in parts)})"
        case _:
            fact = program.by_name.get(condition.fact)
            return words(condition, fact.told_in if isinstance(fact, EventFact) else getattr(fact, "unit", None))


# ---------------------------------------------------------------- facts


def _event_facts(fact: EventFact) -> Iterator[tuple[str, EventFact]]:
    if other := _SWAPPED.get(fact.aggregate):
        yield f"{fact.aggregate} turned into {other}", replace(fact, aggregate=other)
    yield "of the person alone" if fact.household else "of the household", replace(fact, household=not fact.household)
    if fact.ties:
        yield "'ties' dropped", replace(fact, ties=None)
    if fact.aggregate == "count":
        yield "events counted, not days" if fact.days else "days counted, not events", replace(fact, days=not fact.days)
    yield from ((change, replace(fact, window=window)) for change, window in _windows(fact.window))
    yield from ((change, replace(fact, series=series)) for change, series in _series(fact.series))


def _windows(window: Window) -> Iterator[tuple[str, Window]]:
    for side in ("lower", "upper"):
        bounds: tuple[Bound, ...] = getattr(window, side)
        for i, bound in enumerate(bounds):
            for by in (-1, 1):
                end = "begins" if side == "lower" else "ends"
                nudged = replace(bound, days=bound.days + by)
                changed = (*bounds[:i], nudged, *bounds[i + 1 :])
                lower, upper = (changed, window.upper) if side == "lower" else (window.lower, changed)
                yield f"the window {end} a day {'earlier' if by < 0 else 'later'}", replace(window, lower=lower, upper=upper)


def _series(series: Series) -> Iterator[tuple[str, Series]]:
    for table, counted in series.statuses:
        for status in sorted(counted) if counted != TABLES[table].counted else ():
            rest = tuple((t, c - {status} if t == table else c) for t, c in series.statuses)
            yield f"the status '{status}' dropped", replace(series, statuses=rest)
    for word, _ in series.words if len(series.words) > 1 else ():
        yield f"the answers that mean '{word}' dropped", replace(series, words=tuple(w for w in series.words if w[0] != word))
    for word in sorted(series.answers or ()):
        yield f"answer '{word}' dropped", replace(series, answers=frozenset(series.answers or ()) - {word})
    for row in series.conversions[1:]:
        what = f"the conversion from {row.source or 'no unit'} to {row.target} dropped"
        yield what, replace(series, conversions=tuple(c for c in series.conversions if c is not row))
    for i, tag in enumerate(series.tags):
        yield f"the {tag.role} dropped", replace(series, tags=series.tags[:i] + series.tags[i + 1 :])
    if series.usable:
        yield "'usable only' dropped", replace(series, usable=False)
    yield from _values(series)
    yield from _relations(series)


def _values(series: Series) -> Iterator[tuple[str, Series]]:
    for i, test in enumerate(series.values):
        was, others = f"value {test.op} {number(test.number)}", (series.values[:i], series.values[i + 1 :])
        yield f"'{was}' dropped", replace(series, values=others[0] + others[1])
        step = 1.0 if series.unit == "{score}" else _last_place(test.number)
        for op, limit in ((_TURNED[test.op], test.number), (test.op, test.number - step), (test.op, test.number + step)):
            changed = ValueTest(op, round(limit, 10))
            what = f"'{was}' turned into '{op} {number(changed.number)}'"
            yield what, replace(series, values=(*others[0], changed, *others[1]))


def _relations(series: Series) -> Iterator[tuple[str, Series]]:
    for i, relation in enumerate(series.relations):
        before, after = series.relations[:i], series.relations[i + 1 :]
        name = f"'{relation.said}'"
        yield f"{name} dropped", replace(series, relations=before + after)
        for change, changed in _related(relation):
            yield f"{name}: {change}", replace(series, relations=(*before, changed, *after))


def _related(relation: Relation) -> Iterator[tuple[str, Relation]]:
    yield "turned into its contrary", replace(relation, present=not relation.present)
    for length in _lengths(relation.least):
        yield f"at least {length}", replace(relation, least=length)
    for length in _lengths(relation.most):
        yield f"within {length}", replace(relation, most=length)
    yield from ((change, replace(relation, series=series)) for change, series in _series(relation.series))


def _lengths(length: Duration | None) -> Iterator[Duration]:
    """A day less and more; of months and years, which no number of days can say, one less and more."""
    if length is not None:
        whole = Duration(length.count * 7, "day") if length.unit == "week" else length
        yield from (replace(whole, count=whole.count + by) for by in (-1, 1) if whole.count + by > 0)


def _computed_facts(program: Program, fact: ComputedFact) -> Iterator[tuple[str, ComputedFact]]:
    for i, branch in enumerate(fact.branches):
        before, after = fact.branches[:i], fact.branches[i + 1 :]
        if len(fact.branches) > 1:
            yield f"line {i + 1} of the table dropped", replace(fact, branches=before + after)
        for change, condition in _conditions(program, branch.when):
            yield change, replace(fact, branches=(*before, Branch(condition, branch.value), *after))
        for word in (w for w in fact.words if w != branch.value):
            yield f"line {i + 1} of the table gives '{word}'", replace(fact, branches=(*before, Branch(branch.when, word), *after))
