"""What a lint is, and what it looks at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from rules import document as doc
from rules import ir, logic
from rules.checks.reasoning import Reasoning
from rules.errors import Diagnostic, Span
from rules.lowering.conditions import lower_condition
from rules.lowering.measures import measure_scope
from rules.pack import Pack
from rules.parse.fields import Problems
from rules.scope import Scope
from rules.source import MapNode, read_file

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
        return lower_condition(written, self.scope)

    def program_name(self, name: str) -> str:
        """The name inside the program of a fact defined here."""
        return self.scope.full_name(name)


@dataclass(frozen=True, slots=True)
class Subject:
    """A pack, prepared for lints. ``whole``: all rules of the pack were loaded, so that what none of them uses is unused."""

    pack: Pack
    whole: bool
    program: ir.Program
    """That of the rules and those of the measures together."""
    reasoning: Reasoning
    parts: tuple[Part, ...]
    _files: dict[str, MapNode] = field(default_factory=dict)

    @classmethod
    def of(cls, pack: Pack, *, whole: bool, texts: Mapping[str, MapNode]) -> "Subject":
        """Prepare a pack that has loaded without mistakes. ``texts``: rule texts that stand in no file, by path."""
        problems = Problems()
        shared = Scope.of(pack.document.vocabulary, None, problems, period=pack.document.period)
        population = (pack.document.population,) if pack.document.population else ()
        parts = [Part(shared, pack.document.vocabulary, population)]
        for rule in pack.document.rules:
            scope = Scope.of(rule.vocabulary, shared, problems, prefix=f"{rule.id}/")
            parts.append(Part(scope, rule.vocabulary, (rule.when, *rule.unless), rule))
        for measure in pack.document.measures:
            scope = measure_scope(measure, shared, problems)
            parts.append(Part(scope, measure.vocabulary, tuple(_conditions_of(measure)), measure=measure))
        program = _together(pack)
        return cls(pack, whole, program, Reasoning(program), tuple(parts), dict(texts))

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
        path = rule.id.span.path
        if path not in self._files:
            self._files[path] = read_file(Path(path))
        node, found = self._files[path], rule.id.span
        for name in keys:
            key, value = node.key(name), node.get(name)
            if key is None:
                break
            found = key.span
            if not isinstance(value, MapNode):
                break
            node = value
        return found


def _conditions_of(measure: doc.Measure) -> Iterator[doc.ConditionText]:
    for group in measure.groups:
        yield from (each for each in (group.eligible, group.excluded, group.met, group.excepted) if each)
    if measure.population:
        yield measure.population
    for stratifier in measure.stratifiers:
        yield from (condition for _, condition in stratifier.strata)


def _together(pack: Pack) -> ir.Program:
    """What rules and measures share stands in several programs, but means the same in each. Whatever is asked for is among ``rules``."""
    programs = (pack.program, *(measure.program for measure in pack.measures))
    facts = {fact.name: fact for program in programs for fact in program.facts}
    derived = {each.name: each for program in programs for each in program.derived}
    asked = [name for program in programs for name in program.rules]
    asked += [stratifier.fact for measure in pack.measures for stratifier in measure.stratifiers if stratifier.fact]
    asked += [anchor for measure in pack.measures if measure.each for anchor in measure.each.window.anchors]
    return ir.Program(tuple(facts.values()), tuple(derived.values()), tuple(asked))
