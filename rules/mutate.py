"""Do the examples of a rule notice when it is changed? Each mutant that they let pass comes with the example that would not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from rules import document as doc
from rules.engines.reference import ReferenceEngine, reduce_facts
from rules.errors import Span
from rules.example_runs import run_case
from rules.example_text import example_text
from rules.examples import examples_of
from rules.facts import PersonRecord
from rules.findings import ANSWERS
from rules.ir import Derived, Program, derive
from rules.logic import leaves
from rules.mutants import Mutant, mutants
from rules.neighbours import neighbours
from rules.pack import Pack
from rules.parse.fields import Problems
from rules.scope import Scope


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that every example lets pass."""

    mutant: Mutant
    place: Span
    example: str | None
    """A ready example with the right answer, which the mutant gets wrong; ``None``: none was found, perhaps there is none."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well the examples of one rule hold it in place."""

    rule: str
    mutants: int
    survivors: tuple[Survivor, ...]

    @property
    def missed(self) -> tuple[Survivor, ...]:
        """Survivors that an example would tell from the rule."""
        return tuple(s for s in self.survivors if s.example is not None)

    @property
    def maybe_equivalent(self) -> tuple[Survivor, ...]:
        """Survivors that no person near the edges tells from the rule: perhaps the change means nothing."""
        return tuple(s for s in self.survivors if s.example is None)


def mutate(pack: Pack, rules: Sequence[str] = ()) -> Iterator[Score]:
    """The score of each rule of ``pack``, or of those named. Its examples must hold (`rules.example_runs.run_case`).

    A change of something that rules share is noticed if an example of any of them fails.
    """
    trials = {rule.id.text: _Trial(pack, rule) for rule in pack.document.rules}
    for rule, trial in trials.items():
        if not rules or rule in rules:
            yield _score(trial, list(trials.values()))


def _score(trial: "_Trial", trials: Sequence["_Trial"]) -> Score:
    tried = list(mutants(trial.program, trial.id, len(trial.rule.unless)))
    passed = [m for m in tried if not any(each.notices(m) for each in (trial, *trials) if each.holds(m))]
    survivors = tuple(Survivor(m, trial.places.get(m.node.name, trial.rule.id.span), trial.example_against(m)) for m in passed)
    return Score(trial.id, len(tried), survivors)


@dataclass(frozen=True, slots=True)
class _Neighbour:
    example: doc.Example
    record: PersonRecord
    as_of: date
    answer: bool | None


class _Trial:
    """One rule by itself, with what it rests on."""

    def __init__(self, pack: Pack, rule: doc.Rule) -> None:
        self.id, self.rule = rule.id.text, rule
        self.cases = [case for case in pack.cases if case.rule == self.id]
        self.program = _part(pack.program, (self.id, *(name for case in self.cases for name in case.facts)), self.id)
        self.pack = replace(pack, program=self.program)
        self.problems = Problems()
        shared = Scope.of_pack(pack.document, self.problems)
        self.scope = Scope.of(rule.vocabulary, shared, self.problems, prefix=f"{self.id}/")
        self.places = {self.scope.resolve(name): fact.name.span for name, fact in self.scope.facts_in_view().items()}

    def holds(self, mutant: Mutant) -> bool:
        """Whether the rule rests on what was changed."""
        return mutant.node.name in (self.program.conditions if isinstance(mutant.node, Derived) else self.program.by_name)

    def notices(self, mutant: Mutant) -> bool:
        """Whether an example of the rule fails."""
        changed = replace(self.pack, program=mutant.of(self.program))
        return any(True for case in self.cases for _ in run_case(changed, case, [ReferenceEngine()]))

    # ---------------------------------------------------------------- the example that is missing

    def example_against(self, mutant: Mutant) -> str | None:
        """A small person about whom the rule and the mutant say different things."""
        changed = mutant.of(self.program)
        for answers in ((True,), (False, None)):  # one who is flagged shows most
            for near in self.neighbours:
                if near.answer in answers and _answer(changed, self.id, near.record, near.as_of) is not near.answer:
                    return self._written(self._smallest(near, changed), mutant)
        return None

    @cached_property
    def neighbours(self) -> list[_Neighbour]:
        return [near for example in neighbours(self.rule, self.program, self.scope) if (near := self._evaluated(example))]

    def _evaluated(self, example: doc.Example) -> _Neighbour | None:
        """The person with the rule's answer; ``None`` if the language does not allow such an example."""
        before = len(self.problems.found)
        (case,) = examples_of(replace(self.rule, examples=(example,)), self.scope, self.problems)
        if len(self.problems.found) > before:
            return None
        return _Neighbour(example, case.record, case.as_of, _answer(self.program, self.id, case.record, case.as_of))

    def _smallest(self, near: _Neighbour, changed: Program) -> _Neighbour:
        """The person without the events that tell nothing."""
        events = near.example.person.events
        for i in range(len(events)):
            person = replace(near.example.person, events=events[:i] + events[i + 1 :])
            less = self._evaluated(replace(near.example, person=person))
            if less and less.answer is near.answer and _answer(changed, self.id, less.record, less.as_of) is not less.answer:
                return self._smallest(less, changed)
        return near

    def _written(self, near: _Neighbour, mutant: Mutant) -> str:
        name = f"notices {mutant.change}".replace("'", "")
        return example_text(replace(near.example, name=name, expect=ANSWERS[near.answer]))


def _answer(program: Program, rule: str, record: PersonRecord, as_of: date) -> bool | None:
    facts = {name: result.value for name, result in reduce_facts(program, record, as_of).items()}
    return derive(program, facts)[rule]


def _part(program: Program, names: Sequence[str], rule: str) -> Program:
    """The program of one rule: what the ``names`` rest on and nothing else."""
    derived: set[str] = set()
    waiting = [name for name in names if name in program.conditions]
    while waiting:
        derived.add(name := waiting.pop())
        waiting += [leaf.fact for leaf in leaves(program.conditions[name]) if leaf.fact in program.conditions and leaf.fact not in derived]
    facts = {fact for name in names for fact in program.facts_behind(name)}
    return Program(tuple(f for f in program.facts if f.name in facts), tuple(d for d in program.derived if d.name in derived), (rule,))
