"""What a lint is, and what it looks at."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import ClassVar, Literal, Protocol

from rules import document as doc
from rules import ir, logic
from rules.checks.reasoning import Reasoning
from rules.errors import Diagnostic, Span
from rules.lowering import lower
from rules.lowering.conditions import lower_condition, lower_group
from rules.lowering.measures import measure_scope
from rules.pack import Pack
from rules.parse.fields import Problems
from rules.scope import Scope

Severity = Literal["error", "warning"]


class Lint(Protocol):
    """One thing to look for in a pack that loads.

    ``error``: the pack certainly does not do what it was written for. ``warning``: it may not, or it will confuse whoever reads it.
    The class docstring explains the lint under the headings *What it does*, *Why is this bad*, *Example* and *Use instead*.
    """

    code: ClassVar[str]
    severity: ClassVar[Severity]
    title: ClassVar[str]

    def check(self, subject: "Subject") -> Iterator["Remark"]:
        """Everything that this lint finds."""
        ...


@dataclass(frozen=True, slots=True)
class Remark:
    """What a lint found at one place."""

    span: Span
    message: str
    hint: str = ""

    def diagnostic(self, lint: Lint) -> Diagnostic:
        """The remark as a message of ``lint``."""
        return Diagnostic(self.span, lint.code, self.message, lint.severity, self.hint)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a pack with names of its own: what all rules share, one rule, or one measure."""

    scope: Scope
    vocabulary: doc.Vocabulary
    own: tuple[doc.ConditionText, ...] = ()
    """The pack's population, a rule's ``when`` and ``unless``, or a measure's populations and strata."""
    rule: doc.Rule | None = None
    measure: doc.Measure | None = None
    codes_named: frozenset[str] = field(init=False, repr=False, compare=False)
    """The value sets and questions that facts and examples written here name."""
    _lowered: dict[int, logic.Condition] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes_named", frozenset(_codes_named(self)))

    @property
    def is_shared(self) -> bool:
        """Whether this is what all rules and measures share."""
        return self.rule is None and self.measure is None

    @property
    def examples(self) -> tuple[doc.Example, ...]:
        """The examples written here."""
        if self.measure:
            return tuple(each.example for each in self.measure.examples)
        return self.rule.examples if self.rule else ()

    def conditions(self) -> Iterator[doc.ConditionText]:
        """Every condition written here."""
        for fact in self.vocabulary.facts:
            if isinstance(fact, doc.DerivedFact):
                yield fact.when
            elif isinstance(fact, doc.ComputedFact):
                yield from (when for when, _ in fact.lines if when)
        yield from self.own

    def lowered(self, written: doc.ConditionText) -> logic.Condition:
        """What a condition written here means."""
        if id(written) not in self._lowered:
            if isinstance(written, doc.Group):
                condition = lower_group(written, tuple(map(self.lowered, written.parts)))
            else:
                condition = lower_condition(written, self.scope)
            self._lowered[id(written)] = condition
        return self._lowered[id(written)]

    def program_name(self, name: str) -> str:
        """The name inside the program of a fact defined here."""
        return self.scope.full_name(name)


@dataclass(frozen=True, slots=True)
class Subject:
    """A pack, prepared for lints.

    ``whole``: all rules of the pack were loaded, so that what none of them uses is unused. ``today`` is the day on which things are
    over or not; without it nobody can tell.
    """

    pack: Pack
    whole: bool
    program: ir.Program
    """That of the rules and those of the measures together."""
    today: date | None
    reasoning: Reasoning
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, pack: Pack, *, whole: bool, today: date | None) -> "Subject":
        """Prepare a pack that has loaded without mistakes.

        Raises:
            RuleError: a pack without rules, whose program nobody needed so far, names value sets that cannot be read.
        """
        if not pack.document.rules:
            pack = replace(pack, program=lower(pack.document))
        problems = Problems()
        shared = Scope.of_pack(pack.document, problems)
        population = (pack.document.population,) if pack.document.population else ()
        parts = [Part(shared, pack.document.vocabulary, population)]
        for rule in pack.document.rules:
            scope = Scope.of(rule.vocabulary, shared, problems, prefix=f"{rule.id}/")
            parts.append(Part(scope, rule.vocabulary, (rule.when, *rule.unless), rule))
        for measure in pack.document.measures:
            scope = measure_scope(measure, shared, problems)
            parts.append(Part(scope, measure.vocabulary, tuple(_conditions_of(measure)), measure=measure))
        program = _together(pack)
        return cls(pack, whole, program, today, Reasoning(program), tuple(parts))

    def sets_in_files(self) -> Iterator[doc.ValueSet]:
        """The value sets of this pack whose codes are in files: those that something names; all of them if others are to name them."""
        named = self.codes_named()
        for part in self.parts:
            for valueset in part.vocabulary.valuesets:
                if (valueset.file or valueset.definition) and (valueset.name.text in named or not self.documents):
                    yield valueset

    def codes_named(self) -> frozenset[str]:
        """The value sets and questions that facts and examples name anywhere."""
        return frozenset().union(*(part.codes_named for part in self.parts))

    @property
    def rules(self) -> tuple[doc.Rule, ...]:
        """The pack's rules."""
        return self.pack.document.rules

    @property
    def documents(self) -> tuple[doc.Rule | doc.Measure, ...]:
        """The pack's rules and measures."""
        return (*self.pack.document.rules, *self.pack.document.measures)

    def place(self, rule: doc.Rule | doc.Measure, *keys: str) -> Span:
        """Where the file of a rule or measure says what stands under ``keys``; the nearest key that it has."""
        while keys and keys not in rule.places:
            keys = keys[:-1]
        return rule.places.get(keys, rule.id.span)


def _conditions_of(measure: doc.Measure) -> Iterator[doc.ConditionText]:
    for group in measure.groups:
        yield from (each for each in (group.eligible, group.excluded, group.met, group.excepted) if each)
    if measure.population:
        yield measure.population
    for stratifier in measure.stratifiers:
        yield from (condition for _, condition in stratifier.strata)


def _together(pack: Pack) -> ir.Program:
    """What rules and measures share stands in several programs, but means the same in each. Whatever is asked for is among ``rules``."""
    if not pack.measures:
        return pack.program
    programs = (pack.program, *(measure.program for measure in pack.measures))
    facts = {fact.name: fact for program in programs for fact in program.facts}
    derived = {each.name: each for program in programs for each in program.derived}
    asked = [name for program in programs for name in program.rules]
    asked += [stratifier.fact for measure in pack.measures for stratifier in measure.stratifiers if stratifier.fact]
    asked += [anchor for measure in pack.measures if measure.each for anchor in measure.each.window.anchors]
    return ir.Program(tuple(facts.values()), tuple(derived.values()), tuple(asked))


def _codes_named(part: Part) -> Iterator[str]:
    for fact in part.vocabulary.facts:
        if isinstance(fact, doc.EventFact):
            yield from _named_by_series(fact.series)
    if part.measure and part.measure.each:
        yield from _named_by_series(part.measure.each.series)
    for example in part.examples:
        for person in (example.person, *(example.household or ())):
            for event in person.events:
                yield event.what.text
                yield from (tag.text for _, tag in event.tags)


def _named_by_series(series: doc.Series) -> Iterator[str]:
    for code in (series.code, *(code for _, code in series.tags), series.question):
        if code is not None and not isinstance(code, doc.ValueSet):
            yield code.text
    for relation in series.relations:
        yield from _named_by_series(relation.series)
