"""What SQL dialects say differently. The emitter uses a portable subset and asks a dialect for the rest; one file each."""

from datetime import date
from typing import Protocol


class Dialect(Protocol):
    """What the emitter asks of a dialect. Every answer is an SQL expression."""

    unknown: str
    """Marks a value as unknown on its way through the pivot, where NULL means that there was no row."""

    def number(self, value: float) -> str:
        """A double-precision literal."""
        ...

    def day(self, value: date) -> str:
        """A date literal."""
        ...

    def text(self, value: str) -> str:
        """A string literal."""
        ...

    def last(self, value: str, order: str, where: str) -> str:
        """``value`` of the row with the greatest ``order``, NULL if that row has none."""
        ...

    def order_of(self, *keys: str) -> str:
        """A sort key of several columns."""
        ...

    def by_rank(self, instant: str, rank: str, order: str) -> str:
        """A sort key: by ``instant``, at the same one the lower ``rank`` last, then by ``order``."""
        ...

    def total(self, value: str, order: str, where: str) -> str:
        """The sum of ``value``, added in ``order``: a sum in another order may differ in its last digit."""
        ...

    def moved(self, day: str, days: str, months: str) -> str:
        """A date column moved by whole days and months, months first; clipped as in `rules.days`: to the month, and to years 1 to 9999."""
        ...

    def days_between(self, start: str, end: str) -> str:
        """Days from the date ``start`` to ``end``."""
        ...

    def iso(self, day: str) -> str:
        """A date as ISO 8601 text."""
        ...

    def finite(self, value: str) -> str:
        """``value``, or NULL where it is infinite or no number."""
        ...

    def pivot(self, source: str, columns: list[int]) -> str:
        """One row for each ``pid`` of ``source(pid, fid, v)``, one column ``"n"`` for each feature number."""
        ...
