"""Facts: value sets, questions, units, windows and relations resolved."""

from datetime import date, timedelta
from typing import Final, Literal, cast

from rules import document as doc
from rules import ir, logic
from rules.errors import did_you_mean
from rules.facts import TABLES, Coding
from rules.grammar import ATTRIBUTES, DATED_AGGREGATES, SCALED_AGGREGATES, VALUE_AGGREGATES
from rules.lowering.arithmetic import expression, value_test
from rules.lowering.conditions import lower_condition
from rules.measures import EPISODE
from rules.parse.fields import BLANK
from rules.scope import Scope, type_of
from rules.source import TextNode
from rules.units import canonical, conversions

_FOUR_YEARS: Final = tuple(date(2024, 1, 1) + timedelta(days=i) for i in range(1461))
"""Every day that the calendar knows: months and leap years repeat themselves after that."""


def lower_fact(name: str, fact: doc.PatientFact | doc.EventFact | doc.ComputedFact | doc.Episode, scope: Scope) -> ir.Fact:
    """One fact as engines see it, called ``name`` inside the program. Mistakes go to the scope's problems."""
    lowering = _Lowering(scope)
    match fact:
        case doc.Episode():
            return _episode(name, fact)
        case doc.PatientFact():
            return lowering.patient_fact(name, fact)
        case doc.ComputedFact():
            return lowering.computed_fact(name, fact)
    return lowering.event_fact(name, fact)


def _episode(name: str, fact: doc.Episode) -> ir.EventFact:
    """To an engine the episode is an event like any other: the one that bears the mark. Whatever its status, it was chosen."""
    tables = tuple(t.text for t in fact.tables if t.text in TABLES)
    series = ir.Series(tables, frozenset({EPISODE}), tuple((table, TABLES[table].known) for table in tables))
    return ir.EventFact(name, "latest", "number", series)


class _Lowering:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.problems = scope.problems

    def patient_fact(self, name: str, fact: doc.PatientFact) -> ir.PatientFact:
        attribute = fact.attribute.text
        if attribute not in ATTRIBUTES:
            hint = did_you_mean(attribute, ATTRIBUTES) or f"one of: {', '.join(ATTRIBUTES)}"
            self.problems.add(fact.attribute.span, "ALM201", f"a patient has no '{attribute}'", hint)
        if fact.on and attribute != "age":
            self.problems.add(fact.attribute.span, "ALM250", f"only 'age' can be asked for on another day, not '{attribute}'")
        return ir.PatientFact(name, attribute, type_of(fact), self.bound(fact.on) if fact.on else None)

    def computed_fact(self, name: str, fact: doc.ComputedFact) -> ir.ComputedFact:
        branches = []
        for when, value in fact.lines:
            condition = lower_condition(when, self.scope) if when else logic.All(())
            self.refuse_derived(condition, fact.name)
            branches.append(ir.Branch(condition, self.word(fact, value) if fact.words else expression(value, self.scope)))
            if ("^" in value.text or "log(" in value.text) and fact.places is None:
                hint = "the last digits of a power or a logarithm differ between machines"
                self.problems.add(value.span, "ALM248", "a power or a logarithm needs 'round'", hint)
        if fact.words and (fact.unit or fact.places is not None):
            self.problems.add(fact.name.span, "ALM257", f"'{fact.name}' gives words: it has no unit and cannot be rounded")
        return ir.ComputedFact(name, tuple(branches), canonical(fact.unit.text) if fact.unit else None, fact.places, type_of(fact))

    def word(self, fact: doc.ComputedFact, value: TextNode) -> str:
        """A value of a table that gives words."""
        if value.text in ("known", "unknown"):
            self.problems.add(value.span, "ALM123", f"'{value}' cannot be a word: 'is {value}' asks whether there is an answer")
        elif value.text not in fact.words and value is not BLANK:
            word = min(fact.words)
            hint = did_you_mean(word, self.scope.fact_names()) or "a table gives numbers or words, and a word cannot be the name of a fact"
            self.problems.add(value.span, "ALM256", f"'{value}' is no word, as '{word}' is in another line of '{fact.name}'", hint)
        return value.text

    def refuse_derived(self, condition: logic.Condition, place: TextNode) -> None:
        names = {self.scope.resolve(n) for n, f in self.scope.facts_in_view().items() if isinstance(f, doc.DerivedFact)}
        for leaf in logic.leaves(condition):
            if leaf.fact in names:
                self.problems.add(
                    place.span, "ALM241", f"a table cannot rest on '{leaf.fact}', which has a 'when' of its own", "write its condition out"
                )

    # ---------------------------------------------------------------- event facts

    def event_fact(self, name: str, fact: doc.EventFact) -> ir.EventFact:
        self.check_keys(fact)
        return ir.EventFact(
            name=name,
            aggregate=fact.aggregate.text,
            type=type_of(fact),
            series=self.series(fact.series),
            window=self.window(fact.window),
            household=fact.household,
            scale=fact.scale,
            days=fact.days,
            ties=self.ties(fact),
        )

    def ties(self, fact: doc.EventFact) -> Literal["highest", "lowest"] | None:
        if fact.ties is None:
            return None
        if type_of(fact) == "word" or fact.aggregate.text not in ("latest", "earliest"):
            self.problems.add(fact.ties.span, "ALM251", "'ties' chooses among the numbers of the latest (earliest) day only")
        return "highest" if fact.ties.text == "highest" else "lowest"

    def check_keys(self, fact: doc.EventFact) -> None:
        """What one aggregate needs and another cannot have."""
        aggregate, span, series = fact.aggregate.text, fact.aggregate.span, fact.series
        says_word = series.question is not None and aggregate in ("latest", "earliest")
        if aggregate in VALUE_AGGREGATES and type_of(fact) not in ("word", "date") and not series.unit:
            self.problems.add(
                span, "ALM203", f"'{fact.name}' has neither 'unit' nor 'question'", 'a number needs its unit, such as unit: "%"'
            )
        if series.unit and not _looks_at_values(series) and (aggregate not in VALUE_AGGREGATES or says_word):
            reason = "an answer" if series.question else aggregate
            self.problems.add(series.unit.span, "ALM204", f"'unit' has no meaning here: {reason} has no unit")
        if (aggregate in SCALED_AGGREGATES) != bool(fact.scale):
            self.problems.add(
                span, "ALM205", "'time since latest' and 'trend' are counted 'in' days, weeks, months or years; nothing else is"
            )
        if aggregate == "all" and not (series.where or series.answers):
            self.problems.add(span, "ALM252", "'all' does not say what every event must pass", "add 'where' or 'answer'")
        if aggregate == "days covered" and fact.window.timing != "overlaps":
            self.problems.add(span, "ALM253", "'days covered' counts the days of what overlaps the window", "leave out 'timing'")
        if fact.days and aggregate != "count":
            self.problems.add(span, "ALM208", "only 'count' can count different days")

    # ---------------------------------------------------------------- series

    def series(self, series: doc.Series) -> ir.Series:
        question = self.scope.question(series.question) if series.question else None
        if series.question and series.code:
            self.problems.add(series.question.span, "ALM202", "a question brings its own codes: leave out 'code'")
        codes = frozenset(question.codes) if question else None if series.code is None else frozenset(self.codes(series.code))
        unit = canonical(series.unit.text) if series.unit else None
        if series.usable and not unit and not question and series.tables:
            hint = "say which values can be used: name the 'unit' or the 'question'"
            self.problems.add(series.tables[0].span, "ALM249", "'usable only' leaves nothing here", hint)
        return ir.Series(
            tables=tuple(t.text for t in series.tables),
            codes=codes,
            statuses=self.statuses(series),
            words=tuple((w.text, frozenset(a)) for w, a in question.words) if question else (),
            answers=self.answers(series, question),
            unit=unit,
            conversions=conversions(codes or (), unit) if unit else (),
            values=self.values(series, unit),
            tags=tuple(ir.TagTest(role, frozenset(self.codes(code))) for role, code in series.tags),
            usable=series.usable,
            relations=tuple(self.relation(r) for r in series.relations),
        )

    def codes(self, code: doc.CodeText) -> tuple[Coding, ...]:
        return code.codes if isinstance(code, doc.ValueSet) else self.scope.codes(code)

    def answers(self, series: doc.Series, question: doc.Question | None) -> frozenset[str] | None:
        if not series.answers:
            return None
        words = [w.text for w, _ in question.words] if question else []
        for answer in series.answers:
            if answer.text not in words and answer is not BLANK:
                hint = did_you_mean(answer.text, words) or (f"one of: {', '.join(words)}" if words else "name the 'question' too")
                self.problems.add(answer.span, "ALM213", f"the answer is never '{answer}'", hint)
        return frozenset(a.text for a in series.answers)

    def statuses(self, series: doc.Series) -> tuple[tuple[str, frozenset[str]], ...]:
        written = frozenset(s.text for s in series.statuses) if series.statuses is not None else None
        known = frozenset().union(*(TABLES[t.text].known for t in series.tables if t.text in TABLES))
        for status in series.statuses or ():
            if status.text not in known and status is not BLANK:
                hint = did_you_mean(status.text, known) or f"one of: {', '.join(sorted(known))}"
                tables = " or ".join(t.text for t in series.tables)
                self.problems.add(status.span, "ALM206", f"{tables} have no status '{status}'", hint)
        return tuple((t.text, TABLES[t.text].counted if written is None else written) for t in series.tables if t.text in TABLES)

    def values(self, series: doc.Series, unit: str | None) -> tuple[ir.ValueTest, ...]:
        tests = tuple(test for text in series.where if (test := value_test(text, unit, self.problems)))
        if sum(test.op == "!=" for test in tests) > 1:
            self.problems.add(series.where[0].span, "ALM247", "only one '!=' can be asked of a value")
        return tests

    def relation(self, relation: doc.Relation) -> ir.Relation:
        kind, unit = relation.kind.text, relation.series.unit
        if unit and not _looks_at_values(relation.series):
            hint = "add 'where', such as where: value >= 9 %, or leave the unit out"
            self.problems.add(unit.span, "ALM254", "this unit says nothing: no value of a related event is asked for", hint)
        return ir.Relation(
            series=self.series(relation.series),
            present=not kind.startswith("not "),
            backwards=kind.endswith(("preceded by", "containing")),
            least=relation.least,
            most=relation.most,
            period=kind.endswith(("during", "containing")),
        )

    # ---------------------------------------------------------------- windows

    def window(self, window: doc.Window) -> ir.Window:
        lower, upper = (tuple(self.bound(limit) for limit in limits) for limits in (window.lower, window.upper))
        for limit, last in zip(window.upper, upper, strict=True):
            if any(_never_before(first, last) for first in lower):
                hint = "what it is 'since' stands before what it is 'until'"
                self.problems.add(limit.span, "ALM255", "this window is never open: it ends before it begins", hint)
        return ir.Window(lower, upper, cast(ir.Timing, window.timing))

    def bound(self, limit: doc.Limit) -> ir.Bound:
        if limit.period:
            period = self.scope.measurement_period(limit.period)
            end = (period.last if limit.last else period.first) if period else doc.Limit()
            return ir.Bound(None, end.day, end.year, end.last, limit.offset, limit.backwards, limit.days)
        anchor = self.anchor(limit.fact) if limit.fact else None
        return ir.Bound(anchor, limit.day, limit.year, limit.last, limit.offset, limit.backwards, limit.days)

    def anchor(self, name: TextNode) -> str:
        fact = self.scope.fact(name)
        dated = (
            isinstance(fact, doc.Episode)
            or (isinstance(fact, doc.EventFact) and fact.aggregate.text in DATED_AGGREGATES)
            or (isinstance(fact, doc.PatientFact) and fact.attribute.text == "birth")
        )
        if fact is not None and not dated:
            hint = f"a fact has a day if it is {', '.join(DATED_AGGREGATES)} of something, or the patient's birth"
            self.problems.add(name.span, "ALM207", f"'{name}' has no day to count from", hint)
        return self.scope.resolve(name.text)


def _looks_at_values(series: doc.Series) -> bool:
    """Whether a series asks for numbers of its events, which then need a unit."""
    return bool(series.where) or (series.usable and series.question is None)


def _never_before(first: ir.Bound, last: ir.Bound) -> bool:
    """Whether a window from ``first`` to ``last`` is empty whatever the day is that both count from."""
    if first.anchor != last.anchor or (first.day is None) != (last.day is None):
        return False
    return all(_on(first, day) > _on(last, day) for day in _FOUR_YEARS)


def _on(bound: ir.Bound, day: date) -> date:
    """The day that a bound means, if ``day`` is that from which it counts."""
    return bound.shifted(day) if bound.anchor else bound.fixed(day)
