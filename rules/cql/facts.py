"""Event facts: from events to one nullable value, as `rules.engines.reference` defines it.

Each becomes a few expressions that build on each other, and one with the name of the fact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rules.cql.matching import Matching, in_window, loaded_text
from rules.cql.terms import Terms
from rules.cql.text import day, identifier, length, literal, moved
from rules.days import Duration
from rules.grammar import DATED_AGGREGATES
from rules.ir import Bound, EventFact

_NULL: Final = {"yes/no": "null as System.Boolean", "number": "null as System.Decimal", "word": "null as System.String"}
_ONE_CHART: Final = "// Of a household: CQL reads one chart, so that what others have is unknown."
_ALWAYS_IN_RANGE: Final = Duration(1000, "year")


@dataclass(frozen=True, slots=True)
class Define:
    """One expression of the library."""

    name: str
    body: str

    def __str__(self) -> str:
        indented = self.body.replace("\n", "\n  ")
        return f"define {identifier(self.name)}:\n  {indented}"


def event_defines(fact: EventFact, terms: Terms) -> Iterator[Define]:
    """The expressions that make up an event fact; the last has the fact's name."""
    yield from _EventFact(fact, terms).defines()


class _EventFact:
    def __init__(self, fact: EventFact, terms: Terms) -> None:
        self.fact = fact
        self.series = fact.series
        self.matching = Matching(terms, fact.name)
        self.complete = "false" if fact.household else loaded_text(fact.series.tables)

    def part(self, name: str) -> str:
        return identifier(f"{self.fact.name}: {name}")

    def define(self, name: str, body: str) -> Define:
        return Define(f"{self.fact.name}: {name}", body)

    def defines(self) -> Iterator[Define]:
        if self.fact.household and self.fact.aggregate != "exists":
            yield from self.unread()
            return
        yield from self.window()
        yield from self.events()
        yield from self.value()

    def unread(self) -> Iterator[Define]:
        """A household fact that a single chart can never settle."""
        if self.fact.aggregate in DATED_AGGREGATES:
            yield self.define("day", "null as Interval<Date>")
        yield Define(self.fact.name, f"{_ONE_CHART}\n{_NULL[self.fact.type]}")

    # ---------------------------------------------------------------- the window

    def window(self) -> Iterator[Define]:
        window = self.fact.window
        if not (window.lower or window.upper):
            return
        lows, highs = ([_place(b) for b in bounds] for bounds in (window.lower, window.upper))
        low, high = _outermost("Max", lows or [day_range("@0001-01-01")]), _outermost("Min", ['"as of: day"', *highs])
        bounds = f"Tuple {{\n  low: {low},\n  high: {high}\n}}"
        known = " or ".join(f"{identifier(f'{anchor}: day')} is null" for anchor in window.anchors)
        yield self.define("window", f"if {known} then null else {bounds}" if known else bounds)

    def in_window(self) -> str:
        if not (self.fact.window.lower or self.fact.window.upper):
            return in_window(self.fact.window, "_E0", day_range("@0001-01-01"), '"as of: day"')
        return in_window(self.fact.window, "_E0", f"{self.part('window')}.low", f"{self.part('window')}.high")

    # ---------------------------------------------------------------- which events

    def events(self) -> Iterator[Define]:
        """Those that match certainly, and those that match only possibly."""
        yield self.define(
            "matching",
            f"{self.matching.candidates(self.series, '_E0')} _E0\n"
            f"  let test: {self.matching.matches(self.series, 0)}\n"
            f"    and {self.in_window()}\n"
            "  where test is null or test\n"
            "  return all Tuple { event: _E0, certain: test is not null }",
        )
        yield self.define("certain", f"{self.part('matching')} _M where _M.certain return all _M.event")
        yield self.define("possible", f"{self.part('matching')} _M where not _M.certain return all _M.event")

    # ---------------------------------------------------------------- from events to a value

    def value(self) -> Iterator[Define]:
        match self.fact.aggregate:
            case "exists":
                yield self.final(self.exists(), complete=False)
            case "count":
                yield self.final(self.count(), f"exists {self.part('possible')}")
            case "latest" | "earliest" | "time since latest":
                yield from self.chosen_word() if self.fact.type == "word" else self.chosen_event()
            case _:
                yield from self.summary()

    def final(self, body: str, *unknown: str, complete: bool = True) -> Define:
        """The fact itself: null where there is no day to count from, or one of the ``unknown`` holds."""
        reasons = [f"{self.part('window')} is null"] if self.fact.window.anchors else []
        reasons += [f"not ({self.complete})"] if complete else []
        reasons += unknown
        note = f"{_ONE_CHART}\n" if self.fact.household else ""
        if not reasons:
            return Define(self.fact.name, note + body)
        return Define(self.fact.name, f"{note}if {' or '.join(reasons)} then null\nelse {body}")

    def exists(self) -> str:
        return (
            f"(case\n  when exists {self.part('certain')} then true\n"
            f"  when ({self.complete}) and not exists {self.part('possible')} then false\n  else null\nend)"
        )

    def count(self) -> str:
        certain = self.part("certain")
        if not self.fact.days:
            return f"ToDecimal(Count({certain}))"
        return (
            f"if exists ({certain} _C where start of _C.begun != end of _C.begun return all _C) and Count({certain}) > 1 then null\n"
            f"else ToDecimal(Count(distinct ({certain} _C return all start of _C.begun)))"
        )

    def chosen_event(self) -> Iterator[Define]:
        """The event that comes first or last, and its value."""
        latest = self.fact.aggregate != "earliest"
        yield self.define("outermost", f"{'Last' if latest else 'First'}({self.part('certain')} _C return all _C sort by order)")
        yield self.define("chosen", self.if_settled(self.part("outermost"), f"_O.order != {self.part('outermost')}.order"))
        yield self.define("day", f"{self.part('chosen')}.begun")
        yield Define(self.fact.name, self.since() if self.fact.scale else self.matching.convert(self.series, self.part("chosen")))

    def chosen_word(self) -> Iterator[Define]:
        """Among the answers given at one moment the winning word; an unusable answer yields only to the first word."""
        latest = self.fact.aggregate == "latest"
        moment = f"{'Max' if latest else 'Min'}({self.part('certain')} _C return all Coalesce(_C.instant, ''))"
        yield self.define("moment", moment)
        yield self.define(
            "ranked",
            f"{self.part('certain')} _C\n"
            f"  where Coalesce(_C.instant, '') = {self.part('moment')}\n"
            f"  return all Tuple {{ event: _C, rank: {self.matching.rank(self.series, '_C')} }}",
        )
        yield self.define("rank", f"Min({self.part('ranked')} _C return all _C.rank)")
        yield self.define(
            "outermost", f"Last({self.part('ranked')} _C where _C.rank = {self.part('rank')} return all _C.event sort by order)"
        )
        yield self.define("chosen", self.if_settled(self.part("outermost"), f"Coalesce(_O.instant, '') != {self.part('moment')}"))
        yield self.define("day", f"{self.part('chosen')}.begun")
        lines = [f"  when {2 * i} then {literal(word)}" for i, (word, _) in enumerate(self.series.words)]
        words = "\n".join([f"case {self.part('rank')}", *lines, "  else null", "end"])
        yield Define(self.fact.name, f"if {self.part('chosen')} is null then null\nelse {words}")

    def if_settled(self, event: str, apart: str) -> str:
        """The event, unless another one may come before it: one that only possibly matches, or one with a partial date."""
        certain, possible = self.part("certain"), self.part("possible")
        if self.fact.aggregate != "earliest":
            nearest = f"end of _P.begun >= Max({certain} _C return all start of _C.begun)"
            vague = f"MayBeLater(_O.begun, {event}.begun)"
        else:
            nearest = f"start of _P.begun <= Min({certain} _C return all start of _C.begun)"
            vague = f"MayBeLater({event}.begun, _O.begun)"
        reasons = [f"{self.part('window')} is null"] if self.fact.window.anchors else []
        reasons += [
            f"not ({self.complete})",
            f"not exists {certain}",
            f"exists ({possible} _P where _P.begun is null or {nearest} return all _P)",
            f"exists ({certain} _O where {apart} and {vague} return all _O)",
        ]
        return "if " + "\n  or ".join(reasons) + f"\nthen null else {event}"

    def since(self) -> str:
        """Completed units, if every day that the date may mean gives the same number."""
        longest, shortest = (_whole(self.fact.scale or "day", f"{edge} of {self.part('day')}") for edge in ("start", "end"))
        return f"if {longest} = {shortest} then ToDecimal({longest}) else null"

    def summary(self) -> Iterator[Define]:
        """Highest, lowest, sum, mean, in the order of the events. One value that cannot be used makes it unknown."""
        value = self.matching.convert(self.series, "_V")
        yield self.define(
            "values",
            f"({self.part('certain')} _C return all _C sort by order) _V return all Tuple {{ event: _V, number: {value} }}",
        )
        numbers = f"({self.part('values')} _V return all _V.number)"
        function = {"highest": "Max", "lowest": "Min", "sum": "Sum", "mean": "Avg"}[self.fact.aggregate]
        yield self.final(
            f"{function}{numbers}",
            f"exists {self.part('possible')}",
            f"not exists {self.part('certain')}",
            f"exists ({self.part('values')} _V where _V.number is null return all _V)",
        )
        if self.fact.aggregate in DATED_AGGREGATES:
            best = f"({self.part('values')} _V where _V.number = {identifier(self.fact.name)} return all _V.event.begun)"
            yield self.define("day", f"Last{best}")


def _place(bound: Bound) -> str:
    """The days that a bound may mean."""
    if bound.year is not None:
        year = 'year from "As Of"' + (f" + {bound.year}" if bound.year > 0 else f" - {-bound.year}" if bound.year else "")
        return day_range(f"Date({year}, 12, 31)" if bound.last else f"Date({year}, 1, 1)")
    if bound.anchor:
        ends = (_shifted(f"{edge} of {identifier(f'{bound.anchor}: day')}", bound) for edge in ("start", "end"))
        return f"Interval[{', '.join(ends)}]"
    return day_range(_shifted(day(bound.day) if bound.day else '"As Of"', bound))


def _shifted(expression: str, bound: Bound) -> str:
    if bound.offset is None:
        return expression
    near = bound.anchor is None and not _is_long(bound.offset)
    if near:  # from a day of our time, the calendar does not end within such a length
        return f"{expression} {'-' if bound.backwards else '+'} {length(bound.offset)}"
    return moved(expression, bound.offset, backwards=bound.backwards)


def _is_long(offset: Duration) -> bool:
    return offset.count * {"day": 1, "week": 7, "month": 28, "year": 365}[offset.unit] > _ALWAYS_IN_RANGE.count * 365


def day_range(text: str) -> str:
    """One day as a range of days."""
    return f"Interval[{text}, {text}]"


def _outermost(function: str, ranges: list[str]) -> str:
    if len(ranges) == 1:
        return ranges[0]
    ends = (f"{function}({{ {', '.join(f'{edge} of {r}' for r in ranges)} }})" for edge in ("start", "end"))
    return f"Interval[{', '.join(ends)}]"


def _whole(unit: str, since: str) -> str:
    match unit:
        case "month":
            return f'WholeMonths({since}, "As Of")'
        case "year":
            return f'(WholeMonths({since}, "As Of") div 12)'
        case "week":
            return f'((difference in days between {since} and "As Of") div 7)'
    return f'(difference in days between {since} and "As Of")'
