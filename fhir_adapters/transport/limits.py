"""The bounds of one call, and how long to wait between its attempts."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_FIRST_WAIT: Final = 0.5
_JITTER: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call, in seconds and bytes."""

    connect: float = 5.0
    attempt: float = 60.0
    """One attempt from the first byte sent to the last byte read."""
    call: float = 300.0
    """All attempts of a call with the waits between them."""
    attempts: int = 5
    longest_wait: float = 60.0
    """Whatever Retry-After asks for."""
    body: int = 64 << 20
    """After decompression."""
    redirects: int = 3
    """Followed by a GET, within the server."""
    download: float = 3600.0
    """One attempt to download one file; `attempt` bounds the silence within it."""

    def wait(self, asked: float | None, attempt: int) -> float:
        """Seconds to wait after this attempt (1, 2 …): what the server ``asked`` for within reason, else a random time that doubles."""
        if asked is not None:
            return min(max(asked, 0.0), self.longest_wait)
        return _JITTER.uniform(0, min(self.longest_wait, _FIRST_WAIT * 2**attempt))


def retry_after(value: str | None) -> float | None:
    """Seconds to wait, from the number or the date of a Retry-After header; ``None`` if absent or unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
