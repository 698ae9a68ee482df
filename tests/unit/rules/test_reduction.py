"""From events to facts where a date object, a table or a partial date could be mistaken: what the specification has no words for."""

from datetime import date

import pytest
from support.spec import AT_RISK, NO_RISK, answered, diagnosed, event, measured

from rules.engines.matching import matches
from rules.engines.reference import reduce_facts
from rules.facts import TABLES, DateRange, Event, Person, PersonRecord, Value
from rules.ir import Bound, EventFact, PatientFact, Program, Series, Window
from rules.units import conversions

AS_OF = date(2026, 6, 30)
STATUSES = tuple((name, table.counted) for name, table in TABLES.items())


def day(text: str) -> DateRange:
    """A day whose two ends are equal, but not one object."""
    return DateRange(date.fromisoformat(text), date.fromisoformat(text))


def value(fact: EventFact | PatientFact, *events: Event, person: Person | None = None) -> Value:
    record = PersonRecord(person or Person("p"), events, frozenset())
    return reduce_facts(Program((fact,), (), ()), record, AS_OF)[fact.name].value


def series(*tables: str) -> Series:
    return Series(tables, statuses=STATUSES)


HBA1C = Series(("observations",), statuses=STATUSES, unit="%", conversions=conversions((), "%"))
HUNGER = Series(("observations",), statuses=STATUSES, words=(("at risk", frozenset({AT_RISK})), ("no risk", frozenset({NO_RISK}))))


def test_an_event_of_another_table_does_not_belong() -> None:
    record = PersonRecord(Person("p"), (), frozenset())
    assert matches(series("conditions"), diagnosed(), record, AS_OF) is True
    assert matches(series("procedures", "tasks"), diagnosed(), record, AS_OF) is False


@pytest.mark.parametrize("table", ["conditions", "observations"])
def test_each_table_counts_its_own_statuses(table: str) -> None:
    """``final`` is no status of a condition, ``active`` none of an observation, whatever the other table counts."""
    both = Series(("conditions", "observations"), statuses=STATUSES)
    record = PersonRecord(Person("p"), (), frozenset())
    status = "final" if table == "conditions" else "active"
    assert matches(both, event(table, None, "2026-06-01", status), record, AS_OF) is False


def test_an_age_is_known_if_every_birthday_gives_the_same() -> None:
    """Of somebody born three hundred years ago, too: numbers are compared, not objects."""
    fact = PatientFact("age", "age", "number")
    assert value(fact, person=Person("p", birth=day("1700-01-01"))) == 326.0
    assert value(fact, person=Person("p", birth=DateRange(date(1700, 1, 1), date(1700, 6, 30)))) == 326.0
    assert value(fact, person=Person("p", birth=DateRange(date(1700, 1, 1), date(1700, 7, 1)))) is None


@pytest.mark.parametrize("aggregate", ["latest", "earliest"])
def test_equal_days_are_one_day(aggregate: str) -> None:
    """Whether the two ends of a day are one object says nothing about it."""
    fact = EventFact("f", aggregate, "number", HBA1C)
    readings = [measured(n, on="2026-06-01", start=day("2026-06-01"), source=f"Observation/{n}") for n in (7.0, 8.0)]
    assert value(fact, *readings) == (8.0 if aggregate == "latest" else 7.0)


def test_days_are_counted_by_their_value() -> None:
    fact = EventFact("f", "count", "number", series("encounters"), days=True)
    visits = [event("encounters", None, None, start=day(text)) for text in ("2026-05-01", "2026-05-01", "2026-05-02")]
    assert value(fact, *visits) == 2.0


def test_one_visit_in_some_month_is_one_day() -> None:
    fact = EventFact("f", "count", "number", series("encounters"), days=True)
    assert value(fact, event("encounters", None, "2026-05")) == 1.0
    assert value(fact, event("encounters", None, "2026-05"), event("encounters", None, "2026-05-03")) is None
    assert value(fact) == 0.0


@pytest.mark.parametrize(
    ("aggregate", "exact", "expected"),
    [("latest", "2026-06-10", None), ("latest", "2026-06-30", None), ("latest", "2026-05-01", "at risk")],
)
def test_a_word_given_on_some_day_of_a_month(aggregate: str, exact: str, expected: Value) -> None:
    """In June somebody was at risk, on a day they were not: if that day is in June, nobody knows which came last."""
    fact = EventFact("f", aggregate, "word", HUNGER)
    assert value(fact, answered(AT_RISK, on="2026-06"), answered(NO_RISK, on=exact)) == expected


@pytest.mark.parametrize(("exact", "expected"), [("2026-06-10", None), ("2026-05-31", "no risk"), ("2026-07-01", "at risk")])
def test_the_first_word_given_on_some_day_of_a_month(exact: str, expected: Value) -> None:
    fact = EventFact("f", "earliest", "word", HUNGER)
    record = PersonRecord(Person("p"), (answered(AT_RISK, on="2026-06"), answered(NO_RISK, on=exact)), frozenset())
    assert reduce_facts(Program((fact,), (), ()), record, date(2026, 12, 31))["f"].value == expected


def test_the_evidence_of_a_word_is_the_event_that_says_it() -> None:
    """Of answers given at one moment the first word wins, and with it the event that gave it, whatever its id."""
    fact = EventFact("f", "latest", "word", HUNGER)
    events = (answered(AT_RISK, source="Observation/1"), answered(NO_RISK, source="Observation/2"))
    found = reduce_facts(Program((fact,), (), ()), PersonRecord(Person("p"), events, frozenset()), AS_OF)["f"]
    assert (found.value, [e.source for e in found.events]) == ("at risk", ["Observation/1"])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [("2026-06-29", "2026-06-30", True), ("2026-06-30", "2026-07-01", None), ("2026-07-01", "2026-07-01", False)],
)
def test_who_died_about_today(low: str, high: str, expected: bool | None) -> None:
    died = DateRange(date.fromisoformat(low), date.fromisoformat(high))
    assert value(PatientFact("gone", "deceased", "yes/no"), person=Person("p", deceased=True, died=died)) is expected


@pytest.mark.parametrize(
    ("birth", "expected"), [(day("1970-02-01"), "1970-02-01"), (DateRange(date(1970, 1, 1), date(1970, 12, 31)), None), (None, None)]
)
def test_a_birth_date_is_shown_if_it_is_a_day(birth: DateRange | None, expected: str | None) -> None:
    assert value(PatientFact("born", "birth", "date"), person=Person("p", birth=birth)) == expected


@pytest.mark.parametrize("aggregate", ["latest", "earliest"])
def test_of_answers_alike_at_one_moment_the_last_one_is_the_evidence(aggregate: str) -> None:
    fact = EventFact("f", aggregate, "word", HUNGER)
    risks = [answered(AT_RISK, source=f"Observation/{n}") for n in (2, 3, 1)]
    record = PersonRecord(Person("p"), (*risks, answered(NO_RISK, source="Observation/4")), frozenset())
    found = reduce_facts(Program((fact,), (), ()), record, AS_OF)["f"]
    assert (found.value, [e.source for e in found.events]) == ("at risk", ["Observation/3"])


@pytest.mark.parametrize(("other", "expected"), [("2026-05-31", None), ("2026-06-01", None), ("2026-06-02", 7.0)])
def test_an_event_that_may_count_may_be_the_earliest(other: str, expected: Value) -> None:
    """Also on the very day of the one that does."""
    fact = EventFact("f", "earliest", "number", HBA1C)
    assert value(fact, measured(7.0, on="2026-06-01"), measured(9.0, on=other, status=None)) == expected


@pytest.mark.parametrize("first", ["2026-01-01", "2026-01-02"])
def test_days_are_covered_once_in_whatever_order_periods_come(first: str) -> None:
    low = date.fromisoformat(first)
    window = Window((Bound(day=low),), (Bound(day=date(2026, 1, 31)),), "overlaps")
    fact = EventFact("f", "days covered", "number", series("medications"), window)
    periods = [("2026-01-20", "2026-01-25"), (first, "2026-01-10"), ("2026-01-05", "2026-01-22")]
    taken = [event("medications", None, start, end=day(end), source=f"MedicationRequest/{n}") for n, (start, end) in enumerate(periods)]
    assert value(fact, *taken) == float((date(2026, 1, 25) - low).days + 1)
    assert value(fact, event("medications", None, first, end=day(first))) == 1.0
