"""Small numbers stay secret: whoever knows every shown cell, and that the totals are totals, cannot work one out."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.suppression import WITHHELD, Cell, Counts, counts_of, suppressed

LIMIT = 3
"""1 and 2 are small: few enough to try every table."""


def table(*rows: tuple[int, ...]) -> Counts:
    groups, kinds = [f"g{i}" for i in range(len(rows))], [f"k{i}" for i in range(len(rows[0]))]
    cells = {Cell(g, k): n for g, row in zip(groups, rows, strict=True) for k, n in zip(kinds, row, strict=True)}
    return counts_of(groups, kinds, cells, total="all", together="sum")


def fits(text: str, number: int, limit: int) -> bool:
    return text == WITHHELD or (0 < number < limit if text == f"<{limit}" else text == f"{number:,}")


def possible(shown: dict[Cell, str], counts: Counts, greatest: int) -> Iterator[Counts]:
    """Every table that would be shown as this one is."""
    groups = counts.rows[:-1] if len(counts.rows) > 1 else counts.rows
    inner = [Cell(g, k) for g in groups for k in counts.columns[:-1]]
    options = [[n for n in range(greatest + 1) if fits(shown[cell], n, LIMIT)] for cell in inner]
    for numbers in product(*options):
        other = counts_of(groups, counts.columns[:-1], dict(zip(inner, numbers, strict=True)), total="all", together="sum")
        if all(fits(shown[cell], n, LIMIT) for cell, n in other.cells.items()):
            yield other


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 2), min_size=1, max_size=2))
def test_no_small_number_can_be_worked_out(rows: list[tuple[int, ...]]) -> None:
    counts = table(*rows)
    shown = suppressed(counts, LIMIT)
    tables = list(possible(shown, counts, greatest=9))
    for cell, number in counts.cells.items():
        if 0 < number < LIMIT:
            assert len({other.cells[cell] for other in tables}) > 1, (cell, shown)


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 5), min_size=1, max_size=4))
def test_what_is_shown_is_true(rows: list[tuple[int, ...]]) -> None:
    counts = table(*rows)
    for cell, text in suppressed(counts).items():
        assert fits(text, counts.cells[cell], 11)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(0, 500)], ["0", "500", "500"], id="nought is shown"),
        pytest.param([(3, 500)], ["<11", "*", "503"], id="a small number and what would give it away"),
        pytest.param([(10, 11)], ["<11", "*", "21"], id="10 is small, 11 is not"),
        pytest.param([(1, 0)], ["<11", "0", "<11"], id="one person"),
        pytest.param([(1500, 20)], ["1,500", "20", "1,520"], id="nothing small"),
    ],
)
def test_one_row(rows: list[tuple[int, ...]], expected: list[str]) -> None:
    assert list(suppressed(table(*rows)).values()) == expected


def test_a_rectangle_protects_one_small_cell() -> None:
    shown = suppressed(table((3, 100, 60), (50, 200, 70)))
    assert shown[Cell("g0", "k0")] == "<11"
    assert [cell for cell, text in shown.items() if text == WITHHELD] == [Cell("g0", "k2"), Cell("g1", "k0"), Cell("g1", "k2")]


def test_sums_are_shown_alike_whatever_stands_in_the_rows() -> None:
    first, second = suppressed(table((5, 0), (100, 0), (40, 2))), suppressed(table((0, 5), (97, 3), (0, 42)))
    assert {c: t for c, t in first.items() if c.column == "sum"} == {c: t for c, t in second.items() if c.column == "sum"}
    assert first[Cell("g0", "sum")] == "<11"
    assert first[Cell("g2", "sum")] == WITHHELD
