"""Running the examples of rules: expected against answered, on several engines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose

from rules.engines.base import Engine, Evaluation
from rules.examples import ExampleCase
from rules.explain import short
from rules.facts import PersonRecord, Value
from rules.findings import ANSWERS, plain
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class CaseRun:
    """What one engine says about one example."""

    case: ExampleCase
    engine: str
    answer: str
    facts: Mapping[str, Value]
    """The facts behind the rule, by the names that its author wrote."""
    unexpected: Mapping[str, tuple[Value, Value]]
    """The facts that are not as the example expects them: what it expects, what the engine says."""

    @property
    def as_expected(self) -> bool:
        """Whether the answer and every fact are."""
        return self.answer == self.case.expect and not self.unexpected

    def messages(self) -> Iterator[str]:
        """One for each thing that is not as expected, without the place."""
        if self.answer != self.case.expect:
            facts = ", ".join(f"{name}: {shown(value)}" for name, value in self.facts.items())
            yield f"example '{self.case.name}': expected {self.case.expect}, {self.engine} answers {self.answer} ({facts})"
        for name, (expected, found) in self.unexpected.items():
            yield f"example '{self.case.name}': '{name}' should be {shown(expected)}, {self.engine} says {shown(found)}"


def run_case(pack: Pack, case: ExampleCase, engines: Sequence[Engine]) -> Iterator[str]:
    """One message for each engine and thing that is not as the author expects; starts with the place of the example."""
    for engine in engines:
        (evaluation,) = engine.evaluate(pack.program, [case.record], case.as_of)
        yield from (f"{case.span}: {message}" for message in _run(pack, case, engine, evaluation).messages())


def run_cases(pack: Pack, engine: Engine) -> list[CaseRun]:
    """Every example of ``pack`` on one engine, in the order written; those of one day together, for engines that like many people."""
    found: dict[int, CaseRun] = {}
    for day in dict.fromkeys(case.as_of for case in pack.cases):
        numbers = [i for i, case in enumerate(pack.cases) if case.as_of == day]
        people = [_apart(pack.cases[i].record, i) for i in numbers]
        for i, evaluation in zip(numbers, engine.evaluate(pack.program, people, day), strict=True):
            found[i] = _run(pack, pack.cases[i], engine, evaluation)
    return [found[i] for i in sorted(found)]


def _apart(record: PersonRecord, number: int) -> PersonRecord:
    """The person of an example under names that no other example uses, so that they do not live together."""
    person = replace(record.person, id=f"{record.person.id}-{number:06}", household=f"{record.person.household}-{number}")
    return replace(record, person=person, household=tuple(_apart(other, number) for other in record.household))


def _run(pack: Pack, case: ExampleCase, engine: Engine, evaluation: Evaluation) -> CaseRun:
    return CaseRun(
        case=case,
        engine=engine.name,
        answer=ANSWERS[evaluation.answers[case.rule]],
        facts={short(name): evaluation.facts[name] for name in pack.program.facts_behind(case.rule)},
        unexpected={
            short(name): (expected, found)
            for name, expected in case.facts.items()
            if not same(found := evaluation.facts.get(name, evaluation.answers.get(name)), expected)
        },
    )


def same(found: Value, expected: Value) -> bool:
    """Whether a fact has the value that an example expects."""
    if isinstance(found, float) and isinstance(expected, float):
        return isclose(found, expected, rel_tol=1e-9)
    return found == expected


def shown(value: Value) -> str:
    """A fact's value in words."""
    return ANSWERS[value] if value is None or isinstance(value, bool) else str(plain(value))
