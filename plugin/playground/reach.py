"""Whom a draft finds among people, and why: how many for each answer, grouped by what decided it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from plugin.sweep.published import finding_line
from rules.engines import engine
from rules.engines.base import Evaluation
from rules.engines.reference import patient_value, reduce_facts
from rules.errors import EngineError
from rules.evaluation import EVERY_STATUS, explained
from rules.explain import explain
from rules.facts import PersonRecord
from rules.findings import ANSWERS
from rules.ir import Program
from rules.pack import Pack

MOST_GROUPS: Final = 4
"""So many groups are shown for each answer, the largest first."""


@dataclass(frozen=True, slots=True)
class Group:
    """People to whom the rule gives one answer for the same reasons, and one of them."""

    people: int
    id: str
    age: int | None
    sex: str | None
    finding: Mapping[str, Any]
    """About that one person, as a line of the worklist: answer, reasons with their evidence, next flip date."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a draft finds."""

    people: int
    as_of: str
    counts: Mapping[str, int]
    """Answer → people."""
    groups: Mapping[str, tuple[Group, ...]]
    """Answer → the largest groups."""
    engines: tuple[str, ...]
    agree: bool
    """Whether these engines gave the same answers."""


def reach(pack: Pack, people: Sequence[PersonRecord], as_of: date) -> Reach:
    """What the one rule of ``pack`` answers about ``people``, on the reference engine and, where it can, the columnar one."""
    (rule,) = pack.program.rules
    found = list(engine("reference").evaluate(pack.program, people, as_of))
    again = _columnar(pack.program, people, as_of)
    by_answer = {name: [i for i, one in enumerate(found) if one.answers[rule] is answer] for answer, name in ANSWERS.items()}
    return Reach(
        people=len(people),
        as_of=as_of.isoformat(),
        counts={name: len(numbers) for name, numbers in by_answer.items()},
        groups={name: tuple(_groups(pack, [(people[i], found[i]) for i in numbers], as_of)) for name, numbers in by_answer.items()},
        engines=("reference", "columnar") if again else ("reference",),
        agree=again is None or all(one.answers == other.answers for one, other in zip(found, again, strict=True)),
    )


def _columnar(program: Program, people: Sequence[PersonRecord], as_of: date) -> list[Evaluation] | None:
    try:
        return list(engine("columnar").evaluate(program, people, as_of))
    except EngineError:
        return None


def _groups(pack: Pack, people: Sequence[tuple[PersonRecord, Evaluation]], as_of: date) -> Iterator[Group]:
    alike: dict[tuple[str, ...], list[tuple[PersonRecord, Evaluation]]] = {}
    for record, evaluation in people:
        alike.setdefault(_reasons(pack.program, record, evaluation, as_of), []).append((record, evaluation))
    for members in sorted(alike.values(), key=len, reverse=True)[:MOST_GROUPS]:
        yield _group(pack, len(members), *members[0], as_of)


def _reasons(program: Program, record: PersonRecord, evaluation: Evaluation, as_of: date) -> tuple[str, ...]:
    values = {**evaluation.facts, **evaluation.answers}
    return tuple(reason.asks for reason in explain(program, program.rules[0], record, reduce_facts(program, record, as_of), values))


def _group(pack: Pack, size: int, record: PersonRecord, evaluation: Evaluation, as_of: date) -> Group:
    (rule,) = pack.document.rules
    (one,) = explained(pack.program, record, as_of, evaluation, EVERY_STATUS)
    age = patient_value("age", record.person, as_of)
    return Group(
        people=size,
        id=record.person.id,
        age=int(age) if isinstance(age, float) else None,
        sex=record.person.sex,
        finding=finding_line(one, rule.title, rule.level, rule.priority, restricted=False),
    )
