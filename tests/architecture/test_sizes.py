"""The size budget: small modules of small functions, from the first day, because no large one ever became small again."""

from statistics import median, quantiles

from architecture.modules import functions, modules


def percentile(sizes: list[int], percent: int) -> float:
    """The size that ``percent`` of all do not exceed."""
    return quantiles(sizes, n=100, method="inclusive")[percent - 1]


def test_no_module_is_over_500_lines() -> None:
    assert {m.name: m.lines for m in modules() if m.lines > 500} == {}


def test_no_function_is_over_70_lines() -> None:
    assert {name: lines for m in modules() for name, lines in functions(m) if lines > 70} == {}


def test_modules_are_small_on_the_whole() -> None:
    sizes = [m.lines for m in modules() if m.text]
    assert median(sizes) <= 150
    assert percentile(sizes, 90) <= 350


def test_functions_are_small_on_the_whole() -> None:
    sizes = [lines for m in modules() for _, lines in functions(m)]
    assert median(sizes) <= 8
    assert percentile(sizes, 90) <= 28
