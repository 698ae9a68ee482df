"""When to ask again: kept in the state and not in a sleeping process, so that a restart waits on."""

import random
from dataclasses import dataclass
from typing import Final

_LONGEST_GUESS: Final = 60.0
_JITTER: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Retries:
    """Seconds, and attempts of one step in a row that may fail."""

    least: float = 0.5
    longest: float = 900.0
    """Whatever Retry-After asks for: some servers ask for hours, some write milliseconds since 1970."""
    most: int = 8

    def wait(self, asked: float | None, tries: int) -> float:
        """How long to wait after this attempt: what the server ``asked`` for within reason, else a time that doubles, up to a minute."""
        if asked is not None:
            return min(max(asked, self.least), self.longest)
        doubled = min(_LONGEST_GUESS, self.least * 2.0 ** min(tries, 16))
        return max(_JITTER.uniform(0.5, 1.0) * doubled, self.least)

    def used_up(self, tries: int, *, further: bool = False) -> bool:
        """Whether the attempt after ``tries`` failed ones was the last. One that got ``further`` counts as the first."""
        return not further and tries + 1 >= self.most
