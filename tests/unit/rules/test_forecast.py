"""The next flip against a search day by day: the same day, for every rule of generated people."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.conformance.populations import random_world
from rules.days import Duration
from rules.engines.reference import ReferenceEngine, reduce_facts
from rules.facts import Coding, DateRange, Event, Person, PersonRecord
from rules.forecast import next_flips
from rules.ir import Bound, Derived, EventFact, Fact, PatientFact, Program, Relation, Series, Timing, Window
from rules.logic import Compare, Condition, Holds, Known

HORIZON = 800
ONE = timedelta(days=1)
CODE = Coding("http://snomed.info/sct", "44054006")


def answers(program: Program, record: PersonRecord, day: date) -> dict[str, bool | None]:
    (evaluation,) = ReferenceEngine().evaluate(program, [record], day)
    return dict(evaluation.answers)


def searched(program: Program, record: PersonRecord, as_of: date) -> dict[str, date | None]:
    """The first day of the next `HORIZON` on which each rule's answer differs."""
    now = answers(program, record, as_of)
    flips: dict[str, date | None] = dict.fromkeys(program.rules)
    for day in (as_of + i * ONE for i in range(1, HORIZON + 1)):
        later = answers(program, record, day)
        flips.update({rule: day for rule in program.rules if flips[rule] is None and later[rule] is not now[rule]})
    return flips


def forecast(program: Program, record: PersonRecord, as_of: date) -> dict[str, date | None]:
    """What is told, up to the same horizon."""
    told = next_flips(program, record, as_of, answers(program, record, as_of))
    return {rule: day if day and day <= as_of + HORIZON * ONE else None for rule, day in told.items()}


def with_full_dates(record: PersonRecord) -> PersonRecord:
    def full(days: DateRange | None) -> DateRange | None:
        return days and DateRange(days.high, days.high)

    def whole(r: PersonRecord) -> PersonRecord:
        events = tuple(replace(e, start=full(e.start)) for e in r.events)
        return replace(r, events=events, person=replace(r.person, birth=full(r.person.birth), died=full(r.person.died)))

    return replace(whole(record), household=tuple(whole(o) for o in record.household))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_forecast_is_what_happens(seed: int) -> None:
    world = random_world(f"forecast {seed}", rules=10, people=10)
    for record in map(with_full_dates, world.people[:4]):
        assert forecast(world.program, record, world.as_of) == searched(world.program, record, world.as_of)


# ---------------------------------------------------------------- one thing at a time


def one_rule(fact: Fact, condition: Condition) -> Program:
    return Program((fact,), (Derived("r", condition),), ("r",))


def procedures(aggregate: str, within: Duration | None = None, scale: str | None = None) -> EventFact:
    series = Series(("procedures",), statuses=(("procedures", frozenset({"completed"})),))
    window = Window((Bound(offset=within, backwards=True),)) if within else Window()
    return EventFact("x", aggregate, "yes/no" if aggregate == "exists" else "number", series, window, scale=scale)


def person(*dates: tuple[str, str], birth: tuple[str, str] | None = None) -> PersonRecord:
    ranges = [DateRange(date.fromisoformat(low), date.fromisoformat(high)) for low, high in dates]
    events = tuple(Event("procedures", f"Procedure/{i}", codes=(CODE,), status="completed", start=r) for i, r in enumerate(ranges))
    born = birth and DateRange(date.fromisoformat(birth[0]), date.fromisoformat(birth[1]))
    return PersonRecord(Person("p", birth=born), events, frozenset())


EXISTS = Holds("x")
AGE = PatientFact("x", "age", "number")


def age_on(day: Bound) -> PatientFact:
    return PatientFact("x", "age", "number", day)


DAY, MARCH = ("2026-03-15", "2026-03-15"), ("2026-03-01", "2026-03-31")


@pytest.mark.parametrize(
    ("fact", "condition", "record", "flip"),
    [
        pytest.param(procedures("exists", Duration(12, "month")), EXISTS, person(DAY), "2027-03-16", id="a window passes"),
        pytest.param(procedures("exists"), EXISTS, person(("2026-08-01", "2026-08-01")), "2026-08-01", id="an appointment comes"),
        pytest.param(procedures("exists"), EXISTS, person(DAY), None, id="nothing moves"),
        pytest.param(procedures("exists", Duration(30, "day")), EXISTS, person(("2026-06-30", "2026-06-30")), "2026-07-31", id="30 days"),
        pytest.param(procedures("exists", Duration(12, "month")), EXISTS, person(MARCH), "2027-03-02", id="perhaps outside, from then on"),
        pytest.param(procedures("time since latest", scale="month"), Compare("x", ">", 27), person(DAY), "2028-07-15", id="in 28 months"),
        pytest.param(AGE, Compare("x", ">=", 50), person(birth=("1976-07-20", "1976-07-20")), "2026-07-20", id="a birthday"),
        pytest.param(AGE, Compare("x", ">=", 19), person(birth=("2008-02-29", "2008-02-29")), "2027-03-01", id="a leap-day birthday"),
        pytest.param(
            age_on(Bound(year=0, offset=Duration(30, "month"), backwards=True)),
            Compare("x", ">=", 20),
            person(birth=("2004-05-20", "2004-05-20")),
            "2027-01-01",
            id="an age on a day long before the year",
        ),
        pytest.param(
            age_on(Bound(year=-1, last=True, offset=Duration(200, "day"))),
            Compare("x", ">=", 20),
            person(birth=("2007-07-10", "2007-07-10")),
            "2027-01-01",
            id="an age on a day long after the year before",
        ),
    ],
)
def test_one_flip(fact: Fact, condition: Condition, record: PersonRecord, flip: str | None) -> None:
    program, as_of = one_rule(fact, condition), date(2026, 6, 30)
    expected = {"r": flip and date.fromisoformat(flip)}
    assert forecast(program, record, as_of) == expected
    assert flip is None or flip > "2028-09" or searched(program, record, as_of) == expected


PARTIAL = [
    pytest.param(procedures("time since latest", scale="month"), Known("x"), person(MARCH), id="months since March, known or not"),
    pytest.param(procedures("time since latest", scale="month"), Compare("x", "<", 100), person(MARCH), id="months since March, compared"),
    pytest.param(AGE, Compare("x", "<", 90), person(birth=("1976-01-01", "1976-12-31")), id="age from a year of birth"),
]


@pytest.mark.parametrize(("fact", "condition", "record"), PARTIAL)
def test_partial_dates_flip_on_other_days(fact: Fact, condition: Condition, record: PersonRecord) -> None:
    program, as_of = one_rule(fact, condition), date(2026, 6, 30)
    assert forecast(program, record, as_of) == searched(program, record, as_of)


# ---------------------------------------------------------------- one fact upon another


def upon(*lower: Bound, timing: Timing = "starts") -> EventFact:
    return replace(procedures("exists"), name="y", window=Window(lower, (), timing))


LATEST = procedures("latest", Duration(30, "day"))
OF_LAST_YEAR = Window((Bound(offset=Duration(6, "week"), backwards=True),), (Bound(year=-1, last=True),), "overlaps")
LATER = upon(Bound("x", offset=Duration(90, "day")), timing="overlaps")


@pytest.mark.parametrize(
    ("facts", "record", "flip"),
    [
        pytest.param((LATEST, upon(Bound("x"))), person(("2026-06-20", "2026-06-20")), "2026-07-21", id="its anchor goes"),
        pytest.param((LATEST, LATER), person(("2026-06-10", "2026-06-10")), "2026-07-11", id="its anchor goes first"),
        pytest.param(
            (replace(LATEST, window=Window()), LATER),
            person(("2026-06-10", "2026-06-10")),
            "2026-09-08",
            id="a window counted from an event opens",
        ),
    ],
)
def test_a_fact_changes_upon_another(facts: tuple[Fact, ...], record: PersonRecord, flip: str | None) -> None:
    program, as_of = Program(facts, (Derived("r", Holds("y")),), ("r",)), date(2026, 6, 30)
    expected = {"r": flip and date.fromisoformat(flip)}
    assert forecast(program, record, as_of) == searched(program, record, as_of) == expected


def test_a_window_closes_when_its_moving_end_passes_the_other() -> None:
    program, record = one_rule(replace(procedures("exists"), window=OF_LAST_YEAR), EXISTS), person(("2025-03-01", "2025-03-01"))
    told = forecast(program, record, date(2026, 1, 10))
    assert told == searched(program, record, date(2026, 1, 10)) == {"r": date(2026, 2, 12)}


def test_an_event_that_comes_undoes_an_earlier_one() -> None:
    alone = Relation(procedures("exists").series, present=False, backwards=False)
    fact = replace(procedures("exists"), series=replace(procedures("exists").series, relations=(alone,)))
    program, record = one_rule(fact, Known("x")), person(DAY, ("2026-08-01", "2026-08-31"))
    told = forecast(program, record, date(2026, 6, 30))
    assert told == searched(program, record, date(2026, 6, 30)) == {"r": date(2026, 8, 1)}


def test_facts_at_hand_are_not_reduced_again() -> None:
    program, record, as_of = one_rule(procedures("exists", Duration(12, "month")), EXISTS), person(DAY), date(2026, 6, 30)
    found = reduce_facts(program, record, as_of)
    assert next_flips(program, record, as_of, {"r": True}, ("r",), found) == {"r": date(2027, 3, 16)}
