"""What every engine is: one method, from people to answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol

from rules.facts import DateRange, Event, PersonRecord, Value
from rules.ir import Program


class FactResult(NamedTuple):
    """The value of a fact and the events it rests on."""

    value: Value
    events: tuple[Event, ...] = ()
    day: DateRange | None = None
    """The day of the chosen event, from which windows of other facts may count."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An engine's answers for one person: the base facts, and every derived fact and rule."""

    patient: str
    facts: Mapping[str, Value]
    answers: Mapping[str, bool | None]
    results: Mapping[str, FactResult] | None = field(default=None, compare=False, repr=False)
    """How the facts came about, from the reference engine, which knows."""


class Engine(Protocol):
    """Evaluates a program. Engines differ in speed and in where they can run, never in their answers."""

    @property
    def name(self) -> str:
        """The word that chooses this engine on the command line."""
        ...

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """One `Evaluation` for each of ``people``, in their order, as things stood on ``as_of``."""
        ...

    def close(self) -> None:
        """Let go of processes and connections."""
        ...
