"""Small numbers withheld from a table that shows its totals, so that nobody can be counted out of it.

A cell of 1 to 10 is shown as ``<11``. Where subtraction would still give it away, further cells are withheld as ``*``, which may
stand for any number. Nought is shown. Whether a cell can be worked out is decided exactly: a table of whole numbers with totals is
a flow in a network, and a hidden cell has another possible value if, and only if, one unit can be sent around a circle through it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

SMALLEST_SHOWN: Final = 11
WITHHELD: Final = "*"


class Cell(NamedTuple):
    """A place in a table."""

    row: str
    column: str


@dataclass(frozen=True, slots=True)
class Counts:
    """A table of counts. If it has several rows the last is the sum of the others; so is the last column."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[Cell, int]


def counts_of(groups: Sequence[str], kinds: Sequence[str], cells: Mapping[Cell, int], *, total: str, together: str) -> Counts:
    """The table with its totals; ``total`` names the last row, ``together`` the last column. A cell left out is nought."""
    full = {Cell(g, k): cells.get(Cell(g, k), 0) for g, k in product(groups, kinds)}
    full |= {Cell(g, together): sum(full[Cell(g, k)] for k in kinds) for g in groups}
    columns = (*kinds, together)
    if len(groups) == 1:
        return Counts(tuple(groups), columns, full)
    full |= {Cell(total, c): sum(full[Cell(g, c)] for g in groups) for c in columns}
    return Counts((*groups, total), columns, full)


def suppressed(counts: Counts, smallest_shown: int = SMALLEST_SHOWN) -> dict[Cell, str]:
    """How each cell is shown: its number, ``<11``, or ``*``.

    Which sums of rows are shown (the last column) depends on those sums alone, so that tables about the same people can be laid
    side by side.
    """
    search = _Search(counts, smallest_shown)
    if len(counts.rows) > 1:
        search.withhold(_withheld_sums(counts, smallest_shown))
    for cell in sorted(search.small):
        if not search.is_safe(cell):
            search.withhold(next((extra for extra in search.candidates(cell) if search.is_safe(cell, extra)), search.inner))
    return {cell: search.shown(cell) for cell in counts.cells}


def _withheld_sums(counts: Counts, smallest_shown: int) -> frozenset[Cell]:
    """The sums of rows that must be withheld to protect small ones: a table of one row by itself."""
    last = counts.columns[-1]
    sums = Counts((last,), counts.rows, {Cell(last, row): counts.cells[Cell(row, last)] for row in counts.rows})
    return frozenset(Cell(cell.column, last) for cell, text in suppressed(sums, smallest_shown).items() if text == WITHHELD)


class _Arc(NamedTuple):
    """One unit may move this way through a hidden cell."""

    origin: str
    target: str
    cell: Cell


class _Search:
    def __init__(self, counts: Counts, smallest_shown: int) -> None:
        self.counts, self.cells = counts, counts.cells
        self.smallest_shown = smallest_shown
        self.last = counts.columns[-1]
        self.small = frozenset(cell for cell, number in counts.cells.items() if 0 < number < smallest_shown)
        self.inner = frozenset(cell for cell in counts.cells if cell.column != self.last)
        self.withheld: frozenset[Cell] = frozenset()
        self.leaving = _by_origin(arc for cell in self.small for arc in self._arcs(cell, withheld=False))

    def withhold(self, cells: frozenset[Cell]) -> None:
        """Withhold these too. Their arcs are added to those they had: who withholds more lets less be known."""
        self.withheld |= cells
        for origin, arcs in _by_origin(arc for cell in cells for arc in self._arcs(cell, withheld=True)).items():
            self.leaving.setdefault(origin, set()).update(arcs)

    def shown(self, cell: Cell) -> str:
        """A cell as it is printed."""
        if cell in self.withheld:
            return WITHHELD
        return f"<{self.smallest_shown}" if cell in self.small else f"{self.cells[cell]:,}"

    # ---------------------------------------------------------------- what to withhold besides

    def candidates(self, cell: Cell) -> Iterator[frozenset[Cell]]:
        """Cells that may protect ``cell``, those that cost least first: the corners of a rectangle, else two rows."""
        corners = [c for c in self._rectangles(cell) if all(self.cells[each] for each in c)]
        hidden = self.small | self.withheld
        free = [c - hidden for c in corners if c - hidden <= self.inner]
        yield from sorted(free, key=lambda c: (sum(self.cells[each] for each in c), sorted(c)))
        for other in sorted(self.counts.rows, key=lambda row: self.cells[Cell(row, self.last)]):
            yield frozenset(c for c in self.inner if c.row in (cell.row, other))

    def _rectangles(self, cell: Cell) -> Iterator[frozenset[Cell]]:
        rows = [row for row in self.counts.rows if row != cell.row] or [cell.row]
        for row, kind in product(rows, [c for c in self.counts.columns if c not in (cell.column, self.last)]):
            yield frozenset({Cell(cell.row, kind), Cell(row, cell.column), Cell(row, kind)} - {cell})

    # ---------------------------------------------------------------- what could be worked out

    def is_safe(self, cell: Cell, extra: frozenset[Cell] = frozenset()) -> bool:
        """Whether another number could stand in ``cell``, for all that is shown when ``extra`` is withheld too."""
        added = _by_origin(arc for each in extra for arc in self._arcs(each, withheld=True))
        own = self._arcs(cell, withheld=cell in self.withheld or cell in extra)
        return any(self._leads_back(arc, added) for arc in own)

    def _leads_back(self, arc: _Arc, added: Mapping[str, set[_Arc]]) -> bool:
        """Whether the end of ``arc`` is joined to its beginning through other cells."""
        reached, waiting = {arc.target}, [arc.target]
        while waiting and arc.origin not in reached:
            place = waiting.pop()
            leaving = self.leaving.get(place, set()) | added.get(place, set())
            onwards = {each.target for each in leaving if each.cell != arc.cell} - reached
            reached |= onwards
            waiting += onwards
        return arc.origin in reached

    def _arcs(self, cell: Cell, *, withheld: bool) -> Iterator[_Arc]:
        """The ways through a cell that may hold more, or less, than it does. A sum counts against what it is the sum of."""
        row, column = f"row {cell.row}", f"column {cell.column}" if len(self.counts.rows) > 1 else "anywhere"
        if (cell.row == self.counts.rows[-1]) != (cell.column == self.last):
            row, column = column, row
        if withheld or self.cells[cell] < self.smallest_shown - 1:
            yield _Arc(row, column, cell)
        if self.cells[cell] > (0 if withheld else 1):
            yield _Arc(column, row, cell)


def _by_origin(arcs: Iterable[_Arc]) -> dict[str, set[_Arc]]:
    found: dict[str, set[_Arc]] = {}
    for arc in arcs:
        found.setdefault(arc.origin, set()).add(arc)
    return found
