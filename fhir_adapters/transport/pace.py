"""How fast one server is asked, by all threads together, and when it is left alone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from fhir_adapters.errors import EhrUnavailable


class Pace:
    """At most ``at_once`` requests at one time, and ``per_minute`` in the long run (``None``: as they come).

    Unused time is saved up for a burst of a tenth of ``per_minute``.
    """

    def __init__(
        self,
        at_once: int = 4,
        per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._places = BoundedSemaphore(at_once)
        self._every = 60.0 / per_minute if per_minute else 0.0
        self._saved = 6.0
        self._next = clock() - self._saved
        self._lock, self._clock, self._sleep = Lock(), clock, sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold a place until the end of the block."""
        with self._places:
            self._sleep(self._reserve())
            yield

    def _reserve(self) -> float:
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now - self._saved) + self._every
            return max(self._next - now, 0.0)


class Breaker:
    """After ``failures`` calls in a row that failed for the server's fault, it is not asked for ``rest`` seconds."""

    def __init__(self, failures: int = 5, rest: float = 30.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._rest, self._clock = failures, rest, clock
        self._lock, self._row, self._until = Lock(), 0, 0.0

    def check(self) -> None:
        """Raises `EhrUnavailable` while the server is left alone. After the rest, one failure more is enough to leave it again."""
        with self._lock:
            left = self._until - self._clock()
            if left > 0:
                reason = f"the server failed {self._row} times in a row; it is left alone for {self._rest:g} s"
                raise EhrUnavailable(reason, again=True, wait=left)

    def succeeded(self) -> None:
        """The server answered, be it with a refusal."""
        with self._lock:
            self._row, self._until = 0, 0.0

    def failed(self) -> None:
        """A call failed for good."""
        with self._lock:
            self._row += 1
            if self._row >= self._most:
                self._until = self._clock() + self._rest
