"""One sweep: evaluate everybody, count, publish."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from plugin import __version__
from plugin.sweep.published import Published, WorklistPerson, finding_line, worklist_person
from rules.engines import Engine
from rules.engines.reference import patient_value
from rules.evaluation import Explained, evaluate
from rules.facts import PersonRecord
from rules.pack import Pack

SHOWN = frozenset({"yes", "unknown"})


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep found."""

    people: int
    flagged: int
    """People with at least one *yes*."""
    unknown: int
    """People with no *yes* but at least one *unknown*."""
    findings_by_rule: dict[str, dict[str, int]]
    """Rule → yes and unknown → how many people."""


def run_sweep(
    packs: Sequence[Pack],
    people: Sequence[PersonRecord],
    as_of: date,
    engine: Engine,
    published: Published,
    on_person: Callable[[], None] | None = None,
) -> SweepResult:
    """Evaluate ``people`` as of a day with ``engine`` and publish the worklist."""
    found = evaluate(packs, people, as_of, engine, statuses=SHOWN, on_person=on_person)
    result = _count(packs, people, as_of, found)
    manifest: dict[str, Any] = {
        "as_of": as_of.isoformat(),
        "people": result.people,
        "flagged": result.flagged,
        "unknown": result.unknown,
        "findings_by_rule": result.findings_by_rule,
        "packs": {pack.document.id: pack.document.version for pack in packs},
        "engine": engine.name,
        "almoner": __version__,
        "published": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    sweep_id = f"{as_of.isoformat()}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    records = {record.person.id: record for record in people}
    published.publish(sweep_id, worklist(packs, records, as_of, found), manifest)
    return result


def worklist(
    packs: Sequence[Pack], records: Mapping[str, PersonRecord], as_of: date, found: Iterable[Explained]
) -> Iterator[WorklistPerson]:
    """The lines of the people (of ``records``, by id) about whom something is shown; ``found`` is sorted by patient."""
    rules = {rule.id.text: rule for pack in packs for rule in pack.document.rules}
    for patient, group in groupby(found, key=lambda e: e.finding.patient):
        lines = []
        for item in group:
            rule = rules[item.finding.rule]
            if rule.is_shown(as_of):
                lines.append(finding_line(item, rule.title, rule.level, rule.priority, rule.restricted))
        if not lines:
            continue
        age = patient_value("age", records[patient].person, as_of)
        yield worklist_person(records[patient].person, age if isinstance(age, float) else None, lines)


def _count(packs: Sequence[Pack], people: Sequence[PersonRecord], as_of: date, found: Sequence[Explained]) -> SweepResult:
    """People are counted by what the worklist shows about them; findings by every rule, also those that are not shown yet."""
    by_rule = Counter((e.finding.rule, e.finding.status) for e in found)
    shown = {rule.id.text for pack in packs for rule in pack.document.rules if rule.is_shown(as_of)}
    flagged = {e.finding.patient for e in found if e.finding.status == "yes" and e.finding.rule in shown}
    unknown = {e.finding.patient for e in found if e.finding.status == "unknown" and e.finding.rule in shown} - flagged
    rules = [rule for pack in packs for rule in pack.program.rules]
    return SweepResult(
        len(people), len(flagged), len(unknown), {rule: {s: by_rule[rule, s] for s in ("yes", "unknown")} for rule in sorted(rules)}
    )
