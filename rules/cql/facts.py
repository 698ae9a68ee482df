"""Event facts: from events to one nullable value, as `rules.engines.reference` defines it.

Each becomes a few expressions that build on each other, and one with the name of the fact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rules.cql.matching import Matching, in_window, loaded_text
from rules.cql.places import day_range, days_of, outermost, whole
from rules.cql.terms import Terms
from rules.cql.text import CannotSay, identifier, literal
from rules.grammar import DATED_AGGREGATES
from rules.ir import EventFact

_NULL: Final = {"yes/no": "null as System.Boolean", "number": "null as System.Decimal", "word": "null as System.String"}
_NO_TREND: Final = "trend: a CQL decimal has 8 places, and a slope for a day may need more"
_ONE_CHART: Final = "// Of a household: CQL reads one chart, so that what others have is unknown."


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
        if self.fact.household and self.fact.aggregate not in ("exists", "all"):
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
        lows, highs = ([days_of(b) for b in bounds] for bounds in (window.lower, window.upper))
        low, high = outermost("Max", lows or [day_range("@0001-01-01")]), outermost("Min", ['"as of: day"', *highs])
        bounds = f"Tuple {{\n  low: {low},\n  high: {high}\n}}"
        known = " or ".join(f"{identifier(f'{anchor}: day')} is null" for anchor in window.anchors)
        yield self.define("window", f"if {known} then null else {bounds}" if known else bounds)

    def span(self) -> tuple[str, str]:
        """The first and the last days that the window may have."""
        if not (self.fact.window.lower or self.fact.window.upper):
            return day_range("@0001-01-01"), '"as of: day"'
        return f"{self.part('window')}.low", f"{self.part('window')}.high"

    # ---------------------------------------------------------------- which events

    def events(self) -> Iterator[Define]:
        """Those that match certainly, and those that match only possibly."""
        yield self.define(
            "matching",
            f"{self.matching.candidates(self.series, '_E0')} _E0\n"
            f"  let test: {self.matching.matches(self.series, 0, passing=self.fact.aggregate != 'all')}\n"
            f"    and {in_window(self.fact.window, '_E0', *self.span())}\n"
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
            case "all":
                yield from self.all()
            case "count":
                yield self.final(self.count(), f"exists {self.part('possible')}")
            case "days covered":
                yield from self.days_covered()
            case "trend":
                raise CannotSay(_NO_TREND)
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

    def all(self) -> Iterator[Define]:
        """Whether every event passes. One that certainly fails settles it; of nothing, nothing is said."""
        passes = self.matching.passes(self.series, "_M.event")
        yield self.define("passed", f"{self.part('matching')} _M return all Tuple {{ certain: _M.certain, passes: {passes} }}")
        tests, certain = self.part("passed"), self.part("certain")
        yield self.final(
            f"(case\n  when exists ({tests} _T where _T.certain and not _T.passes return all _T) then false\n"
            f"  when ({self.complete}) and exists {certain} and AllTrue({tests} _T return all (_T.passes is true)) then true\n"
            "  else null\nend)",
            complete=False,
        )

    def days_covered(self) -> Iterator[Define]:
        """The days of the window on which an event was going on. One date that is partial makes it unknown."""
        low, high = self.span()
        certain, periods = self.part("certain"), self.part("periods")
        yield self.define(
            "periods",
            f"collapse ({certain} _C\n"
            f"  let first: Max({{ start of _C.begun, start of {low} }}),\n"
            f"    last: Min({{ Coalesce(end of _C.ended, end of {high}), end of {high} }})\n"
            "  where first <= last\n"
            "  return all Interval[first, last]) per day",
        )
        partial = (f"start of {days} != end of {days}" for days in (low, high))
        yield self.final(
            f"if not exists {certain} then 0.0\n"
            f"else if {' or '.join(partial)}\n"
            f"  or exists ({certain} _C where start of _C.begun != end of _C.begun or start of _C.ended != end of _C.ended return all _C)\n"
            "then null\n"
            f"else ToDecimal(Coalesce(Sum({periods} _P return all (difference in days between start of _P and end of _P) + 1), 0))",
            f"exists {self.part('possible')}",
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
        if self.fact.ties:
            yield from self.tied_event(self.fact.ties)
        else:
            end = "First" if self.fact.aggregate == "earliest" else "Last"
            yield self.define("outermost", f"{end}({self.part('certain')} _C return all _C sort by order)")
        yield self.define("chosen", self.if_settled(self.part("outermost"), f"_O.order != {self.part('outermost')}.order"))
        yield self.define("day", f"{self.part('chosen')}.begun")
        yield Define(self.fact.name, self.since() if self.fact.scale else self.matching.convert(self.series, self.part("chosen")))

    def tied_event(self, ties: str) -> Iterator[Define]:
        """The highest or lowest value of the first or last day. One that cannot be used comes before all, so that the fact is unknown."""
        days = f"({self.part('certain')} _C return all start of _C.begun)"
        yield self.define(
            "tied",
            f"{self.part('certain')} _C\n"
            f"  where start of _C.begun = {'Min' if self.fact.aggregate == 'earliest' else 'Max'}{days}\n"
            f"  return all Tuple {{ event: _C, number: {self.matching.convert(self.series, '_C')} }}",
        )
        tied, best = self.part("tied"), "Max" if ties == "highest" else "Min"
        yield self.define("unusable", f"{tied} _T where _T.number is null return all _T")
        yield self.define("best", f"{tied} _T where _T.number = {best}({tied} _U return all _U.number) return all _T")
        first = f"(if exists {self.part('unusable')} then {self.part('unusable')} else {self.part('best')})"
        yield self.define("outermost", f"Last({first} _T return all _T.event sort by order)")

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
        longest, shortest = (whole(self.fact.scale or "day", f"{edge} of {self.part('day')}") for edge in ("start", "end"))
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
