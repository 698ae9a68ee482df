"""Measures: every population becomes a derived value of an ordinary program, so that every engine can compute measures."""

from collections.abc import Iterator, Sequence
from typing import Final

from rules import document as doc
from rules import ir, logic
from rules.errors import RuleError
from rules.grammar import POPULATIONS
from rules.lowering.conditions import lower_condition
from rules.lowering.facts import lower_fact
from rules.lowering.program import Parts
from rules.measures import EPISODE, Group, Measure, Stratifier
from rules.parse.fields import Problems
from rules.scope import Scope, type_of
from rules.source import TextNode

_EPISODE: Final = "episode"


def lower_measures(pack: doc.Pack) -> tuple[Measure, ...]:
    """The measures of a pack.

    Raises:
        RuleError: with every mistake found in names, types and units.
    """
    if not pack.measures:
        return ()
    problems = Problems()
    parts = Parts(problems)
    shared = Scope.of_pack(pack, problems)
    parts.vocabulary(pack.vocabulary, shared)
    lowered = [_Lowering(parts, pack, measure, shared).measure() for measure in pack.measures]
    parts.imported(pack, _asked(pack, lowered))
    whole = parts.together(tuple(name for each in lowered for name in each.program.rules))
    if not problems.found:
        for measure, written in zip(lowered, pack.measures, strict=True):
            _refuse_circle(measure, written, whole, problems)
    if problems.found:
        raise RuleError(problems.found)
    return tuple(_with_program(each, whole) for each in lowered)


def _asked(pack: doc.Pack, lowered: Sequence[Measure]) -> Iterator[str]:
    """The facts that a measure names outside of its conditions."""
    for measure in lowered:
        yield from (stratifier.fact for stratifier in measure.stratifiers if stratifier.fact)
        yield from measure.each.window.anchors if measure.each else ()
    yield from (name.text for measure in pack.measures for each in measure.examples for name, _ in each.example.facts)


def measure_scope(measure: doc.Measure, shared: Scope, problems: Problems) -> Scope:
    """The names in view in a measure. One that counts episodes knows ``episode``, as a day and as a code of that event."""
    if measure.period and shared.period:
        problems.add(measure.id.span, "ALM281", "pack.yaml says the period already", "leave it out, there or here")
    own = measure.vocabulary
    if measure.each:
        name = measure.each.name._replace(text=_EPISODE)
        own = doc.Vocabulary((doc.ValueSet(name, (EPISODE,)),), (), (doc.Episode(name, measure.each.series.tables),)) + own
    return Scope.of(own, shared, problems, prefix=f"{measure.id}/", period=measure.period)


def _refuse_circle(measure: Measure, written: doc.Measure, whole: ir.Program, problems: Problems) -> None:
    """Which events are episodes cannot depend on the episode."""
    for anchor in measure.each.window.anchors if measure.each and written.each else ():
        if f"{measure.id}/{_EPISODE}" in whole.facts_behind(anchor):
            place = written.each.name.span if written.each else written.id.span
            problems.add(place, "ALM283", f"'each' is counted from '{anchor.rpartition('/')[2]}', which is counted from the episode itself")


def _with_program(measure: Measure, whole: ir.Program) -> Measure:
    """The measure with the part of the program that it rests on."""
    facts = [f.name for f in whole.facts if f.name.startswith(f"{measure.id}/")]
    facts += [stratifier.fact for stratifier in measure.stratifiers if stratifier.fact]
    facts += measure.each.window.anchors if measure.each else ()
    return Measure(measure.id, whole.only(measure.program.rules, tuple(facts)), measure.groups, measure.stratifiers, measure.each)


class _Lowering:
    """One measure, put into the parts of the whole program."""

    def __init__(self, parts: Parts, pack: doc.Pack, written: doc.Measure, shared: Scope) -> None:
        self.parts, self.pack, self.written, self.shared = parts, pack, written, shared
        self.scope = measure_scope(written, shared, parts.problems)
        self.names: list[str] = []

    def measure(self) -> Measure:
        """The measure with nothing but the names in its program."""
        self.own_facts()
        each = self.episodes() if self.written.each else None
        groups = tuple(self.group(group) for group in self.written.groups)
        stratifiers = tuple(self.stratifier(each) for each in self.written.stratifiers)
        return Measure(self.written.id.text, ir.Program((), (), tuple(self.names)), groups, stratifiers, each)

    def own_facts(self) -> None:
        facts = tuple(self.scope.facts.values())  # those written, and the episode
        self.parts.vocabulary(doc.Vocabulary(facts=facts), self.scope)

    def episodes(self) -> ir.EventFact | None:
        if self.written.each is None:
            return None
        fact = lower_fact(f"{self.written.id}/each", self.written.each, self.scope)
        return fact if isinstance(fact, ir.EventFact) else None

    # ---------------------------------------------------------------- populations

    def group(self, group: doc.MeasureGroup) -> Group:
        names = {population: self.population(group, population) for population in POPULATIONS}
        return Group(group.name.text, names["eligible"], names["excluded"], names["met"] or "", names["excepted"])

    def population(self, group: doc.MeasureGroup, population: str) -> str | None:
        """The derived value that says who belongs to a population of a group."""
        conditions = list(self.conditions(group, population))
        if not conditions:
            return None
        condition = conditions[0] if len(conditions) == 1 else logic.All(tuple(conditions))
        return self.derive(f"{group.name}: {population}", group.name, condition)

    def conditions(self, group: doc.MeasureGroup, population: str) -> Iterator[logic.Condition]:
        if population == "eligible":
            if self.pack.population:
                yield lower_condition(self.pack.population, self.shared)
            if self.written.population:
                yield lower_condition(self.written.population, self.scope)
        if written := getattr(group, population):
            yield lower_condition(written, self.scope)

    def derive(self, name: str, place: TextNode, condition: logic.Condition) -> str:
        full = f"{self.written.id}/{name}"
        self.parts.derived[full] = ir.Derived(full, condition)
        self.parts.places[full] = place.span
        self.names.append(full)
        return full

    # ---------------------------------------------------------------- strata

    def stratifier(self, stratifier: doc.Stratifier) -> Stratifier:
        strata = tuple(
            (label.text, self.derive(f"{stratifier.name} is {label}", label, lower_condition(condition, self.scope)))
            for label, condition in stratifier.strata
        )
        return Stratifier(stratifier.name.text, self.divider(stratifier.fact) if stratifier.fact else None, strata)

    def divider(self, name: TextNode) -> str:
        """The fact whose values are the strata."""
        fact = self.scope.fact(name)
        if fact is not None and type_of(fact) not in ("word", "yes/no"):
            hint = "write the strata out: {18 to 39: age between 18 and 39, 40 and over: age >= 40}"
            self.scope.problems.add(name.span, "ALM282", f"'{name}' has too many values to divide people by", hint)
        return self.scope.resolve(name.text)
