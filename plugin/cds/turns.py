"""Who works, who waits, who is turned away: a process of Python computes one call at a time, whatever its number of threads.

Threads that compute at one time take the interpreter from each other every few milliseconds, so that all calls become slow together, and
one that has only to wait for the disk loses its turn each time. Here they stand in a line: the first to come is the first to be answered.
Whoever waits for the EHR or for the disk steps aside meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from threading import Lock, local
from time import perf_counter
from typing import Final

_USUAL: Final = 0.02
"""Seconds that a call is taken to need before any was seen."""
_WEIGHT: Final = 0.05
"""Of the latest call in the mean of their times."""
_MOST_TIMES: Final = 3.0
"""A call counts for no more than so many times the mean: one that had to start an engine anew turns nobody away."""


class Turns:
    """The line of one process, for any number of threads; each thread stands in it once."""

    def __init__(self, most: int, longest: float = float("inf")) -> None:
        """``most``: calls inside at one time; ``longest``: seconds that a call may have to wait in line."""
        self._most, self._longest = most, longest
        self._lock, self._numbers, self._mine = Lock(), count(), local()
        self._line: list[tuple[int, Lock]] = []
        self._free = True
        self._inside = self._aside = 0
        self._mean = _USUAL

    def admit(self) -> bool:
        """Whether one more may come in: give its place back by `dismiss`. Nobody is turned away from where nobody is."""
        with self._lock:
            working = self._inside - self._aside
            if self._inside >= self._most or (working and working * self._mean > self._longest):
                return False
            self._inside += 1
            return True

    def dismiss(self) -> None:
        """One that was admitted goes."""
        with self._lock:
            self._inside -= 1

    @property
    def working(self) -> int:
        """How many are inside and wait for nobody else."""
        return self._inside - self._aside

    @contextmanager
    def taken(self) -> Iterator[float]:
        """The block is this thread's turn, unless it gives it up before. Gives the seconds that it waited for it."""
        came = perf_counter()
        self._mine.number = number = next(self._numbers)
        self._wait(number)
        waited = perf_counter() - came
        try:
            yield waited
        finally:
            self.give_up()

    def give_up(self) -> None:
        """The turn is over: what is still to do is waiting. Changes nothing for a thread that has none."""
        if getattr(self._mine, "number", None) is not None:
            self._mine.number = None
            self._go_on()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The next one may work while this thread waits for something in the block; after it, this one comes before all later ones."""
        number = getattr(self._mine, "number", None)
        if number is None:
            yield
            return
        self._step(aside=1)
        self._go_on()
        try:
            yield
        finally:
            self._step(aside=-1)
            self._wait(number)

    def _step(self, aside: int) -> None:
        with self._lock:
            self._aside += aside

    def _wait(self, number: int) -> None:
        with self._lock:
            if self._free:
                self._free = False
                self._mine.since = perf_counter()
                return
            turn = Lock()
            turn.acquire()
            heappush(self._line, (number, turn))
        turn.acquire()
        self._mine.since = perf_counter()

    def _go_on(self) -> None:
        took = perf_counter() - self._mine.since
        with self._lock:
            self._mean += _WEIGHT * (min(took, _MOST_TIMES * self._mean) - self._mean)
            if self._line:
                heappop(self._line)[1].release()
            else:
                self._free = True
