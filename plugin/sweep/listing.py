"""From findings to lines of the worklist."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Final

from plugin.sweep.published import WorklistPerson, finding_line, worklist_person
from rules.engines.reference import patient_value
from rules.evaluation import Explained
from rules.facts import PersonRecord
from rules.pack import Pack

LARGEST: Final = 8
"""More people at one address are no household: a home, a hostel, or the address of an office. Counted are all, also those not listed."""
SHOWN = frozenset({"yes", "unknown"})


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
        record = records[patient]
        person = record.person if len(record.household) < LARGEST else replace(record.person, household=None)
        age = patient_value("age", person, as_of)
        yield worklist_person(person, age if isinstance(age, float) else None, lines)
