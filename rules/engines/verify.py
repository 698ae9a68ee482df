"""The *verify* engine: the reference answer, shown only after durable_rules has said the same."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

from rules.engines.base import Engine, Evaluation
from rules.errors import EngineError
from rules.facts import PersonRecord
from rules.ir import Program

LOG = logging.getLogger(__name__)


class VerifyEngine:
    """Runs two engines and compares. On a difference, or if the second engine fails, the first one's answer stands and is counted."""

    name = "verify"

    def __init__(self, first: Engine, second: Engine) -> None:
        """``first`` answers; ``second`` must agree."""
        self._first = first
        self._second = second
        self.outcomes: Counter[str] = Counter()
        """How often the engines ``agreed`` or ``differed``, and how often the second one ``failed``."""

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`."""
        for record in people:
            (answer,) = self._first.evaluate(program, [record], as_of)
            self.outcomes[self._compare(program, record, as_of, answer)] += 1
            yield answer

    def _compare(self, program: Program, record: PersonRecord, as_of: date, answer: Evaluation) -> str:
        try:
            (other,) = self._second.evaluate(program, [record], as_of)
        except EngineError as error:
            LOG.error("engine_failed engine=%s reason=%s", self._second.name, type(error).__name__)
            return "failed"
        if other.answers == answer.answers:
            return "agreed"
        names = sorted(n for n in answer.answers if answer.answers[n] != other.answers[n])
        LOG.error("engines_differ first=%s second=%s names=%s", self._first.name, self._second.name, ",".join(names))
        return "differed"

    def close(self) -> None:
        """Close both engines."""
        self._first.close()
        self._second.close()
