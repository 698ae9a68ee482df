"""How many are met, not met, excluded …, group by group and stratum by stratum, with the rate; small numbers withheld."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rules.episodes import Membership
from rules.grammar import OUTCOMES
from rules.impact import BY, EVERYBODY, group, in_order
from rules.measures import MET, NOT_MET, UNKNOWN, Measure, Rate, rate
from rules.suppression import Cell, counts_of, suppressed


@dataclass(frozen=True, slots=True)
class Row:
    """One stratum of one rate, as it may be shown."""

    stratum: str
    cells: Mapping[str, str]
    """Outcome, and ``people`` or ``episodes`` for all of them → a number, ``<11`` or ``*``."""
    rate: Rate | None
    """``None``: withheld, because one of the numbers that it is computed from is."""


def divisions(measures: Iterable[Measure]) -> tuple[str, ...]:
    """What results can be divided by: properties of people, and the measures' own stratifiers."""
    return (*BY, *dict.fromkeys(each.name for measure in measures for each in measure.stratifiers))


def stratum_of(member: Membership, as_of: date, by: Sequence[str]) -> str:
    """The stratum of a person or episode: a word for each of ``by`` that the measure knows."""
    person = member.counted.record.person
    words = [group(person, as_of, (name,)) if name in BY else member.strata[name] for name in by if name in BY or name in member.strata]
    return ", ".join(words) or EVERYBODY


def rows(measure: Measure, name: str, members: Iterable[tuple[str, Membership]]) -> Iterator[Row]:
    """The rows of the rate called ``name``: one for each stratum, and one for all if there are several. ``members`` come with theirs."""
    cells = Counter(Cell(stratum, member.outcomes[name]) for stratum, member in members)
    strata = sorted({cell.row for cell in cells}, key=in_order) or [EVERYBODY]
    counts = counts_of(strata, OUTCOMES, cells, total=EVERYBODY, together=measure.counts)
    shown = suppressed(counts)
    for row in counts.rows:
        texts = {column: shown[Cell(row, column)] for column in counts.columns}
        withheld = not all(texts[column][0].isdigit() for column in (MET, NOT_MET, UNKNOWN))
        yield Row(row, texts, None if withheld else rate({outcome: counts.cells[Cell(row, outcome)] for outcome in OUTCOMES}))
