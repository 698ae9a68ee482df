"""Whole months, in UTC: with days to choose from, two periods could be laid over each other until one person is left."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_USUAL: Final = 3


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of one month to the end of another."""

    first: str
    """``2026-09``."""
    last: str

    @property
    def since(self) -> datetime:
        """The first moment."""
        return _beginning(_number(self.first))

    @property
    def until(self) -> datetime:
        """The first moment after it."""
        return _beginning(_number(self.last) + 1)


def period_of(first: str, last: str, now: datetime) -> Period:
    """What was asked for; without a meaning the last three months, this one included. The wrong way round is turned."""
    this = _of(now)
    end = _number(last) if _MONTH.fullmatch(last) else this
    start = _number(first) if _MONTH.fullmatch(first) else min(end, this) - _USUAL + 1
    start, end = sorted((start, end))
    return Period(_text(start), _text(end))


def months(first: datetime | None, now: datetime) -> list[str]:
    """The months from that of the first card to this one, the newest first."""
    this = _of(now)
    return [_text(number) for number in range(this, min(this, _of(first or now)) - 1, -1)]


def _of(moment: datetime) -> int:
    day = moment.astimezone(UTC)
    return day.year * 12 + day.month - 1


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _text(number: int) -> str:
    return f"{number // 12:04}-{number % 12 + 1:02}"


def _beginning(number: int) -> datetime:
    year = min(max(number // 12, 1), 9999)
    return datetime(year, number % 12 + 1, 1, tzinfo=UTC)
