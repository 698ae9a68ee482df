"""What must hold before a sweep is published. A list that is wrong does more harm than yesterday's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhir_adapters.report import Report
from plugin.sweep.bands import Bands
from plugin.sweep.errors import SweepRefused
from rules.engines import engine
from rules.example_runs import run_cases
from rules.pack import Pack

QUARANTINED: Final = 0.01
FEWER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still acceptable."""

    quarantined: float = QUARANTINED
    """The share of resources of a kind that may be in quarantine."""
    fewer: float = FEWER
    """The share of people who may be gone since the last sweep."""
    least: int = 20
    """So few resources in quarantine are no sign of a broken source, whatever their share."""
    bands: Bands = field(default_factory=Bands)
    """Of how many people rules may say yes and unknown."""


def check_data(report: Report, people_before: int | None, limits: Limits) -> None:
    """Hold what came in against the limits.

    Raises:
        SweepRefused: with everything that is wrong, and what to do.
    """
    wrong = [*_unbalanced(report), *_quarantined(report, limits), *_fewer(report.people, people_before, limits)]
    if wrong:
        raise SweepRefused("\n".join(["the sweep was not published, the previous one stands:", *wrong]))


def _unbalanced(report: Report) -> Iterator[str]:
    for part in report.parts:
        if not part.balances():
            read, placed = part.lines + part.entries, sum(part.tally.values())
            yield f"{part.name}: {read:,} lines and entries were read, {placed:,} are accounted for; this is a defect of ours"


def _quarantined(report: Report, limits: Limits) -> Iterator[str]:
    for row in report.rows():
        if row.quarantined > limits.least and row.quarantined > limits.quarantined * row.read:
            share = f"{100 * row.quarantined / row.read:.1f} %"
            yield (
                f"{row.resource_type}: {row.quarantined:,} of {row.read:,} ({share}) are in quarantine, more than "
                f"{100 * limits.quarantined:g} %; see --quarantine of almoner evaluate, or allow more by --max-quarantined"
            )


def _fewer(people: int, before: int | None, limits: Limits) -> Iterator[str]:
    if before and people < (1 - limits.fewer) * before:
        yield f"{people:,} people, after {before:,} in the last sweep; if that is right, say --fewer-people"


def check_canaries(packs: Sequence[Pack]) -> int:
    """Let the engine of sweeps answer every example of the packs; how many there are.

    Raises:
        SweepRefused: an answer is not the one that the rule's author expects.
    """
    columnar = engine("columnar")
    runs = [run for pack in packs for run in run_cases(pack, columnar)]
    columnar.close()
    wrong = [f"{run.case.span}: {message}" for run in runs if not run.as_expected for message in run.messages()]
    if wrong:
        raise SweepRefused("\n".join(["the sweep was not published, for examples of the rules are not answered as expected:", *wrong[:20]]))
    return len(runs)
