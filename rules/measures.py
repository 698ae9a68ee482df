"""Quality measures: who counts for a rate, who has what is wanted, and the rate with what is not known about it.

The order of the questions is that of the proportion measures of HL7's Quality Measure guide: population and eligibility first, then
exclusions, then what is wanted, and exceptions only for those who lack it. A question whose answer is unknown ends the matter: the
outcome is unknown, and is counted as such.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rules.facts import Coding, Value
from rules.findings import ANSWERS
from rules.grammar import OUTCOMES
from rules.ir import EventFact, Program

NOT_ELIGIBLE, EXCLUDED, MET, EXCEPTED, NOT_MET, UNKNOWN = OUTCOMES
EPISODE: Final = Coding("urn:almoner:episode", "this")
"""Carried by the event that is the episode being looked at (`rules.episodes` sees to it), and by no other."""
UNKNOWN_STRATUM: Final = "unknown"
NO_STRATUM: Final = "none of these"


@dataclass(frozen=True, slots=True)
class Group:
    """One rate: the names of the derived values that say who belongs to each population. ``None``: nobody asks."""

    name: str
    eligible: str | None
    excluded: str | None
    met: str
    excepted: str | None

    def populations(self) -> Iterator[str]:
        """The names that there are."""
        yield from (name for name in (self.eligible, self.excluded, self.met, self.excepted) if name)


@dataclass(frozen=True, slots=True)
class Stratifier:
    """A division of those who are counted: the value of ``fact``, or the first of ``strata`` (label, derived value) that is yes."""

    name: str
    fact: str | None
    strata: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure as it is computed: an ordinary program, and what its answers mean."""

    id: str
    program: Program
    groups: tuple[Group, ...]
    stratifiers: tuple[Stratifier, ...]
    each: EventFact | None
    """The events of which each is counted by itself; ``None``: people are counted."""

    @property
    def counts(self) -> str:
        """What is counted."""
        return "episodes" if self.each else "people"


def outcome(group: Group, answers: Mapping[str, bool | None]) -> str:
    """One of `rules.grammar.OUTCOMES`."""
    questions = (
        (group.eligible, False, NOT_ELIGIBLE),
        (group.excluded, True, EXCLUDED),
        (group.met, True, MET),
        (group.excepted, True, EXCEPTED),
    )
    for name, decisive, found in questions:
        answer = answers[name] if name else not decisive
        if answer is None:
            return UNKNOWN
        if answer is decisive:
            return found
    return NOT_MET


def stratum(stratifier: Stratifier, values: Mapping[str, Value]) -> str:
    """Where somebody belongs; as in a decision table an unknown condition before the first that holds leaves it unknown."""
    if stratifier.fact:
        value = values[stratifier.fact]
        return value if isinstance(value, str) else UNKNOWN_STRATUM if value is None else ANSWERS[value is True]
    for label, name in stratifier.strata:
        if values[name] is not False:
            return label if values[name] else UNKNOWN_STRATUM
    return NO_STRATUM


@dataclass(frozen=True, slots=True)
class Rate:
    """Met of those who count (met and not met), and what it would be if every unknown had been not met, or met."""

    rate: float | None
    """``None``: nobody counts."""
    low: float | None
    high: float | None


def rate(counts: Mapping[str, int]) -> Rate:
    """The rate from the number of each outcome."""
    met, counted, unknown = counts[MET], counts[MET] + counts[NOT_MET], counts[UNKNOWN]
    return Rate(_share(met, counted), _share(met, counted + unknown), _share(met + unknown, counted + unknown))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
