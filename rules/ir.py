"""What a pack means: typed, frozen operators, and the three-valued logic they obey. Defined here and only here.

``None`` is *unknown*. A condition over unknown facts is yes or no only where every possible value would give that same answer to
its connectives (Kleene's strong logic).
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rules.days import Duration
from rules.facts import Coding, Value
from rules.units import Conversion

FactType = Literal["yes/no", "number", "word"]
Operator = Literal[">", ">=", "<", "<=", "=", "!="]

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class PatientFact:
    """A fact about the person: ``age`` (whole years), ``sex``, ``deceased``, ``language``, ``postcode``."""

    name: str
    attribute: str
    type: FactType


@dataclass(frozen=True, slots=True)
class EventFact:
    """One nullable value reduced from a person's events."""

    name: str
    aggregate: str
    """``exists``, ``count``, ``latest`` or ``time since latest``."""
    tables: tuple[str, ...]
    type: FactType
    codes: frozenset[Coding] | None = None
    """The event carries one of these; ``None``: any event of the tables."""
    statuses: tuple[tuple[str, frozenset[str]], ...] = ()
    """For each table, the statuses that count."""
    within: Duration | None = None
    since: str | None = None
    """Name of a *latest* fact: only events on or after the day of its event."""
    household: bool = False
    """Also the events of the others at the same address."""
    unit: str | None = None
    conversions: tuple[Conversion, ...] = ()
    words: tuple[tuple[str, frozenset[Coding]], ...] = ()
    """For a question: each word with the answers that mean it, the word that wins among simultaneous answers first."""
    scale: str | None = None
    """Unit of ``time since latest``: day, week, month, year."""


Fact = PatientFact | EventFact


# ---------------------------------------------------------------- conditions


@dataclass(frozen=True, slots=True)
class Holds:
    """A yes/no fact is yes."""

    fact: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A number fact compared with a constant in the fact's own unit."""

    fact: str
    op: Operator
    number: float


@dataclass(frozen=True, slots=True)
class Is:
    """A word fact has this word."""

    fact: str
    word: str


@dataclass(frozen=True, slots=True)
class Known:
    """A fact has a value. Never unknown itself."""

    fact: str


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary; unknown stays unknown."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """No if any part is no; else unknown if any part is unknown; else yes."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Yes if any part is yes; else unknown if any part is unknown; else no."""

    parts: tuple["Condition", ...]


Leaf = Holds | Compare | Is | Known
Condition = Leaf | Not | All | Any


def truth(condition: Condition, values: Mapping[str, Value]) -> bool | None:
    """The three-valued answer of ``condition`` when the facts have these ``values``."""
    match condition:
        case Not(part):
            inner = truth(part, values)
            return None if inner is None else not inner
        case All(parts):
            answers = [truth(p, values) for p in parts]
            return False if False in answers else None if None in answers else True
        case Any(parts):
            answers = [truth(p, values) for p in parts]
            return True if True in answers else None if None in answers else False
        case Known(fact):
            return values[fact] is not None
    return _leaf_truth(condition, values[condition.fact])


def _leaf_truth(leaf: Holds | Compare | Is, value: Value) -> bool | None:
    if value is None:
        return None
    if isinstance(leaf, Compare):
        assert isinstance(value, int | float)  # noqa: S101 - the parser has checked the fact's type
        return OPERATORS[leaf.op](value, leaf.number)
    return value == leaf.word if isinstance(leaf, Is) else value is True


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every leaf of a condition, from left to right."""
    match condition:
        case Not(part):
            yield from leaves(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from leaves(part)
        case _:
            yield condition


# ---------------------------------------------------------------- programs


@dataclass(frozen=True, slots=True)
class Derived:
    """A yes/no value computed from facts: a derived fact, or a rule."""

    name: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Program:
    """A pack as engines see it.

    ``facts`` stand in evaluation order (an anchor before the facts that count ``since`` it), ``derived`` in dependency order;
    ``rules`` names the derived values that are rules.
    """

    facts: tuple[Fact, ...]
    derived: tuple[Derived, ...]
    rules: tuple[str, ...]
    by_name: Mapping[str, Fact] = field(init=False, repr=False, compare=False)
    conditions: Mapping[str, Condition] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.facts})
        object.__setattr__(self, "conditions", {d.name: d.condition for d in self.derived})

    def facts_behind(self, name: str) -> tuple[str, ...]:
        """The base facts that a rule or derived fact rests on, in the program's order."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in self.conditions:
                waiting += [leaf.fact for leaf in leaves(self.conditions[current])]
            else:
                found.add(current)
        return tuple(f.name for f in self.facts if f.name in found)


def derive(program: Program, facts: Mapping[str, Value]) -> dict[str, bool | None]:
    """Every derived fact and rule, given the base facts: the rules layer, in one line per value."""
    values: dict[str, Value] = dict(facts)
    answers: dict[str, bool | None] = {}
    for derived in program.derived:
        values[derived.name] = answers[derived.name] = truth(derived.condition, values)
    return answers
