"""Who, or what, a measure counts, and what it says of each: people, or episodes (each of a person's visits, say, by itself).

Engines know nothing of episodes. They are given a record for each: the person's own, in which the event that is the episode bears
the code `rules.measures.EPISODE`. The fact ``episode`` is the day of the event with that code, and windows count from it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rules.engines.base import Engine, Evaluation
from rules.engines.reading import Asked, Reading, read
from rules.engines.reference import reduce_facts, span_of
from rules.facts import HOUSEHOLD, Event, Person, PersonRecord, Value
from rules.ir import EventFact
from rules.measures import EPISODE, NOT_ELIGIBLE, UNKNOWN, Measure, outcome, stratum


@dataclass(frozen=True, slots=True)
class Counted:
    """A person, or one of their episodes, with the record to be evaluated."""

    record: PersonRecord
    patient: str
    episode: Event | None = None
    """``None``: the person, or an episode that nobody could read."""
    certain: bool = True
    """Whether this is an episode at all; one that is only possible may be found not eligible, but nothing else."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What a measure says of a person, or of one of their episodes."""

    counted: Counted
    outcomes: Mapping[str, str]
    """Group → one of `rules.grammar.OUTCOMES`."""
    strata: Mapping[str, str]
    evaluation: Evaluation


def memberships(measure: Measure, people: Iterable[PersonRecord], as_of: date, engine: Engine) -> Iterator[Membership]:
    """What ``measure`` says of everybody, or of all their episodes (one after the other in time), as things stood on ``as_of``."""
    counted = [each for record in people for each in counted_of(measure, record, as_of)]
    evaluations = engine.evaluate(measure.program, [each.record for each in counted], as_of)
    for each, evaluation in zip(counted, evaluations, strict=True):
        yield _membership(measure, each, evaluation)


def _membership(measure: Measure, counted: Counted, evaluation: Evaluation) -> Membership:
    outcomes = {group.name: outcome(group, evaluation.answers) for group in measure.groups}
    if not counted.certain:
        outcomes = {name: found if found == NOT_ELIGIBLE else UNKNOWN for name, found in outcomes.items()}
    values: dict[str, Value] = {**evaluation.facts, **evaluation.answers}
    return Membership(counted, outcomes, {each.name: stratum(each, values) for each in measure.stratifiers}, evaluation)


# ---------------------------------------------------------------- episodes


def counted_of(measure: Measure, record: PersonRecord, as_of: date) -> Iterator[Counted]:
    """The person, or each of their episodes. Where events could not be read there may be more: that counts as one possible episode."""
    if measure.each is None:
        yield Counted(record, record.person.id)
        return
    (reading,) = read(Asked([measure.each]), record, as_of)
    certain, possible = _episodes(measure, measure.each, reading, record, as_of)
    found = [(event, True) for event in certain] + [(event, False) for event in possible]
    for number, (event, sure) in enumerate(sorted(found, key=lambda each: each[0].order)):
        yield Counted(_about(record, event, number), record.person.id, event, sure)
    if not reading.complete:
        yield Counted(_about(record, None, len(found)), record.person.id, None, certain=False)


def _episodes(
    measure: Measure, each: EventFact, reading: Reading, record: PersonRecord, as_of: date
) -> tuple[Sequence[Event], Sequence[Event]]:
    """The events that certainly are episodes, and those that may be."""
    results = reduce_facts(measure.program, record, as_of) if each.window.anchors else {}
    span = span_of(each, as_of, results)
    if span is None:  # nothing to count from: any of them may be one
        return (), (*reading.certain, *reading.possible)
    chosen = reading.within(span)
    return chosen.certain, chosen.possible


def _about(record: PersonRecord, episode: Event | None, number: int) -> PersonRecord:
    """The record in which ``episode`` bears the mark, as that of a person of its own: engines tell people by their ids.

    The household comes along under a key of its own, so that the several records of one person are not taken for a family.
    """
    key = f"{record.person.id}#{number}"

    def renamed(person: Person) -> Person:
        home = None if person.household is None else f"{person.household} of {key}"
        return replace(person, id=f"{person.id}#{number}" if person is record.person else f"{person.id} of {key}", household=home)

    events = tuple(replace(e, codes=(*e.codes, EPISODE)) if e is episode else e for e in record.events)
    others = tuple(replace(other, person=renamed(other.person)) for other in record.household if HOUSEHOLD not in record.not_loaded)
    return PersonRecord(renamed(record.person), events, record.not_loaded, others)
