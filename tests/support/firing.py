"""Simulated firings of a rule: visits with weekends, counts that vary beyond chance, and what the monitor makes of a change.

``PYTHONPATH=tests python -m support.firing`` prints the table of docs/explanation/quiet-cards.md.
"""

import math
import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from plugin.cds.policy.monitor import BASELINE, GUARD, Count, judged

FIRST: Final = date(2026, 1, 5)
WARM: Final = BASELINE + GUARD
LIMIT: Final = 1e-5
SPREAD: Final = 0.05
"""Relative variance of a day beyond chance."""
DAY: Final = timedelta(days=1)


def seeded(name: str) -> random.Random:
    """The same numbers in every run."""
    return random.Random(name)  # noqa: S311 nothing is kept secret by it


def poisson(draw: random.Random, mean: float) -> int:
    if mean > 200:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    number, time = 0, draw.expovariate(1)
    while time < mean:
        number, time = number + 1, time + draw.expovariate(1)
    return number


def series(draw: random.Random, mean: float, days: int, factor: float = 1.0) -> dict[date, Count]:
    """A rule that fires ``mean`` times a day, and from the end of the warm-up on ``factor`` times as often."""
    found = {}
    for number in range(WARM + days):
        day = FIRST + number * DAY
        visits = round(1000 * (1.2 if day.weekday() < 5 else 0.5) * draw.uniform(0.9, 1.1))
        rate = mean * visits / 1000 * draw.gammavariate(1 / SPREAD, SPREAD)
        found[day] = Count(visits, poisson(draw, rate * (factor if number >= WARM else 1)))
    return found


def alarms(days: Mapping[date, Count]) -> list[int]:
    """Days after the warm-up on which there is an alarm, from 1."""
    return [number for number in range(1, len(days) - WARM + 1) if judged(days, FIRST + (WARM + number - 1) * DAY, LIMIT)]


def first_alarm(draw: random.Random, mean: float, factor: float, within: int) -> int | None:
    """The day of the first alarm after a change; ``None``: it was not heard within so many days."""
    return next(iter(alarms(series(draw, mean, within, factor))), None)


def false_alarms(draw: random.Random, mean: float, years: int) -> float:
    """Alarms in a year about a rule that goes on as before; one that lasts for days is one."""
    begun = 0
    for _ in range(years):
        on = alarms(series(draw, mean, 365))
        begun += sum(1 for day in on if day - 1 not in on)
    return begun / years


def _table() -> None:
    runs, within = 41, 60
    for mean in (500, 50, 10, 2, 0.5):
        draw = seeded(f"doc {mean}")
        cells = [f"{mean}", f"{false_alarms(draw, mean, 40):.2f}"]
        for factor in (0, 0.5, 3, 10):
            heard = [first_alarm(draw, mean, factor, within) for _ in range(runs)]
            days = sorted(within + 1 if day is None else day for day in heard)
            missed = heard.count(None)
            cells.append((str(days[runs // 2]) if missed <= runs // 2 else "–") + (f" ({100 * missed // runs} % missed)" if missed else ""))
        print(f"| {' | '.join(cells)} |")  # noqa: T201 it is a program


if __name__ == "__main__":
    _table()
