"""Running the examples of rules: expected against answered, on several engines."""

from collections.abc import Iterator, Sequence
from math import isclose

from rules.engines.base import Engine, Evaluation
from rules.examples import ExampleCase
from rules.explain import short
from rules.facts import Value
from rules.findings import ANSWERS, plain
from rules.pack import Pack


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
