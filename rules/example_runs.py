"""Running the examples of rules: expected against answered, on several engines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose

from rules.engines.base import Engine, Evaluation
from rules.episodes import memberships
from rules.examples import ExampleCase, MeasureCase
from rules.explain import short
from rules.facts import Value
from rules.findings import ANSWERS, plain
from rules.measures import Measure
from rules.pack import Pack


def run_examples(pack: Pack, engines: Sequence[Engine]) -> Iterator[str]:
    """What is not as the authors of a pack's rules and measures expect."""
    for case in pack.cases:
        yield from run_case(pack, case, engines)
    measures = {measure.id: measure for measure in pack.measures}
    for each in pack.measure_cases:
        yield from run_measure_case(measures[each.measure], each, engines)


def run_measure_case(measure: Measure, case: MeasureCase, engines: Sequence[Engine]) -> Iterator[str]:
    """As `run_case`, for an example of a measure."""
    for engine in engines:
        found = list(memberships(measure, [case.record], case.as_of, engine))
        where = f"{case.span}: example '{case.name}'"
        if [member.outcomes for member in found] != list(case.expect):
            answered = outcomes_shown(member.outcomes for member in found)
            yield f"{where}: expected {outcomes_shown(case.expect)}, {engine.name} answers {answered}"
        for member in found:
            values = {**member.evaluation.facts, **member.evaluation.answers}
            told = [(name, label, member.strata.get(name)) for name, label in case.strata.items()]
            told += [(short(n), shown(value), shown(values.get(n))) for n, value in case.facts.items() if not _same(values.get(n), value)]
            yield from (f"{where}: '{name}' should be {wanted}, {engine.name} says {got}" for name, wanted, got in told if wanted != got)


def outcomes_shown(found: Iterable[Mapping[str, str]]) -> str:
    """``met``; ``screened: met, followed up: not met``; of several episodes one after the other in brackets."""
    told = [
        next(iter(outcomes.values())) if len(outcomes) == 1 else ", ".join(f"{name}: {each}" for name, each in outcomes.items())
        for outcomes in found
    ]
    return told[0] if len(told) == 1 else f"[{'; '.join(told)}]"


def run_case(pack: Pack, case: ExampleCase, engines: Sequence[Engine]) -> Iterator[str]:
    """One message for each engine and thing that is not as the author expects; starts with the place of the example."""
    for engine in engines:
        (evaluation,) = engine.evaluate(pack.program, [case.record], case.as_of)
        answer = ANSWERS[evaluation.answers[case.rule]]
        if answer != case.expect:
            facts = _facts(pack, case, evaluation)
            yield f"{case.span}: example '{case.name}': expected {case.expect}, {engine.name} answers {answer} ({facts})"
        for name, expected in case.facts.items():
            found = evaluation.facts.get(name, evaluation.answers.get(name))
            if not _same(found, expected):
                yield f"{case.span}: example '{case.name}': '{short(name)}' should be {shown(expected)}, {engine.name} says {shown(found)}"


def _facts(pack: Pack, case: ExampleCase, evaluation: Evaluation) -> str:
    return ", ".join(f"{short(name)}: {shown(evaluation.facts[name])}" for name in pack.program.facts_behind(case.rule))


def _same(found: Value, expected: Value) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return isclose(found, expected, rel_tol=1e-9)
    return found == expected


def shown(value: Value) -> str:
    """A fact's value in words."""
    return ANSWERS[value] if value is None or isinstance(value, bool) else str(plain(value))
