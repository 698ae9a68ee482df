"""The columnar engine's short road against the reference: every way in which the latest event may not be certain to be the latest."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations, product

import pytest

from rules.days import Duration
from rules.engines.columnar.engine import ColumnarEngine
from rules.engines.columnar.features import Features
from rules.engines.columnar.standing import wanted
from rules.engines.reference import ReferenceEngine
from rules.facts import HOUSEHOLD, Coding, DateRange, Event, Person, PersonRecord
from rules.ir import Bound, Derived, EventFact, Fact, Program, Series, TagTest, Window
from rules.logic import Holds
from rules.units import Conversion

AS_OF = date(2026, 6, 30)
ASKED = Coding("http://loinc.org", "4548-4")
WORDS = tuple((word, frozenset({Coding("urn:answers", word)})) for word in ("bad", "fair"))
SERIES = Series(
    ("observations",),
    codes=frozenset({ASKED}),
    statuses=(("observations", frozenset({"final"})),),
    unit="%",
    conversions=(Conversion("any", frozenset(), "%", "%", 1.0, 0.0, "identity"),),
)
ANSWERED = replace(SERIES, words=WORDS, unit=None, conversions=())


def within(days: int | None) -> Window:
    return Window((Bound(offset=Duration(days, "day"), backwards=True),)) if days is not None else Window()


def facts(days: int | None) -> list[Fact]:
    window = within(days)
    since = [
        EventFact(f"{unit}s {days}", "time since latest", "number", SERIES, window, scale=unit) for unit in ("day", "week", "month", "year")
    ]
    return [
        EventFact(f"any {days}", "exists", "yes/no", SERIES, window),
        EventFact(f"latest {days}", "latest", "number", SERIES, window),
        EventFact(f"word {days}", "latest", "word", ANSWERED, window),
        EventFact(f"home {days}", "exists", "yes/no", SERIES, window, household=True),
        EventFact(f"answered {days}", "time since latest", "number", ANSWERED, window, scale="day"),
        *since,
        EventFact(
            f"upon {days}", "exists", "yes/no", SERIES, Window((Bound(f"latest {days}", offset=Duration(20, "day"), backwards=True),))
        ),
        EventFact(f"later {days}", "exists", "yes/no", SERIES, Window((Bound(f"word {days}", days=1),))),
    ]


FACTS = tuple(fact for days in (None, 0, 10, 11, 40, 400) for fact in facts(days))
PROGRAM = Program(FACTS, (Derived("r", Holds("any 10")),), ("r",))


def event(low: int, high: int, instant: int | None = None) -> Event:
    """From ``low`` to ``high`` days before the day of evaluation."""
    days = DateRange(AS_OF - timedelta(days=low), AS_OF - timedelta(days=high))
    moment = -low if instant is None else instant
    made = Event(
        "observations", f"Observation/{low}-{high}-{moment}", codes=(ASKED,), value=float(low), unit="%", status="final", start=days
    )
    return replace(made, answers=(Coding("urn:answers", "bad" if low % 2 else "fair"),), instant=moment)


EVENTS = (
    event(10, 10),
    event(11, 11),
    event(11, 11, -10),  # at the same moment as the first, on another day: time zones
    event(12, 12, -5),  # the last moment, but not the last day
    event(14, 5, -11),  # at the same moment as another, perhaps outside the window that it lies in
    event(30, 9),  # a month, perhaps before and perhaps after the others
    event(60, 30),
    event(60, 30, 0),
    replace(event(35, 35), status=None),
    replace(event(3, 3), status=None),
    replace(event(10, 10, -9), status=None),  # perhaps, on the last day
    event(-1, -1),
    replace(event(7, 7), unit="mmol/mol", answers=()),
    replace(event(20, 20), start=None),
    replace(event(15, 15), opaque=True, codes=()),
)


def person(id: str, events: tuple[Event, ...]) -> PersonRecord:
    own = tuple(replace(each, source=f"{each.source}-{place}") for place, each in enumerate(events))
    return PersonRecord(Person(id, household=id), own, frozenset())


def test_the_short_road_leads_where_the_long_one_does() -> None:
    chosen = [some for size in (0, 1, 2, 3) for some in combinations(EVENTS, size)]
    people = [person(f"p{number}", some) for number, some in enumerate(chosen)]
    people += [replace(people[5], person=Person("unread"), not_loaded=frozenset({"observations", HOUSEHOLD}))]
    expected = list(ReferenceEngine().evaluate(PROGRAM, people, AS_OF))
    assert {e.patient: e for e in ColumnarEngine().evaluate(PROGRAM, people, AS_OF)} == {e.patient: e for e in expected}


def test_every_answer_of_the_short_road_is_met() -> None:
    people = [person(str(number), some) for number, some in enumerate(product(EVENTS, repeat=2))]
    values = {
        name: {e.facts[name] for e in ReferenceEngine().evaluate(PROGRAM, people, AS_OF)} for name in ("any 10", "word 40", "days 40")
    }
    assert values["any 10"] == {True, False, None}
    assert values["word 40"] == {"bad", "fair", None}
    assert values["days 40"] == {7.0, 10.0, 11.0, 12.0, None}


def test_however_many_series_are_looked_at() -> None:
    """More than are set side by side at a time."""
    several = [replace(SERIES, codes=frozenset({Coding("urn:codes", str(number))})) for number in range(27)]
    asked = [
        EventFact(f"{aggregate} {number}", aggregate, kind, series, within(40 + number))
        for number, series in enumerate(several)
        for aggregate, kind in (("exists", "yes/no"), ("latest", "number"))
    ]
    program = Program((*asked, replace(asked[3], name="the same")), (Derived("r", Holds("exists 25")),), ("r",))
    events = [replace(event(38 + n, 38 + n), codes=(Coding("urn:codes", str(n)), Coding("urn:codes", str(n + 1)))) for n in range(0, 26, 3)]
    people = [person(f"p{number}", tuple(events[number:])) for number in range(len(events) + 1)]
    expected = {e.patient: e for e in ReferenceEngine().evaluate(program, people, AS_OF)}
    assert {e.patient: e for e in ColumnarEngine().evaluate(program, people, AS_OF)} == expected
    assert len({e.facts["exists 25"] for e in expected.values()}) == 2


def test_an_event_of_several_codes_of_one_series_is_one_event() -> None:
    both = replace(SERIES, codes=frozenset({ASKED, Coding("urn:codes", "other")}))
    program = Program((EventFact("n", "count", "number", both), EventFact("all", "count", "number", replace(both, codes=None))), (), ())
    twice = replace(event(10, 10), codes=tuple(sorted(both.codes or ())))
    people = [person("p", (twice, event(9, 9))), person("q", (replace(twice, opaque=True), twice)), person("r", ())]
    expected = {e.patient: e for e in ReferenceEngine().evaluate(program, people, AS_OF)}
    assert {e.patient: e for e in ColumnarEngine().evaluate(program, people, AS_OF)} == expected
    assert (expected["p"].facts["n"], expected["q"].facts["n"]) == (2.0, None)


def test_whether_tags_are_asked_for() -> None:
    tagged = replace(SERIES, tags=(TagTest("class", frozenset({Coding("urn:classes", "AMB")})),))
    program = Program((EventFact("n", "exists", "yes/no", SERIES),), (), ())
    assert not wanted([program]).tagged
    assert wanted([program, Program((EventFact("n", "exists", "yes/no", tagged),), (), ())]).tagged


@pytest.mark.parametrize(
    ("fact", "quick"),
    [
        *((fact, fact.name.split()[0] not in ("upon", "later", "answered")) for fact in facts(10) if isinstance(fact, EventFact)),
        (EventFact("n", "count", "number", SERIES, within(10)), False),
        (EventFact("first", "earliest", "number", SERIES, within(10)), False),
        (EventFact("old", "exists", "yes/no", SERIES, Window((), (Bound(offset=Duration(10, "day"), backwards=True),))), False),
        (EventFact("ends", "exists", "yes/no", SERIES, Window(timing="ends")), False),
    ],
    ids=lambda each: each.name if isinstance(each, EventFact) else None,
)
def test_which_facts_take_the_short_road(fact: EventFact, quick: bool) -> None:
    before = [f for f in facts(10) if f.name in ("latest 10", "word 10") and f.name != fact.name]
    features = Features(Program((*before, fact), (), ()))
    assert (features.by_fact[fact.name].number in features.quick) is quick
