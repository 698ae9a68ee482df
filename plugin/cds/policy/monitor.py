"""Does a rule speak as often as it did? A pure function over daily counts.

For each rule and client the number of cards in the last day, and in the last seven, is compared with what the calls of those days would
have brought at the rate of the eight weeks before (those ending a week ago: what went wrong in the last days is not taken for normal).
How much numbers vary beyond chance is estimated from the same weeks, and a negative binomial distribution says how unlikely the number is.
Calls are the exposure, so that weekends and holidays are no alarm. docs/explanation/quiet-cards.md says what it finds, and what it cannot.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

BASELINE: Final = 56
GUARD: Final = 7
"""Days between the baseline and the day that is judged, that day included."""
WINDOWS: Final = (1, 7)
FEWEST_DAYS: Final = 14
"""With fewer days of baseline on which there were calls, nothing is said."""
_SMALLEST_SPREAD: Final = 0.01
"""No count is steadier than this: its variation beyond chance, relative to its mean, is at least a tenth."""
_MOST_STEPS: Final = 10_000
_TINY: Final = 1e-300
_EXACT: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Count:
    """One day of a rule at a client."""

    calls: int
    fired: int
    """How often the rule spoke: shown, silent or held back."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A number of cards that is too unlikely."""

    kind: Literal["less", "more"]
    days: int
    """How many days were looked at."""
    found: int
    expected: float
    probability: float


@dataclass(frozen=True, slots=True)
class _Usual:
    """How often a rule spoke, as the baseline has it."""

    rate: float
    """Cards of a call."""
    spread: float
    """Relative variance of a day beyond chance."""
    doubt: float
    """Relative variance of ``rate`` itself, of which the baseline is but a sample."""


def judged(days: Mapping[date, Count], last: date, limit: float) -> tuple[Signal, ...]:
    """What is less likely than ``limit`` on ``last``, and in the seven days up to it. A day without calls says nothing."""
    usual = _usual([days[day] for day in _before(last - timedelta(days=GUARD), BASELINE) if day in days and days[day].calls])
    if usual is None:
        return ()
    found = [_signal([days[day] for day in _before(last, window) if day in days], window, usual, limit) for window in WINDOWS]
    return tuple(signal for signal in found if signal)


def _before(last: date, number: int) -> list[date]:
    return [last - timedelta(days=back) for back in range(number)]


def _usual(baseline: Sequence[Count]) -> _Usual | None:
    if len(baseline) < FEWEST_DAYS:
        return None
    fired = sum(each.fired for each in baseline) + 0.5
    rate = fired / sum(each.calls for each in baseline)
    means = [rate * each.calls for each in baseline]
    beyond = sum((each.fired - mean) ** 2 - mean for each, mean in zip(baseline, means, strict=True))
    spread = max(_SMALLEST_SPREAD, beyond / sum(mean**2 for mean in means) * len(baseline) / (len(baseline) - 1))
    return _Usual(rate, spread, 1 / fired + spread / len(baseline))


def _signal(window: Sequence[Count], days: int, usual: _Usual, limit: float) -> Signal | None:
    means = [usual.rate * each.calls for each in window]
    expected, found = sum(means), sum(each.fired for each in window)
    if not expected:
        return None
    variation = sum(mean**2 for mean in means) * usual.spread / expected**2 + usual.doubt
    less = at_most(found, expected, variation)
    more = 1 - at_most(found - 1, expected, variation) if found else 1.0
    kind: Literal["less", "more"] = "less" if less < more else "more"
    return Signal(kind, days, found, expected, min(less, more)) if min(less, more) < limit else None


def at_most(number: int, mean: float, variation: float) -> float:
    """The probability of ``number`` or fewer, where counts have this mean and the variance ``mean + variation * mean²``."""
    size = 1 / variation
    return 0.0 if number < 0 else _beta_share(size, number + 1, size / (size + mean))


def _beta_share(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function (DLMF 8.17.22: the continued fraction, by Lentz's method)."""
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(b, a, 1 - x) / b
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _MOST_STEPS):
        for term in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d, c = 1 / _away(1 + term * d), _away(1 + term / c)
            result *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return result


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
