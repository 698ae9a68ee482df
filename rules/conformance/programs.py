"""Programs at random: every kind of fact, window, leaf and connective, within what every engine can hold."""

from dataclasses import replace
from datetime import date
from typing import Final, Literal, get_args

from rules import days
from rules.arithmetic import Arithmetic, Constant, Expression, Reading
from rules.conformance.draws import ANSWERS, CODES, HBA1C, LANGUAGES, NUMBERS, POSTCODES, WORDS, Draws
from rules.facts import ROLES, TABLES, Coding
from rules.grammar import ATTRIBUTES, DATED_AGGREGATES, SEXES
from rules.ir import (
    Bound,
    Branch,
    ComputedFact,
    Derived,
    EventFact,
    Fact,
    FactType,
    PatientFact,
    Program,
    Relation,
    Series,
    TagTest,
    Timing,
    ValueTest,
    Window,
)
from rules.logic import OPERATORS, All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Leaf, Not, Operator
from rules.units import conversions

MAX_DEPTH: Final = 4
EVENT_FACTS: Final = 24
COMPUTED_FACTS: Final = 4
WORD_TABLES: Final = 2
DERIVED_FACTS: Final = 4
TABLE_NAMES: Final = tuple(TABLES)[:4]
"""Four tables of them all: the others differ in nothing but their names and statuses, and events must meet facts."""
_OPERATORS: Final[tuple[Operator, ...]] = tuple(OPERATORS)  # type: ignore[arg-type]
_WINDOWS: Final = (("day", (1, 30, 365)), ("week", (1, 6, 52)), ("month", (1, 3, 6, 12, 13)), ("year", (1, 2, 10)))
_TIMINGS: Final[tuple[Timing, ...]] = ("starts", "starts", "starts", *get_args(Timing))
_KINDS: Final = (
    *("exists", "exists", "all", "count", "number", "number", "number", "number", "word", "word", "since", "summary", "summary"),
    *("trend", "trend", "days covered", "day"),
)
_TYPE: Final[dict[str, FactType]] = {"exists": "yes/no", "all": "yes/no", "word": "word", "day": "date"}
AGES: Final = 3
"""Ages on other days than that of evaluation."""


def random_program(draws: Draws, rules: int) -> Program:
    """A program with so many rules."""
    facts: dict[str, Fact] = {name: PatientFact(name, name, kind) for name, kind in ATTRIBUTES.items()}
    for number in range(EVENT_FACTS):
        fact = _event_fact(draws, f"r0/e{number}" if number % 5 == 0 else f"e{number}", facts)
        facts[fact.name] = fact
    for number in range(AGES):
        facts[f"age{number}"] = PatientFact(f"age{number}", "age", "number", _day(draws, facts))
    for number in range(COMPUTED_FACTS):
        facts[f"c{number}"] = _computed_fact(draws, f"c{number}", facts)
        if number < WORD_TABLES:
            facts[f"w{number}"] = _word_table(draws, f"w{number}", facts)
    derived: dict[str, Derived] = {}
    for number in range(DERIVED_FACTS):
        derived[f"d{number}"] = Derived(f"d{number}", _condition(draws, facts, tuple(derived), draws.randint(1, 2)))
    shared = tuple(derived)
    names = tuple(f"r{number}" for number in range(rules))
    for name in names:
        derived[name] = Derived(name, _condition(draws, facts, shared, draws.randint(1, MAX_DEPTH)))
    return Program(tuple(facts.values()), tuple(derived.values()), names)


# ---------------------------------------------------------------- facts


def _event_fact(draws: Draws, name: str, earlier: dict[str, Fact]) -> EventFact:
    kind = draws.choice(_KINDS)
    aggregate = {
        "number": draws.choice(("latest", "latest", "latest", "earliest", "highest", "highest", "lowest", "lowest")),
        "word": draws.choice(("latest", "latest", "earliest")),
        "day": draws.choice(("latest", "earliest")),
        "since": "time since latest",
        "summary": draws.choice(("sum", "mean")),
    }.get(kind, kind)
    window = _window(draws, earlier)
    return EventFact(
        name=name,
        aggregate=aggregate,
        type=_TYPE.get(kind, "number"),
        series=_series(draws, "summary" if aggregate in ("highest", "lowest", "trend") else kind, 2 if draws.chance(0.3) else 0),
        window=replace(window, timing="overlaps") if kind == "days covered" else window,
        household=draws.chance(0.25),
        scale=draws.choice(days.UNITS) if kind in ("since", "trend") else None,
        days=kind == "count" and draws.chance(0.4),
        ties=_ties(draws) if kind == "number" and aggregate in ("latest", "earliest") else None,
    )


def _ties(draws: Draws) -> Literal["highest", "lowest"] | None:
    return draws.choice(("highest", "lowest", None, None, None, None))


def _day(draws: Draws, earlier: dict[str, Fact]) -> Bound:
    """Another day to be so old on: of an event, of a calendar, some time ago."""
    if anchor := _anchor(draws, earlier, 0.5):
        return Bound(anchor)
    ago = Bound(offset=_length(draws), backwards=True)
    return draws.choice((Bound(year=-1), Bound(year=0, last=True), Bound(day=date(2024, 2, 29)), ago, _moved_year(draws)))


def _moved_year(draws: Draws) -> Bound:
    """Some time before or after an end of a year: *30 days after the start of last year*; with a day more, as ``after`` means it."""
    return Bound(
        year=draws.choice((0, -1)),
        last=draws.chance(0.5),
        offset=_length(draws),
        backwards=draws.chance(0.5),
        days=draws.choice((0, 0, 1, -1)),
    )


def _series(draws: Draws, kind: str, depth: int) -> Series:
    """A series; ``depth`` is how deep relations may nest."""
    tables = draws.some(TABLE_NAMES, 2)
    codes = draws.maybe(frozenset(draws.some(HBA1C if draws.chance(0.3) else CODES, 3)), 0.85)
    measured = kind in ("number", "summary", "all") or (kind != "day" and draws.chance(0.25))
    unit = draws.choice(("%", "%", "mmol/mol", "{score}", "kg")) if measured else None
    words = _words(draws) if kind == "word" or (kind not in ("number", "summary", "day") and draws.chance(0.15)) else ()
    return Series(
        tables=tables,
        codes=codes,
        statuses=_statuses(draws, tables),
        words=words,
        answers=frozenset(draws.some([w for w, _ in words], 2)) if words and draws.chance(0.3) else None,
        unit=unit,
        conversions=conversions(codes or (), unit) if unit else (),
        values=_value_tests(draws) if unit and draws.chance(0.9 if kind == "all" else 0.4) else (),
        tags=tuple(TagTest(role, frozenset(draws.some(CODES, 3))) for role in draws.some(ROLES, 2)) if draws.chance(0.15) else (),
        usable=bool(unit or words) and draws.chance(0.7 if kind == "summary" else 0.2),
        relations=tuple(_relation(draws, depth - 1) for _ in range(draws.randint(1, 2))) if depth else (),
    )


def _value_tests(draws: Draws) -> tuple[ValueTest, ...]:
    tests = tuple(ValueTest(draws.choice(_OPERATORS), draws.choice(NUMBERS)) for _ in range(draws.randint(1, 2)))
    return tests if sum(t.op == "!=" for t in tests) < 2 else tests[:1]


def _relation(draws: Draws, depth: int) -> Relation:
    period = draws.chance(0.35)
    return Relation(
        series=_series(draws, "exists", depth if draws.chance(0.4) else 0),
        present=draws.chance(0.6),
        backwards=draws.chance(0.4),
        least=draws.maybe(_length(draws), 0 if period else 0.4),
        most=draws.maybe(_length(draws), 0 if period else 0.7),
        period=period,
    )


def _statuses(draws: Draws, tables: tuple[str, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
    if draws.chance(0.75):
        return tuple((t, TABLES[t].counted) for t in tables)
    written = frozenset(draws.some(sorted(frozenset().union(*(TABLES[t].known for t in tables))), 5))
    return tuple((t, written) for t in tables)


def _length(draws: Draws) -> days.Duration:
    unit, counts = draws.choice(_WINDOWS)
    return days.Duration(draws.choice(counts), unit)


def _window(draws: Draws, earlier: dict[str, Fact]) -> Window:
    """Up to two lower and two upper bounds: lengths before the day, fixed days, years, other facts."""
    lower = [Bound(offset=_length(draws), backwards=True)] if draws.chance(0.5) else []
    upper = [Bound(offset=_length(draws), backwards=True)] if draws.chance(0.1) else []
    if draws.chance(0.08):
        year = draws.choice((0, -1))
        lower.append(Bound(year=year))
        upper.append(Bound(year=year, last=True))
    if draws.chance(0.05):
        (lower if draws.chance(0.5) else upper).append(_moved_year(draws))
    if draws.chance(0.06):
        (lower if draws.chance(0.5) else upper).append(Bound(day=draws.choice((date(2023, 3, 1), date(2024, 2, 29)))))
    if anchor := _anchor(draws, earlier):
        offset, backwards = draws.maybe(_length(draws), 0.5), draws.chance(0.4)
        days_more = draws.choice((0, 0, 1, -1)) if offset else 0
        (lower if draws.chance(0.6) else upper).append(Bound(anchor, offset=offset, backwards=backwards, days=days_more))
        if draws.chance(0.3):
            upper.append(Bound(anchor, offset=_length(draws)))
    return Window(tuple(lower), tuple(upper), draws.choice(_TIMINGS))


def _anchor(draws: Draws, earlier: dict[str, Fact], share: float = 0.3) -> str | None:
    """A dated fact to count from. Chains of two links come often, longer ones never."""
    dated = [f for f in earlier.values() if isinstance(f, EventFact) and f.aggregate in DATED_AGGREGATES]
    roots = [f.name for f in dated if not f.window.anchors] + ["birth"]
    links = [f.name for f in dated if f.window.anchors and set(f.window.anchors) <= set(roots)]
    if not draws.chance(share):
        return None
    return draws.choice(links if links and draws.chance(0.5) else roots)


def _words(draws: Draws) -> tuple[tuple[str, frozenset[Coding]], ...]:
    """One to four words; every answer means one word at most."""
    answers = draws.sample(ANSWERS, len(ANSWERS))
    words = draws.some(WORDS, len(WORDS))
    return tuple((word, frozenset(answers[i :: len(words)][: draws.randint(1, 2)])) for i, word in enumerate(words))


# ---------------------------------------------------------------- computed facts


def _computed_fact(draws: Draws, name: str, facts: dict[str, Fact]) -> ComputedFact:
    numbers = [f.name for f in facts.values() if f.type == "number"]
    branches = [Branch(_condition(draws, facts, (), 1), _expression(draws, numbers, 1)) for _ in range(draws.randint(0, 2))]
    branches.append(Branch(All(()), _expression(draws, numbers, 2)))
    if len(branches) > 1 and draws.chance(0.4):
        branches.pop()  # a table without a last resort
    return ComputedFact(name, tuple(branches), None, draws.maybe(draws.randint(0, 2), 0.4))


def _word_table(draws: Draws, name: str, facts: dict[str, Fact]) -> ComputedFact:
    """A decision table that gives words, perhaps one word in several lines. Its conditions may look at the tables before it."""
    conditions = [_condition(draws, facts, (), draws.randint(0, 1)) for _ in range(draws.randint(1, 3))]
    conditions += [All(())] if draws.chance(0.5) else []
    return ComputedFact(name, tuple(Branch(when, draws.choice(WORDS)) for when in conditions), type="word")


def _expression(draws: Draws, numbers: list[str], depth: int) -> Expression:
    if depth == 0 or draws.chance(0.2):
        return Reading(draws.choice(tuple(numbers))) if draws.chance(0.7) else Constant(draws.choice((0.0, 1.0, 2.0, 0.5, 10.0)))
    op = draws.choice(("+", "-", "*", "/", "min", "max"))  # powers and logarithms differ in their last digit
    return Arithmetic(op, _expression(draws, numbers, depth - 1), _expression(draws, numbers, depth - 1))


# ---------------------------------------------------------------- conditions


def _condition(draws: Draws, facts: dict[str, Fact], derived: tuple[str, ...], depth: int) -> Condition:
    if depth == 0 or draws.chance(0.15):
        return _leaf_or_contrary(draws, facts, derived)
    kind = draws.choice(("all", "all", "any", "any", "none", "not", "at least"))
    parts = tuple(_condition(draws, facts, derived, depth - 1) for _ in range(1 if kind == "not" else draws.randint(2, 3)))
    match kind:
        case "all":
            return All(parts)
        case "any":
            return Any(parts)
        case "none":
            return Not(Any(parts))
        case "at least":
            more = tuple(_condition(draws, facts, derived, 0) for _ in range(draws.randint(0, 1)))
            return AtLeast(parts + more, draws.randint(1, len(parts + more)))
    return Not(parts[0])


def _leaf_or_contrary(draws: Draws, facts: dict[str, Fact], derived: tuple[str, ...]) -> Condition:
    if derived and draws.chance(0.2):
        return Holds(draws.choice(derived))
    leaf = _leaf(draws, draws.choice(tuple(facts.values())))
    return Not(leaf) if draws.chance(0.2) else leaf


def _leaf(draws: Draws, fact: Fact) -> Leaf | All:
    if draws.chance(0.12) or fact.type == "date":
        return Known(fact.name)
    if fact.type == "yes/no":
        return Holds(fact.name)
    if fact.type == "word":
        return Is(fact.name, draws.choice(_words_of(fact)))
    low, high = sorted(draws.sample(numbers_of(fact), 2))
    if draws.chance(0.15):
        return All((Compare(fact.name, ">=", low), Compare(fact.name, "<=", high)))  # between
    return Compare(fact.name, draws.choice(_OPERATORS), low)


def _words_of(fact: Fact) -> tuple[str, ...]:
    if isinstance(fact, EventFact):
        return tuple(word for word, _ in fact.series.words)
    if isinstance(fact, ComputedFact):
        return WORDS
    return {"sex": SEXES, "language": LANGUAGES}.get(fact.attribute, POSTCODES)


def numbers_of(fact: Fact) -> tuple[float, ...]:
    """The numbers that a fact is compared with."""
    if isinstance(fact, PatientFact):
        return (0.0, 16.0, 18.0, 50.0, 65.0)
    if isinstance(fact, ComputedFact):
        return (0.0, 1.0, 2.0, 5.5, 18.0)
    match fact.aggregate:
        case "count":
            return (0.0, 1.0, 2.0, 3.0, 1.5)
        case "days covered":
            return (0.0, 1.0, 29.0, 30.0, 31.0, 92.0, 364.0, 365.0)
        case "trend":
            return (-1.0, 0.0, 0.00001, 1.0)
    return (0.0, 1.0, 3.0, 12.0, 30.0) if fact.scale else NUMBERS
