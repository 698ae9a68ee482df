"""Dates such as 0001-01-01, which some systems write for none: what would be counted to a day before them is clipped in every engine."""

from datetime import date, timedelta
from itertools import product

from rules.conformance.comparison import differences
from rules.days import Duration, midnight
from rules.engines.columnar.engine import ColumnarEngine
from rules.engines.reference import ReferenceEngine
from rules.facts import Coding, DateRange, Event, Person, PersonRecord
from rules.ir import Bound, EventFact, Fact, PatientFact, Program, Relation, Series, Window

AS_OF = date(2026, 6, 30)
ONE, OTHER = Coding("http://loinc.org", "4548-4"), Coding("http://loinc.org", "17856-6")
LENGTHS = (Duration(1, "day"), Duration(31, "day"), Duration(1, "month"), Duration(10, "year"), Duration(99999, "year"))
DAYS = (date.min, date.min + timedelta(days=1), date(1, 2, 1), date(11, 1, 1), date(2024, 2, 29))
RANGES = [DateRange(low, high) for low, high in product(DAYS, DAYS) if low <= high]


def series(code: Coding, *relations: Relation) -> Series:
    return Series(("observations",), frozenset({code}), (("observations", frozenset({"final"})),), relations=relations)


def related() -> list[Fact]:
    return [
        EventFact(f"related {n}", "exists", "yes/no", series(ONE, Relation(series(OTHER), present, backwards, least, most)), Window())
        for n, (present, backwards, least, most) in enumerate(
            product((True, False), (True, False), (None, *LENGTHS[1:4]), (None, LENGTHS[0], LENGTHS[4]))
        )
    ]


def counted() -> list[Fact]:
    found: list[Fact] = []
    for length, backwards, days in product(LENGTHS, (True, False), (-1, 0, 1)):
        bound = Bound("first", offset=length, backwards=backwards, days=days)
        found += [
            EventFact(f"after {length} {backwards} {days}", "exists", "yes/no", series(OTHER), Window((bound,))),
            EventFact(f"until {length} {backwards} {days}", "exists", "yes/no", series(OTHER), Window((), (bound,))),
            PatientFact(f"age {length} {backwards} {days}", "age", "number", bound),
        ]
    return [EventFact("first", "earliest", "date", series(ONE), Window()), *found]


def event(code: Coding, start: DateRange, number: int) -> Event:
    source = f"Observation/{number}"
    return Event("observations", source, codes=(code,), status="final", start=start, instant=midnight(start.low))


def test_what_lies_before_the_first_year_or_after_the_last_is_clipped() -> None:
    people = [
        PersonRecord(Person(f"p{n}", birth=DateRange(DAYS[0], DAYS[0])), (event(ONE, a, 1), event(OTHER, b, 2)))
        for n, (a, b) in enumerate(product(RANGES, RANGES))
    ]
    program = Program((*related(), *counted()), (), ())
    _, found = differences({"reference": ReferenceEngine(), "columnar": ColumnarEngine()}, program, people, AS_OF)
    assert [(each.record.events[0].start, each.record.events[1].start, each.names) for each in found] == []
