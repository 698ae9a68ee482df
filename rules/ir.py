"""What a pack means: typed, frozen operators. Conditions stand in `rules.logic`, arithmetic in `rules.arithmetic`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from operator import attrgetter
from typing import Final, Literal

from rules.arithmetic import Expression, compute, readings, rounded
from rules.days import Duration, after, before
from rules.facts import Coding, Value
from rules.logic import Condition, Judge, Operator, judge, leaves, truth
from rules.units import Conversion

PER: Final = {"day": "d", "week": "wk", "month": "mo", "year": "a"}
"""UCUM's units of time."""
FactType = Literal["yes/no", "number", "word", "date"]


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class PatientFact:
    """A fact about the person: ``age`` (whole years), ``birth``, ``sex``, ``deceased``, ``language``, ``postcode``."""

    name: str
    attribute: str
    type: FactType
    on: "Bound | None" = None
    """Of ``age``: the day on which it is asked for; ``None``: the day of evaluation."""


Timing = Literal["starts", "ends", "overlaps", "inside", "overlaps before", "overlaps after"]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a window: a day, and how far before or after it."""

    anchor: str | None = None
    """Name of a fact whose event gives the day; ``None``: the day of evaluation, unless ``day`` or ``year`` is given."""
    day: date | None = None
    """A fixed day."""
    year: int | None = None
    """A calendar year counted from that of the day of evaluation: 0 this year, -1 the last. Its first day, or if ``last`` its last."""
    last: bool = False
    offset: Duration | None = None
    backwards: bool = False
    """Whether ``offset`` goes into the past."""
    days: int = 0
    """Further days, after the offset."""

    def fixed(self, as_of: date) -> date:
        """The day that a bound without an anchor means."""
        if self.year is not None:
            year = as_of.year + self.year
            return self.shifted(date(year, 12, 31) if self.last else date(year, 1, 1))
        return self.shifted(self.day or as_of)

    def shifted(self, day: date) -> date:
        """``day`` moved by the offset."""
        if self.offset is not None:
            day = before(day, self.offset) if self.backwards else after(day, self.offset)
        if not self.days:
            return day
        return after(day, Duration(self.days, "day")) if self.days > 0 else before(day, Duration(-self.days, "day"))


@dataclass(frozen=True, slots=True)
class Window:
    """When an event must have started (or ended, or been going on): after every lower and before every upper bound, both included."""

    lower: tuple[Bound, ...] = ()
    upper: tuple[Bound, ...] = ()
    timing: Timing = "starts"
    anchors: tuple[str, ...] = field(init=False, compare=False)
    """The facts that the window is counted from."""

    def __post_init__(self) -> None:
        bounds = (*self.lower, *self.upper)
        object.__setattr__(self, "anchors", tuple(dict.fromkeys(b.anchor for b in bounds if b.anchor)))


@dataclass(frozen=True, slots=True)
class TagTest:
    """A coded property besides the event's own code: category, class, intent, reason …"""

    role: str
    codes: frozenset[Coding]


@dataclass(frozen=True, slots=True)
class ValueTest:
    """The event's own number compared with a constant, in the series' unit."""

    op: Operator
    number: float


@dataclass(frozen=True, slots=True)
class Relation:
    """Another event that must (or must not) stand in a relation of time to this one.

    ``least`` and ``most`` count from the start of this event: *followed by* looks forwards, *preceded by* (``backwards``) backwards.
    With ``period``, this event begins while the other goes on (*during*), or, ``backwards``, the other while this one goes on
    (*containing*). An event is never in relation with itself.
    """

    series: "Series"
    present: bool
    backwards: bool
    least: Duration | None = None
    most: Duration | None = None
    period: bool = False

    @property
    def said(self) -> str:
        """As an author writes it: one of `rules.grammar.RELATIONS`."""
        ways = ("during", "containing") if self.period else ("followed by", "preceded by")
        return f"{'' if self.present else 'not '}{ways[self.backwards]}"


@dataclass(frozen=True, slots=True)
class Series:
    """Which events: every test must hold."""

    tables: tuple[str, ...]
    codes: frozenset[Coding] | None = None
    """The event carries one of these; ``None``: any event of the tables."""
    statuses: tuple[tuple[str, frozenset[str]], ...] = ()
    """For each table, the statuses that count."""
    words: tuple[tuple[str, frozenset[Coding]], ...] = ()
    """For a question: each word with the answers that mean it, the word that wins among simultaneous answers first."""
    answers: frozenset[str] | None = None
    """Only events whose answer means one of these words."""
    unit: str | None = None
    conversions: tuple[Conversion, ...] = ()
    values: tuple[ValueTest, ...] = ()
    tags: tuple[TagTest, ...] = ()
    usable: bool = False
    """Leave out events without a usable value (or answer) instead of letting them make the fact unknown."""
    relations: tuple[Relation, ...] = ()
    counted: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    """``statuses``, by table."""
    rates: Mapping[str | None, Conversion] = field(init=False, repr=False, compare=False)
    """``conversions``, by the unit of the event."""
    plain: bool = field(init=False, repr=False, compare=False)
    """Whether code, status and time are all that is asked of an event (windows apart)."""

    def __post_init__(self) -> None:
        asks = self.answers is not None or self.values or self.tags or self.usable or self.relations
        object.__setattr__(self, "counted", dict(self.statuses))
        object.__setattr__(self, "rates", {each.source: each for each in reversed(self.conversions)})
        object.__setattr__(self, "plain", not asks)

    def nested(self) -> Iterator["Series"]:
        """This series and those of its relations, the innermost first."""
        for relation in self.relations:
            yield from relation.series.nested()
        yield self


@dataclass(frozen=True, slots=True)
class EventFact:
    """One nullable value reduced from a person's events."""

    name: str
    aggregate: str
    """One of `rules.grammar.AGGREGATES`."""
    type: FactType
    series: Series
    window: Window = Window()
    household: bool = False
    """Also the events of the others at the same address."""
    scale: str | None = None
    """Unit of ``time since latest``, and of the time in which a ``trend`` is told: day, week, month, year."""
    days: bool = False
    """Count days on which there was an event, not events."""
    ties: Literal["highest", "lowest"] | None = None
    """Of several values on the latest (earliest) day, take this one; ``None``: the one that was latest (earliest) on that day."""

    @property
    def unit(self) -> str | None:
        """UCUM unit of the value."""
        if self.aggregate == "trend" and self.scale:
            return f"{self.series.unit}/{PER[self.scale]}"
        return self.series.unit

    @property
    def told_in(self) -> str | None:
        """The unit that people read beside the value."""
        if self.aggregate == "days covered":
            return "days"
        return self.unit or (f"{self.scale}s" if self.scale else None)


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of a decision table."""

    when: "Condition"
    value: Expression | str
    """A number, or a word; the same in every line of a table."""


@dataclass(frozen=True, slots=True)
class ComputedFact:
    """A number computed from facts, or a word: the value of the first branch whose condition holds.

    A condition that is unknown before one that holds makes the fact unknown. No branch holds: unknown.
    """

    name: str
    branches: tuple[Branch, ...]
    unit: str | None = None
    places: int | None = None
    """Decimal places it is rounded to, half up."""
    type: FactType = "number"

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it may give; none if it gives numbers."""
        return tuple(dict.fromkeys(b.value for b in self.branches if isinstance(b.value, str)))

    def uses(self) -> tuple[str, ...]:
        """The facts it is computed from."""
        return tuple(dict.fromkeys((*self.computed_with(), *(leaf.fact for b in self.branches for leaf in leaves(b.when)))))

    def computed_with(self) -> Iterator[str]:
        """The facts whose numbers are in its own, and not only in its conditions."""
        yield from (name for b in self.branches if not isinstance(b.value, str) for name in readings(b.value))


Fact = PatientFact | EventFact | ComputedFact


def rests_on(fact: Fact) -> tuple[str, ...]:
    """The facts that ``fact`` is computed from, or counts from."""
    match fact:
        case PatientFact(on=on):
            return (on.anchor,) if on and on.anchor else ()
        case EventFact():
            return fact.window.anchors
        case ComputedFact():
            return fact.uses()


def computed_value(fact: ComputedFact, values: Mapping[str, Value]) -> float | str | None:
    """The value of a computed fact, given the facts it uses."""
    for branch in fact.branches:
        holds = truth(branch.when, values)
        if holds is None:
            return None
        if holds:
            return branch.value if isinstance(branch.value, str) else rounded(compute(branch.value, values), fact.places)
    return None


# ---------------------------------------------------------------- programs


@dataclass(frozen=True, slots=True)
class Derived:
    """A yes/no value computed from facts: a derived fact, or a rule."""

    name: str
    condition: Condition


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A pack as engines see it. Equal to itself only, so that what is worked out for a program can be kept under it.

    ``facts`` stand in evaluation order (an anchor before the facts that count ``since`` it), ``derived`` in dependency order;
    ``rules`` names the derived values that are rules.
    """

    facts: tuple[Fact, ...]
    derived: tuple[Derived, ...]
    rules: tuple[str, ...]
    by_name: Mapping[str, Fact] = field(init=False, repr=False, compare=False)
    conditions: Mapping[str, Condition] = field(init=False, repr=False, compare=False)
    twins: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Facts that mean the same as an earlier one, which rules written apart often do: evaluated once."""
    readings: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """Event facts, with one number for all that read the same events and differ in window or aggregate only."""
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _judges: dict[str, Judge] = field(default_factory=dict, init=False, repr=False, compare=False)
    _parts: dict[tuple[str, ...], "Program"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.facts})
        object.__setattr__(self, "_places", {f.name: place for place, f in enumerate(self.facts)})
        object.__setattr__(self, "twins", dict(_twins(self.facts)))
        object.__setattr__(self, "readings", dict(_readings(self.facts)))
        object.__setattr__(self, "conditions", {d.name: d.condition for d in self.derived})

    def only(self, rules: tuple[str, ...], facts: tuple[str, ...] = ()) -> "Program":
        """The part of the program that these rules, and these facts, rest on."""
        asked = (*rules, *facts)
        if asked not in self._parts:
            names = {name for each in asked for name in self._behind(each)}
            part = Program(tuple(f for f in self.facts if f.name in names), tuple(d for d in self.derived if d.name in names), rules)
            self._parts[asked] = part
        return self._parts[asked]

    def judges(self) -> Mapping[str, Judge]:
        """The conditions of ``derived``, ready to be asked of one person's facts after another. Made when first asked for."""
        if not self._judges:
            made = {d.name: judge(d.condition) for d in self.derived}
            self._judges.update(made)  # at one stroke: other threads may ask meanwhile
        return self._judges

    def series(self) -> Iterator[Series]:
        """Every series that some fact reads, those inside relations too."""
        for fact in self.facts:
            if isinstance(fact, EventFact):
                yield from fact.series.nested()

    def facts_behind(self, name: str) -> tuple[str, ...]:
        """The base facts that a rule or derived fact rests on, in the program's order."""
        found = self._behind(name)
        return tuple(sorted(found & self._places.keys(), key=self._places.__getitem__))

    def _behind(self, name: str) -> set[str]:
        """The facts and derived values that ``name`` rests on, itself too. Each is visited once: they may meet again and again."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                derived = self.conditions.get(current)
                waiting += rests_on(self.by_name[current]) if derived is None else [leaf.fact for leaf in leaves(derived)]
        return found


_BUT_FOR_THE_NAME: Final = {
    kind: attrgetter(*(each.name for each in fields(kind) if each.name != "name")) for kind in (PatientFact, EventFact, ComputedFact)
}


def _twins(facts: tuple[Fact, ...]) -> Iterator[tuple[str, str]]:
    seen: dict[tuple[object, ...], str] = {}
    for fact in facts:
        kind = type(fact)
        first = seen.setdefault((kind, *_BUT_FOR_THE_NAME[kind](fact)), fact.name)
        if first != fact.name:
            yield fact.name, first


def _readings(facts: tuple[Fact, ...]) -> Iterator[tuple[str, int]]:
    numbers: dict[tuple[Series, bool, bool], int] = {}
    for fact in facts:
        if isinstance(fact, EventFact):
            yield fact.name, numbers.setdefault((fact.series, fact.household, fact.aggregate == "all"), len(numbers))


def derive(program: Program, facts: Mapping[str, Value]) -> dict[str, bool | None]:
    """Every derived fact and rule, given the base facts: the rules layer, in one line per value."""
    values: dict[str, Value] = dict(facts)
    answers: dict[str, bool | None] = {}
    for name, judged in program.judges().items():
        values[name] = answers[name] = judged(values)
    return answers
