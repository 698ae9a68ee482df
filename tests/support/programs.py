"""Programs at random: every kind of fact, window, leaf and connective, within what every engine can hold."""

from typing import Final

from support.draws import ANSWERS, CODES, HBA1C, LANGUAGES, NUMBERS, POSTCODES, WORDS, Draws

from rules import days
from rules.facts import TABLES, Coding
from rules.grammar import ATTRIBUTES, SEXES
from rules.ir import (
    OPERATORS,
    All,
    Any,
    Compare,
    Condition,
    Derived,
    EventFact,
    Fact,
    FactType,
    Holds,
    Is,
    Known,
    Leaf,
    Not,
    Operator,
    PatientFact,
    Program,
)
from rules.units import conversions

MAX_DEPTH: Final = 4
EVENT_FACTS: Final = 14
DERIVED_FACTS: Final = 4
TABLE_NAMES: Final = tuple(TABLES)[:4]
"""Four tables of the seven: the others differ in nothing but their names and statuses, and events must meet facts."""
_OPERATORS: Final[tuple[Operator, ...]] = tuple(OPERATORS)  # type: ignore[arg-type]
_WINDOWS: Final = (("day", (1, 30, 365)), ("week", (1, 6, 52)), ("month", (1, 3, 6, 12, 13)), ("year", (1, 2, 10)))
_AGGREGATE: Final = {"number": "latest", "word": "latest", "since": "time since latest"}
_TYPE: Final[dict[str, FactType]] = {"exists": "yes/no", "word": "word"}


def random_program(draws: Draws, rules: int) -> Program:
    """A program with so many rules."""
    facts: dict[str, Fact] = {name: PatientFact(name, name, kind) for name, kind in ATTRIBUTES.items()}
    for number in range(EVENT_FACTS):
        fact = _event_fact(draws, f"r0/e{number}" if number % 5 == 0 else f"e{number}", facts)
        facts[fact.name] = fact
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
    kind = draws.choice(("exists", "exists", "count", "number", "number", "word", "word", "since"))
    tables = draws.some(TABLE_NAMES, 2)
    codes = draws.maybe(frozenset(draws.some(HBA1C if draws.chance(0.3) else CODES, 3)), 0.85)
    unit = draws.choice(("%", "%", "mmol/mol", "{score}", "kg")) if kind == "number" else None
    return EventFact(
        name=name,
        aggregate=_AGGREGATE.get(kind, kind),
        tables=tables,
        type=_TYPE.get(kind, "number"),
        codes=codes,
        statuses=_statuses(draws, tables),
        within=draws.maybe(_window(draws), 0.6),
        since=_anchor(draws, earlier),
        household=draws.chance(0.3),
        unit=unit,
        conversions=conversions(codes or (), unit) if unit else (),
        words=_words(draws) if kind == "word" else (),
        scale=draws.choice(days.UNITS) if kind == "since" else None,
    )


def _statuses(draws: Draws, tables: tuple[str, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
    if draws.chance(0.75):
        return tuple((t, TABLES[t].counted) for t in tables)
    written = frozenset(draws.some(sorted(frozenset().union(*(TABLES[t].known for t in tables))), 5))
    return tuple((t, written) for t in tables)


def _window(draws: Draws) -> days.Duration:
    unit, counts = draws.choice(_WINDOWS)
    return days.Duration(draws.choice(counts), unit)


def _anchor(draws: Draws, earlier: dict[str, Fact]) -> str | None:
    """A *latest* fact to count from. Chains of two links come often, longer ones never."""
    latest = [f for f in earlier.values() if isinstance(f, EventFact) and f.aggregate == "latest"]
    roots = [f.name for f in latest if f.since is None]
    links = [f.name for f in latest if f.since in roots]
    if not roots or not draws.chance(0.3):
        return None
    return draws.choice(links if links and draws.chance(0.5) else roots)


def _words(draws: Draws) -> tuple[tuple[str, frozenset[Coding]], ...]:
    """One to four words; every answer means one word at most."""
    answers = draws.sample(ANSWERS, len(ANSWERS))
    words = draws.some(WORDS, len(WORDS))
    return tuple((word, frozenset(answers[i :: len(words)][: draws.randint(1, 2)])) for i, word in enumerate(words))


# ---------------------------------------------------------------- conditions


def _condition(draws: Draws, facts: dict[str, Fact], derived: tuple[str, ...], depth: int) -> Condition:
    if depth == 0 or draws.chance(0.15):
        return _leaf_or_contrary(draws, facts, derived)
    kind = draws.choice(("all", "all", "any", "any", "none", "not"))
    parts = tuple(_condition(draws, facts, derived, depth - 1) for _ in range(1 if kind == "not" else draws.randint(2, 3)))
    match kind:
        case "all":
            return All(parts)
        case "any":
            return Any(parts)
        case "none":
            return Not(Any(parts))
    return Not(parts[0])


def _leaf_or_contrary(draws: Draws, facts: dict[str, Fact], derived: tuple[str, ...]) -> Condition:
    if derived and draws.chance(0.2):
        return Holds(draws.choice(derived))
    leaf = _leaf(draws, draws.choice(tuple(facts.values())))
    return Not(leaf) if draws.chance(0.2) else leaf


def _leaf(draws: Draws, fact: Fact) -> Leaf | All:
    if draws.chance(0.12):
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
        return tuple(word for word, _ in fact.words)
    return {"sex": SEXES, "language": LANGUAGES}.get(fact.attribute, POSTCODES)


def numbers_of(fact: Fact) -> tuple[float, ...]:
    """The numbers that a fact is compared with."""
    if isinstance(fact, PatientFact):
        return (0.0, 16.0, 18.0, 50.0, 65.0)
    if fact.aggregate == "count":
        return (0.0, 1.0, 2.0, 3.0, 1.5)
    return (0.0, 1.0, 3.0, 12.0, 30.0) if fact.scale else NUMBERS
