"""The reference engine: the meaning of the language, written to be read. Every other engine must agree with it.

From events to facts, for one person. An event can match a fact *certainly* (every part of the fact's description holds) or only
*possibly* (a date is partial, a status is missing, the resource could not be understood). What is only possible never makes a
yes or a no; it makes the fact unknown, unless certain events settle it anyway.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from rules import days
from rules.engines.base import Evaluation
from rules.facts import HOUSEHOLD, NEVER, DateRange, Event, Person, PersonRecord, Value
from rules.ir import EventFact, Fact, PatientFact, Program, derive


@dataclass(frozen=True, slots=True)
class FactResult:
    """The value of a fact and the events it rests on."""

    value: Value
    events: tuple[Event, ...] = ()
    day: DateRange | None = None
    """For *latest*: the day of the chosen event, from which other facts may count ``since``."""


class ReferenceEngine:
    """Evaluates one person at a time in plain Python. Always available."""

    name = "reference"

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`."""
        for record in people:
            facts = {name: result.value for name, result in reduce_facts(program, record, as_of).items()}
            yield Evaluation(record.person.id, facts, derive(program, facts))

    def close(self) -> None:
        """Nothing to let go of."""


def reduce_facts(program: Program, record: PersonRecord, as_of: date) -> dict[str, FactResult]:
    """Every base fact of ``program`` for one person on ``as_of``, with its events."""
    results: dict[str, FactResult] = {}
    for fact in program.facts:
        results[fact.name] = _reduce(fact, record, as_of, results)
    return results


def _reduce(fact: Fact, record: PersonRecord, as_of: date, results: Mapping[str, FactResult]) -> FactResult:
    if isinstance(fact, PatientFact):
        return FactResult(patient_value(fact.attribute, record.person, as_of))
    low: DateRange | None = None
    if fact.since is not None:
        low = results[fact.since].day
        if low is None:  # nothing to count from
            return FactResult(None)
    certain, possible = select(fact, record, as_of, low)
    complete = is_complete(fact, record)
    match fact.aggregate:
        case "exists":
            return _exists(certain, possible, complete)
        case "count":
            known = complete and not possible
            return FactResult(float(len(certain)) if known else None, tuple(certain))
    return _latest(fact, certain, possible, as_of) if complete else FactResult(None)


# ---------------------------------------------------------------- which events


def select(fact: EventFact, record: PersonRecord, as_of: date, since: DateRange | None) -> tuple[list[Event], list[Event]]:
    """The events that match ``fact`` certainly, and those that match it only possibly."""
    start = days.before(as_of, fact.within) if fact.within else date.min
    window = (start, start) if since is None else (max(start, since.low), max(start, since.high))
    statuses = dict(fact.statuses)
    certain: list[Event] = []
    possible: list[Event] = []
    for member in record.household_records() if fact.household else (record,):
        for event in member.events:
            if event.table not in statuses or not _code_matches(fact, event):
                continue
            match _both(_status_counts(event, statuses[event.table]), _in_window(event, window, as_of)):
                case True:
                    certain.append(event)
                case None:
                    possible.append(event)
    return certain, possible


def _code_matches(fact: EventFact, event: Event) -> bool:
    return event.opaque or fact.codes is None or not fact.codes.isdisjoint(event.codes)


def _status_counts(event: Event, counted: frozenset[str]) -> bool | None:
    return None if event.opaque or event.status is None else event.status in counted


def _in_window(event: Event, window: tuple[date, date], as_of: date) -> bool | None:
    if event.start is None:
        return None
    if event.start.low > as_of or event.start.high < window[0]:
        return False
    return True if event.start.high <= as_of and event.start.low >= window[1] else None


def _both(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def is_complete(fact: EventFact, record: PersonRecord) -> bool:
    """Whether everything that ``fact`` asks about was read."""
    if fact.household and HOUSEHOLD in record.not_loaded:
        return False
    members = record.household_records() if fact.household else (record,)
    return all(member.not_loaded.isdisjoint(fact.tables) for member in members)


# ---------------------------------------------------------------- from events to a value


def _exists(certain: list[Event], possible: list[Event], complete: bool) -> FactResult:
    if certain:
        return FactResult(True, (max(certain, key=lambda e: e.order),))
    return FactResult(False if complete and not possible else None)


def _latest(fact: EventFact, certain: list[Event], possible: list[Event], as_of: date) -> FactResult:
    if not certain or _could_be_later(possible, max(_low(e) for e in certain)):
        return FactResult(None)
    if fact.words:
        return _latest_word(fact, certain)
    event = max(certain, key=lambda e: e.order)
    value = _time_since(fact, event, as_of) if fact.scale else convert(fact, event)
    return FactResult(value, (event,), event.start)


def _could_be_later(possible: list[Event], latest: date) -> bool:
    return any(e.start is None or e.start.high >= latest for e in possible)


def _low(event: Event) -> date:
    return event.start.low if event.start else date.min


def _latest_word(fact: EventFact, certain: list[Event]) -> FactResult:
    """Among the answers given at the latest moment the winning word; an unusable answer yields only to the first word."""

    def strength(event: Event) -> tuple[int, int]:
        return (NEVER if event.instant is None else event.instant, -rank(fact, event))

    best = max(strength(e) for e in certain)
    event = max((e for e in certain if strength(e) == best), key=lambda e: e.order)
    return FactResult(word_of_rank(fact, rank(fact, event)), (event,), event.start)


UNUSABLE = 1
"""The rank of an answer that means none of a question's words: after the first word, before the others."""


def rank(fact: EventFact, event: Event) -> int:
    """Which word an answer means: 0 for the first, 2, 4 … for the next, `UNUSABLE` for none of them."""
    ranks = [2 * i for i, (_, answers) in enumerate(fact.words) if not answers.isdisjoint(event.answers)]
    return min(ranks, default=UNUSABLE)


def word_of_rank(fact: EventFact, rank: int) -> str | None:
    """The word behind a `rank`; ``None`` for an unusable answer."""
    return None if rank == UNUSABLE else fact.words[rank // 2][0]


def _time_since(fact: EventFact, event: Event, as_of: date) -> float | None:
    assert fact.scale and event.start  # noqa: S101 - a certain event has a date
    longest, shortest = (days.whole(fact.scale, day, as_of) for day in (event.start.low, event.start.high))
    return float(longest) if longest == shortest else None


def convert(fact: EventFact, event: Event) -> float | None:
    """The event's value in the fact's unit; ``None`` if there is no value or no valid conversion."""
    if event.value is None:
        return None
    row = next((c for c in fact.conversions if c.source == event.unit), None)
    return None if row is None else event.value * row.factor + row.offset


# ---------------------------------------------------------------- facts about the person


def patient_value(attribute: str, person: Person, as_of: date) -> Value:
    """A fact about the person on ``as_of``."""
    match attribute:
        case "age":
            return _age(person.birth, as_of)
        case "deceased":
            return _deceased(person, as_of)
        case "sex":
            return person.sex
        case "language":
            return person.language
    return person.postcode


def _age(birth: DateRange | None, as_of: date) -> float | None:
    if birth is None:
        return None
    oldest, youngest = days.age(birth.low, as_of), days.age(birth.high, as_of)
    return float(oldest) if oldest == youngest else None


def _deceased(person: Person, as_of: date) -> bool | None:
    if not person.deceased or person.died is None:
        return person.deceased
    if person.died.high <= as_of:
        return True
    return None if person.died.low <= as_of else False
