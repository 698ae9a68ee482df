"""Counts as they may be shown: small ones withheld, with all from which they could be worked out, and rates with their intervals."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from plugin.cds.analytics.counting import IGNORED, KINDS, NOT_TOLD, OVERRIDDEN, TAKEN
from plugin.cds.ledger.waiting import ORDERED, RESOLVED
from plugin.translations import marked
from rules.suppression import WITHHELD, Cell, counts_of, suppressed

RETURNED: Final = marked("returned")
SHOWN: Final = marked("shown")
ALL: Final = marked("all")
_Z: Final = 1.959964
"""Of 95 percent."""
_SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    RETURNED: (RETURNED,),
    SHOWN: (TAKEN, ORDERED, RESOLVED, OVERRIDDEN),
    "accepted": (TAKEN, ORDERED, RESOLVED),
    ORDERED: (ORDERED, RESOLVED),
    RESOLVED: (RESOLVED,),
    OVERRIDDEN: (OVERRIDDEN,),
    IGNORED: (IGNORED,),
    NOT_TOLD: (NOT_TOLD,),
}
"""Column of the page → the kinds that it counts. Shown is what somebody surely saw: they did something about it."""
STAGES: Final = (RETURNED, SHOWN, "accepted", ORDERED, RESOLVED)
COLUMNS: Final = tuple(_SUMS)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval (Wilson), each between 0 and 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One rule, site, role or group; or all."""

    name: str
    cells: Mapping[str, str]
    """Column → a number, ``<11``, ``*`` or ``not told``."""
    rate: Rate | None
    """Accepted of those of whom it is known: accepted, overridden or ignored. ``None``: withheld, or there are none."""


def wilson(count: int, of: int) -> Rate | None:
    """The share of ``count`` in ``of``; ``None`` if that is nought."""
    if of == 0:
        return None
    share, spread = count / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


def funnel(cells: Mapping[Cell, int], steps: Collection[str]) -> list[FunnelRow]:
    """The rows, those with most cards first, and the one for all last if there are several. ``steps``: those of which we are ever told."""
    names = sorted({cell.row for cell in cells}, key=lambda name: (-sum(n for cell, n in cells.items() if cell.row == name), name))
    if not names:
        return []
    counts = counts_of(names, KINDS, cells, total=ALL, together=RETURNED)
    shown = suppressed(counts)
    return [_row(row, {column: shown[Cell(row, column)] for column in counts.columns}, steps) for row in counts.rows]


def table(cells: Mapping[Cell, int], together: str) -> tuple[tuple[str, ...], list[tuple[str, Mapping[str, str]]]]:
    """Columns and rows of another table of counts, as they may be shown."""
    rows, kinds = sorted({cell.row for cell in cells}), sorted({cell.column for cell in cells})
    if not rows:
        return (), []
    counts = counts_of(rows, kinds, cells, total=ALL, together=together)
    shown = suppressed(counts)
    return counts.columns, [(row, {column: shown[Cell(row, column)] for column in counts.columns}) for row in counts.rows]


def number(text: str) -> int | None:
    """A cell as a number; ``None`` if it is withheld or not told."""
    plain = text.replace(",", "")
    return int(plain) if plain.isdigit() else None


def _row(name: str, kinds: Mapping[str, str], steps: Collection[str]) -> FunnelRow:
    cells = dict(_sums(kinds))
    if number(kinds[NOT_TOLD]) == number(kinds[RETURNED]) is not None:
        cells |= dict.fromkeys((SHOWN, "accepted", ORDERED, RESOLVED, OVERRIDDEN, IGNORED), NOT_TOLD)
    cells |= {step: NOT_TOLD for step in (ORDERED, RESOLVED) if step not in steps}
    known = [number(cells[column]) for column in ("accepted", OVERRIDDEN, IGNORED)]
    told = [each for each in known if each is not None]
    return FunnelRow(name, cells, wilson(told[0], sum(told)) if len(told) == len(known) else None)


def _sums(kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each column. A sum is shown if all its parts are, or all the others: whoever subtracts knows it then anyway."""
    for column, parts in _SUMS.items():
        others = [kind for kind in KINDS if kind not in parts] if column != RETURNED else []
        inside, outside = _total(kinds, parts), _total(kinds, others)
        whole = number(kinds[RETURNED])
        if inside is not None:
            yield column, f"{inside:,}"
        elif len(parts) > 1 and whole is not None and outside is not None:
            yield column, f"{whole - outside:,}"
        else:
            some = [kinds[part] for part in parts if kinds[part] != "0"]
            yield column, some[0] if len(some) == 1 else WITHHELD


def _total(kinds: Mapping[str, str], parts: Sequence[str]) -> int | None:
    """The sum of ``parts``; ``None`` unless all are shown."""
    found = [number(kinds[part]) for part in parts]
    told = [each for each in found if each is not None]
    return sum(told) if len(told) == len(found) else None
