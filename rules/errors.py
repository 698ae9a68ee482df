"""What goes wrong, told to people: what, where (file:line:column), what to do.

::

    RuleError                  a rule text is wrong; carries every Diagnostic found
    EngineError
    ├── EngineUnavailable      the engine cannot run here (for instance no durable_rules on Python 3.13)
    ├── EngineLimit            the program is larger than the engine can hold
    └── EnginesDisagree        two engines gave different answers: a defect of ours
"""

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from typing import Final, NamedTuple


class ExitCode(IntEnum):
    """Exit codes of the command line (a contract: never reused for another meaning)."""

    FINE = 0
    ANSWER_IS_NO = 1
    USAGE = 2
    INPUT_UNREADABLE = 3
    SERVER_FAILED = 4
    OUR_DEFECT = 70


class Span(NamedTuple):
    """A place in a text. ``line`` and ``column`` start at 1, as editors count."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One message about one place. ``code`` is stable (``ALM101``); ``severity`` is error or warning."""

    span: Span
    code: str
    message: str
    severity: str = "error"
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.span}: {self.code} {self.message}{hint}"


class RuleError(Exception):
    """A rule text cannot be used. ``diagnostics`` holds everything that was found, sorted by place."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics)))
        super().__init__("\n".join(map(str, self.diagnostics)))


class EngineError(Exception):
    """An engine could not give its answer."""


class EngineUnavailable(EngineError):
    """The engine cannot run on this machine; the message says why and what to do."""


class EngineLimit(EngineError):
    """The rules are more than this engine can hold; the message names the limit."""


class EnginesDisagree(EngineError):
    """Two engines answered differently. Never the fault of a rule's author."""


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """A hint naming the nearest of ``options``, or nothing."""
    near = get_close_matches(word, _alike(word, list(options)), 1, 0.6)
    return f"did you mean '{near[0]}'?" if near else ""


def _alike(word: str, options: list[str]) -> list[str]:
    """Of a long list those that begin or end alike: a file with a thousand wrong names in a pack of a thousand would take minutes."""
    if len(options) <= 2 * _NEIGHBOURS:
        return options
    ordered = sorted(options)
    place = bisect(ordered, word)
    ends = [option for option in ordered if option.endswith(word[2:])]
    return ordered[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS] + ends[:_NEIGHBOURS]


_NEIGHBOURS: Final = 25
