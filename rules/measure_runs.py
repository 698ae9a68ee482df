"""Running the examples of measures, and of all that a pack holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rules.engines.base import Engine
from rules.episodes import memberships
from rules.example_runs import run_case, same, shown
from rules.examples import MeasureCase
from rules.explain import short
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
            told += [(short(n), shown(value), shown(values.get(n))) for n, value in case.facts.items() if not same(values.get(n), value)]
            yield from (f"{where}: '{name}' should be {wanted}, {engine.name} says {got}" for name, wanted, got in told if wanted != got)


def outcomes_shown(found: Iterable[Mapping[str, str]]) -> str:
    """``met``; ``screened: met, followed up: not met``; of several episodes one after the other in brackets."""
    told = [
        next(iter(outcomes.values())) if len(outcomes) == 1 else ", ".join(f"{name}: {each}" for name, each in outcomes.items())
        for outcomes in found
    ]
    return told[0] if len(told) == 1 else f"[{'; '.join(told)}]"
