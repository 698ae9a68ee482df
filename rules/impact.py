"""What a change of rules would do: two versions of packs, one population, and whose answer differs."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from rules.engines.base import Engine
from rules.engines.reference import patient_value
from rules.facts import Person, PersonRecord
from rules.findings import ANSWERS
from rules.pack import Pack
from rules.suppression import Cell, Counts, counts_of

Answers = Mapping[str, Mapping[str, bool | None]]
"""Rule → patient → answer."""

NEWLY_FLAGGED, CLEARED, BECAME_UNKNOWN, BECAME_KNOWN, UNCHANGED = CHANGES = (
    "newly flagged",
    "cleared",
    "became unknown",
    "became known",
    "unchanged",
)
"""Everybody is counted once: newly flagged (now yes), cleared (yes → no), became unknown (yes or no → unknown),
became known (unknown → no), or unchanged."""
ABSENT: Final = "absent"
"""Stands for an answer when one version lacks the rule: it then flags nobody."""

EVERYBODY: Final = "everybody"
PEOPLE: Final = "people"
_AGES: Final = ((5, "0-4"), (18, "5-17"), (40, "18-39"), (65, "40-64"), (75, "65-74"))


@dataclass(frozen=True, slots=True)
class Move:
    """One person's answer in both versions: yes, no, unknown, or absent."""

    patient: str
    old: str
    new: str

    @property
    def change(self) -> str:
        """One of `CHANGES`."""
        if self.old == self.new:
            return UNCHANGED
        if self.new == "yes":
            return NEWLY_FLAGGED
        if self.old == "yes" and self.new != "unknown":
            return CLEARED
        if ABSENT in (self.old, self.new):
            return UNCHANGED
        return BECAME_UNKNOWN if self.new == "unknown" else BECAME_KNOWN


@dataclass(frozen=True, slots=True)
class RuleImpact:
    """What becomes of one rule: those whose answer changes, sorted by patient."""

    rule: str
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """Every rule of either version, sorted by id."""

    rules: tuple[RuleImpact, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


def answers_of(packs: Iterable[Pack], people: Sequence[PersonRecord], as_of: date, engine: Engine) -> dict[str, dict[str, bool | None]]:
    """The answer of every rule about everybody."""
    found: dict[str, dict[str, bool | None]] = {rule: {} for pack in packs for rule in pack.program.rules}
    for pack in packs:
        for evaluation in engine.evaluate(pack.program, people, as_of):
            for rule in pack.program.rules:
                found[rule][evaluation.patient] = evaluation.answers[rule]
    return found


def impact(old: Answers, new: Answers, patients: Iterable[str]) -> Impact:
    """Who moves from which answer to which, rule by rule."""
    everybody = sorted(patients)
    rules = tuple(RuleImpact(rule, tuple(_moves(old, new, rule, everybody))) for rule in sorted({*old, *new}))
    return Impact(rules, tuple(sorted(old.keys() - new.keys())), tuple(sorted(new.keys() - old.keys())))


def _moves(old: Answers, new: Answers, rule: str, patients: Iterable[str]) -> Iterator[Move]:
    for patient in patients:
        move = Move(patient, _word(old, rule, patient), _word(new, rule, patient))
        if move.change != UNCHANGED:
            yield move


def _word(answers: Answers, rule: str, patient: str) -> str:
    return ANSWERS[answers[rule][patient]] if rule in answers else ABSENT


# ---------------------------------------------------------------- groups


def age_band(person: Person, as_of: date) -> str | None:
    """The band of whole years, ``None`` if the age is not known."""
    age = patient_value("age", person, as_of)
    return band_of(age) if isinstance(age, int | float) else None


def band_of(age: float) -> str:
    """The band of an age in years: ``18-39``."""
    return next((band for limit, band in _AGES if age < limit), "75 and over")


def _race(person: Person) -> str | None:
    return "more than one race" if len(person.race) > 1 else next(iter(person.race), None)


BY: Final = ("sex", "age band", "race", "ethnicity", "language", "postcode")
"""What people can be grouped by."""


def group(person: Person, as_of: date, by: Sequence[str]) -> str:
    """The group of a person: one word for each of ``by``, ``unknown`` where it is not known; everybody if ``by`` is empty."""
    values = {
        "sex": person.sex,
        "age band": age_band(person, as_of),
        "race": _race(person),
        "ethnicity": person.ethnicity,
        "language": person.language,
        "postcode": person.postcode,
    }
    return ", ".join(values[each] or "unknown" for each in by) or EVERYBODY


def in_order(name: str) -> list[str | int]:
    """Words by the alphabet, numbers by size: 5-17 before 18-39."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def counted(impact: RuleImpact, groups: Mapping[str, str]) -> Counts:
    """How many of each group changed how. ``groups`` holds the group of everybody. Not for showing before `rules.suppression`."""
    cells = Counter(Cell(groups[move.patient], move.change) for move in impact.moves)
    changed, people = Counter(groups[move.patient] for move in impact.moves), Counter(groups.values())
    cells.update({Cell(name, UNCHANGED): people[name] - changed[name] for name in people})
    return counts_of(sorted(people, key=in_order) or [EVERYBODY], CHANGES, cells, total=EVERYBODY, together=PEOPLE)
