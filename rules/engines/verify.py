"""The *verify* engine: the reference answer, shown only after durable_rules has said the same."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Protocol

from rules.engines.base import Engine, Evaluation
from rules.errors import EngineError
from rules.facts import PersonRecord, Value
from rules.ir import Program

LOG = logging.getLogger(__name__)


class Second(Protocol):
    """An engine that can be given the facts, which it would reduce by the same code as the first one."""

    @property
    def name(self) -> str:
        """See `rules.engines.base.Engine.name`."""
        ...

    def answers(self, program: Program, facts: Mapping[str, Value]) -> Mapping[str, bool | None]:
        """Every derived fact and rule. Raises `EngineError` if it cannot tell."""
        ...

    def close(self) -> None:
        """See `rules.engines.base.Engine.close`."""
        ...


class VerifyEngine:
    """Runs two engines and compares. On a difference, or if the second engine fails, the first one's answer stands and is counted."""

    name = "verify"

    def __init__(self, first: Engine, second: Second) -> None:
        """``first`` answers; ``second`` must agree."""
        self._first = first
        self._second = second
        self.outcomes: Counter[str] = Counter()
        """How often the engines ``agreed`` or ``differed``, and how often the second one ``failed``."""

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`."""
        for record in people:
            (answer,) = self._first.evaluate(program, [record], as_of)
            self.outcomes[self._compare(program, answer)] += 1
            yield answer

    def _compare(self, program: Program, answer: Evaluation) -> str:
        try:
            other = self._second.answers(program, answer.facts)
        except EngineError as error:
            LOG.error("engine_failed engine=%s reason=%s", self._second.name, type(error).__name__)
            return "failed"
        if other == answer.answers:
            return "agreed"
        names = sorted(n for n in answer.answers if answer.answers[n] != other[n])
        LOG.error("engines_differ first=%s second=%s names=%s", self._first.name, self._second.name, ",".join(names))
        return "differed"

    def close(self) -> None:
        """Close both engines."""
        self._first.close()
        self._second.close()
