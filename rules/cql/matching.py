"""Which events a series means: three-valued tests of one event, as `rules.engines.matching` defines them."""

from collections.abc import Iterator

from rules.cql.terms import Terms
from rules.cql.text import identifier, literal, moved, number
from rules.days import Duration
from rules.ir import Relation, Series, Window

UNUSABLE = 1
"""The rank of an answer that means none of a question's words: after the first word, before the others."""

_TODAY = '"as of: day"'


def source_text(tables: tuple[str, ...]) -> str:
    """The events of some tables."""
    names = [identifier(f"events: {table}") for table in tables]
    return names[0] if len(names) == 1 else f"(flatten {{ {', '.join(names)} }})"


def loaded_text(tables: tuple[str, ...]) -> str:
    """Whether the tables were read."""
    return " and ".join(f'not ({literal(table)} in "tables: not loaded")' for table in tables)


class Matching:
    """The tests of one fact's events. Aliases are ``_E0`` for the fact's own event, ``_E1`` for a related one, and so on."""

    def __init__(self, terms: Terms, fact: str) -> None:
        self._terms = terms
        self._fact = fact

    def candidates(self, series: Series, alias: str) -> str:
        """The events that carry one of the codes, and those that might."""
        source = source_text(series.tables)
        if series.codes is None:
            return source
        test = self._terms.match(f"{alias}.code", series.codes, self._fact)
        return f"({source} {alias} where {alias}.opaque or {test} return all {alias})"

    def matches(self, series: Series, depth: int, *, passing: bool = True) -> str:
        """Whether the event belongs to the series, its day (and, unless ``passing``, its value) apart."""
        event = f"_E{depth}"
        return _believed(event, self._tests(series, event, depth, passing))

    def passes(self, series: Series, event: str) -> str:
        """Whether the event's own value and answer are those that the series asks for."""
        return _believed(event, self._own(series, event))

    def _tests(self, series: Series, event: str, depth: int, passing: bool) -> Iterator[str]:
        yield _status(series, event)
        if series.usable:
            yield f"({self.usable(series, event)})"
        if passing:
            yield from self._own(series, event)
        for tag in series.tags:
            said = f"{event}.{'kind' if tag.role == 'class' else tag.role}"
            yield f"(if {said} is null then null else {self._terms.match(said, tag.codes, self._fact)})"
        yield from (self._related(relation, depth) for relation in series.relations)

    def _own(self, series: Series, event: str) -> Iterator[str]:
        if series.answers is not None:
            yield self._answer(series, event)
        yield from (f"({self.convert(series, event)} {test.op} {number(test.number)})" for test in series.values)

    # ---------------------------------------------------------------- values

    def convert(self, series: Series, event: str) -> str:
        """The event's number in the series' unit."""
        lines = []
        for row in series.conversions:
            test = f"{event}.unit is null" if row.source is None else f"{event}.unit = {literal(row.source)}"
            value = f"{event}.value"
            if row.factor != 1.0:
                value += f" * {number(row.factor)}"
            if row.offset != 0.0:
                value += f" + {number(row.offset)}"
            lines.append(f"when {test} then {value}")
        return f"(case {' '.join(lines)} else null end)" if lines else "null"

    def usable(self, series: Series, event: str) -> str:
        """Whether the event has a value in the series' unit, or an answer that means one of its words."""
        if series.words:
            return f"{self.rank(series, event)} != {UNUSABLE}"
        return f"{self.convert(series, event)} is not null"

    def rank(self, series: Series, event: str) -> str:
        """Which word an answer means: 0 for the first, 2, 4 … for the next."""
        lines = [
            f"when {self._terms.match(f'{event}.answer', answers, f'{self._fact}: {word}')} then {2 * place}"
            for place, (word, answers) in enumerate(series.words)
        ]
        return f"(case {' '.join(lines)} else {UNUSABLE} end)" if lines else str(UNUSABLE)

    def _answer(self, series: Series, event: str) -> str:
        wanted = [str(2 * i) for i, (word, _) in enumerate(series.words) if word in (series.answers or ())]
        rank = self.rank(series, event)
        return f"(if {rank} = {UNUSABLE} then null else {rank} in {{{', '.join(wanted)}}})"

    # ---------------------------------------------------------------- relations

    def _related(self, relation: Relation, depth: int) -> str:
        event, other = f"_E{depth}", f"_E{depth + 1}"
        series = relation.series
        found = (
            f"Found({self.candidates(series, other)} {other}\n"
            f"      where {other}.order != {event}.order\n"
            f"      return all {self._apart(relation, event, other)}\n"
            f"      and {other_begun(other)}\n"
            f"      and {self.matches(series, depth + 1)},\n"
            f"      {loaded_text(series.tables)})"
        )
        return found if relation.present else f"(not {found})"

    def _apart(self, relation: Relation, event: str, other: str) -> str:
        if relation.period:
            inner, outer = (other, event) if relation.backwards else (event, other)
            return f"GoesOn({outer}.begun, {outer}.ended, {inner}.begun)"
        near, far = (_moved(relation, event, d) for d in (relation.least, relation.most))
        nearest, farthest = ("AtMost", "AtLeast") if relation.backwards else ("AtLeast", "AtMost")
        tests = [f"{nearest}({other}.begun, {near or f'{event}.begun'})"]
        if far:
            tests.append(f"{farthest}({other}.begun, {far})")
        return " and ".join(tests)


def other_begun(event: str) -> str:
    """Events after the day of evaluation do not exist."""
    return f"AtMost({event}.begun, {_TODAY})"


def _believed(event: str, tests: Iterator[str]) -> str:
    """All tests of an event; what an opaque one says is not believed."""
    joined = "\n    and ".join(tests) or "true"
    return f"(if {event}.opaque then null else ({joined}))"


def _status(series: Series, event: str) -> str:
    kinds = {counted for _, counted in series.statuses}
    if len(kinds) == 1:
        return f"Counts({event}.status, {_texts(next(iter(kinds)))})"
    lines = [f"when {literal(table)} then Counts({event}.status, {_texts(counted)})" for table, counted in series.statuses]
    return f'(case {event}."table" {" ".join(lines)} else false end)'


def _texts(words: frozenset[str]) -> str:
    return "{" + ", ".join(map(literal, sorted(words))) + "}"


def _moved(relation: Relation, event: str, by: Duration | None) -> str | None:
    if by is None:
        return None
    ends = (moved(f"{edge} of {event}.begun", by, backwards=relation.backwards) for edge in ("start", "end"))
    return f"(if {event}.begun is null then null else Interval[{', '.join(ends)}])"


def in_window(window: Window, event: str, low: str, high: str) -> str:
    """Whether the event began (or ended, or was going on) within the window. An event without an end is still going on."""
    starts = f"Within({event}.begun, {low}, {high})"
    ends = f"(if {event}.ended is null then false else Within({event}.ended, {low}, {high}))"
    match window.timing:
        case "starts":
            return starts
        case "ends":
            return f"{other_begun(event)} and {ends}"
        case "inside":
            return f"{starts} and {ends}"
    going_on = f"({event}.ended is null or AtLeast({event}.ended, {low}))"
    overlaps = f"{other_begun(event)} and AtMost({low}, {high}) and AtMost({event}.begun, {high}) and {going_on}"
    match window.timing:
        case "overlaps before":
            return f"{overlaps} and not AtLeast({event}.begun, {low})"
        case "overlaps after":
            return f"{overlaps} and ({event}.ended is null or not AtMost({event}.ended, {high}))"
    return overlaps
