"""Random draws that come out alike on every machine.

Only uniform draws, choices, arithmetic and square roots are used, which IEEE 754 fixes to the last bit; ``gauss`` and its kin
call the platform's logarithm, which it does not.
"""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Mix(Generic[T]):
    """A weighted choice that is prepared once and drawn from often."""

    __slots__ = ("_cumulative", "_options")

    def __init__(self, *weighted: tuple[T, float]) -> None:
        """Take (option, weight) pairs; the weights need not add up to one."""
        self._options: Sequence[T] = [option for option, _ in weighted]
        self._cumulative = list(accumulate(weight for _, weight in weighted))

    def draw(self, rng: Random) -> T:
        """One of the options."""
        return rng.choices(self._options, cum_weights=self._cumulative)[0]


def seeded(*parts: int) -> Random:
    """The generator that belongs to these numbers alone (population seed, household, member)."""
    return Random(":".join(map(str, parts)))  # noqa: S311 - reproducible example data, nothing secret


def bell(rng: Random, centre: float, spread: float) -> float:
    """A roughly normal draw, never further than three ``spread`` from ``centre``."""
    return centre + spread * 2 * (rng.random() + rng.random() + rng.random() - 1.5)
