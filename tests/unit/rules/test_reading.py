"""A window on a person's events, found as a slice where it is one, is what asking each event gives."""

from dataclasses import replace
from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engines.matching import IN_WINDOW, Span, matches
from rules.engines.reading import ORDER, Asked, Reading
from rules.engines.reading import read as read_all
from rules.facts import HOUSEHOLD, Coding, DateRange, Event, Person, PersonRecord
from rules.ir import EventFact, Series, TagTest, Timing

DAY = date(2026, 1, 1)
CODE = Coding("urn:x", "1")
KIND = Coding("urn:x", "kind")
AS_OF = date(2026, 3, 1)


def series(**changes: object) -> Series:
    return Series(("procedures",), frozenset({CODE}), (("procedures", frozenset({"completed"})),), **changes)  # type: ignore[arg-type]


def fact(aggregate: str = "count", *, household: bool = False, **changes: object) -> EventFact:
    return EventFact("x", aggregate, "number", series(**changes), household=household)


def read(asked: EventFact, record: PersonRecord) -> Reading:
    (found,) = read_all(Asked([asked]), record, AS_OF)
    return found


days = st.integers(0, 40)
ranges = st.builds(lambda low, wide: DateRange(DAY + timedelta(low), DAY + timedelta(low + wide)), days, st.sampled_from([0, 0, 0, 5, 30]))


@st.composite
def events(draw: st.DrawFn) -> Event:
    start = draw(st.one_of(st.none(), ranges, ranges, ranges))
    end = draw(st.one_of(st.none(), ranges))
    zone = draw(st.sampled_from([0, 0, 0, 36]))  # a time zone far away has two days change places
    return Event(
        "procedures",
        f"Procedure/{draw(st.integers(0, 99))}",
        codes=(CODE,),
        status=draw(st.sampled_from(["completed", "completed", "completed", None, "not-done"])),
        start=start,
        end=end,
        instant=None if start is None else (start.low - DAY).days * 24 + zone,
        opaque=draw(st.integers(0, 9)) == 0,
    )


people = st.lists(events(), max_size=8).map(lambda found: PersonRecord(Person("a"), tuple(found), frozenset()))
spans = st.builds(Span, ranges, ranges)


@given(record=people, span=spans, timing=st.sampled_from(get_args(Timing)))
def test_a_window_is_what_asking_each_event_gives(record: PersonRecord, span: Span, timing: Timing) -> None:
    found = read(fact(), record)
    certain, possible, complete, exact = found.within(replace(span, timing=timing))
    assert complete
    test = IN_WINDOW[timing]
    assert list(certain) == [e for e in found.certain if test(e, span)]
    unsure = [e for e in found.certain if test(e, span) is None] + [e for e in found.possible if test(e, span) is not False]
    assert sorted(map(ORDER, possible)) == sorted(map(ORDER, unsure))
    assert list(certain) == sorted(certain, key=ORDER)
    if exact:
        assert not possible
        assert all(e.start and e.start.low == e.start.high for e in certain)


@given(record=people, span=spans)
def test_where_every_day_is_known_the_selection_says_so(record: PersonRecord, span: Span) -> None:
    found = read(fact(), record)
    rising = [e.start.low for e in found.certain if e.start]
    known = all(e.start and e.start.low == e.start.high for e in found.certain) and rising == sorted(rising)
    if span.days and known and not found.possible:
        assert found.within(span).exact


def event(id: str, day: int, **changes: object) -> Event:
    start = DateRange(DAY + timedelta(day), DAY + timedelta(day))
    return Event("procedures", f"Procedure/{id}", codes=(CODE,), status="completed", start=start, instant=day, **changes)  # type: ignore[arg-type]


def test_an_event_across_the_edge_of_a_window_leaves_partial_days_within_it_partial() -> None:
    """One may lie before the window; of two within it nobody knows which came last."""
    month = DateRange(DAY + timedelta(10), DAY + timedelta(30))
    across = Event("procedures", "Procedure/0", codes=(CODE,), status="completed", start=DateRange(DAY, DAY + timedelta(8)), instant=0)
    within = Event("procedures", "Procedure/1", codes=(CODE,), status="completed", start=month, instant=10)
    record = PersonRecord(Person("a"), (across, within, event("2", 20)), frozenset())
    low, high = DAY + timedelta(5), DAY + timedelta(35)
    certain, possible, _, exact = read(fact(), record).within(Span(DateRange(low, low), DateRange(high, high)))
    assert ([e.source[-1] for e in certain], [e.source[-1] for e in possible]) == (["1", "2"], ["0"])
    assert not exact


def test_days_that_two_time_zones_let_change_places_are_found_each_by_itself() -> None:
    """The one that began later by the clock has the earlier date."""
    for first, second in ((10, 11), (11, 10), (12, 10)):
        record = PersonRecord(Person("a"), (event("0", 5), event("1", first), event("2", second)), frozenset())
        record = replace(record, events=tuple(replace(e, instant=number) for number, e in enumerate(record.events)))
        for day in range(9, 14):
            place = DateRange(DAY + timedelta(day), DAY + timedelta(day))
            certain, possible, _, _ = read(fact(), record).within(Span(place, place))
            assert [e.source[-1] for e in certain] == [name for name, at in (("1", first), ("2", second)) if at == day]
            assert not possible


def test_an_event_that_has_not_begun_is_none_whatever_its_status() -> None:
    later = DateRange(AS_OF + timedelta(1), AS_OF + timedelta(1))
    for status in ("completed", "not-done", None):
        for opaque in (False, True):
            unborn = replace(event("1", 1), start=later, status=status, opaque=opaque)
            assert matches(series(), unborn, PersonRecord(Person("a")), AS_OF) is False


def test_the_events_of_a_household_stand_in_one_order() -> None:
    other = PersonRecord(Person("b"), (event("2", 2), event("4", 4)), frozenset())
    own = PersonRecord(Person("a"), (event("3", 3), event("1", 1)), frozenset(), (other,))
    assert [e.source[-1] for e in read(fact(household=True), own).certain] == ["1", "2", "3", "4"]
    assert [e.source[-1] for e in read(fact(), own).certain] == ["1", "3"]


OTHER = Coding("urn:x", "2")


def of(codes: frozenset[Coding] | None, table: str = "procedures", *, household: bool = False) -> EventFact:
    asked = Series((table,), codes, ((table, frozenset({"completed"})),))
    return EventFact("x", "count", "number", asked, household=household)


def test_every_fact_reads_what_it_would_read_alone() -> None:
    """By any code, by one, by two of which an event carries both; from another table; what could not be understood; a household."""
    facts = [of(None), of(frozenset({CODE})), of(frozenset({CODE, OTHER})), of(frozenset({OTHER}), household=True), of(None, "goals")]
    goal = Event("goals", "Goal/7", status="completed", start=DateRange(DAY, DAY), instant=0)
    opaque = Event("procedures", "Procedure/8", start=DateRange(DAY, DAY), instant=9, opaque=True)
    own = (event("1", 1), replace(event("2", 2), codes=(CODE, OTHER)), replace(event("3", 3), codes=()), goal, opaque)
    other = PersonRecord(Person("b"), (replace(event("5", 5), codes=(OTHER,)), event("6", 6)), frozenset())
    record = PersonRecord(Person("a"), own, frozenset(), (other,))
    together = read_all(Asked(facts), record, AS_OF)
    assert together == [read(each, record) for each in facts]
    assert [([e.source[-1] for e in each.certain], [e.source[-1] for e in each.possible]) for each in together] == [
        (["1", "2", "3"], ["8"]),
        (["1", "2"], ["8"]),
        (["1", "2"], ["8"]),
        (["2", "5"], ["8"]),
        (["7"], []),
    ]


def test_only_all_looks_at_events_that_do_not_pass() -> None:
    tagged = event("1", 1, tags=(("category", KIND),))
    record = PersonRecord(Person("a"), (tagged, event("2", 2)), frozenset())
    asked = (TagTest("category", frozenset({KIND})),)
    found = read(fact(tags=asked), record)
    assert ([e.source[-1] for e in found.certain], [e.source[-1] for e in found.possible]) == (["1"], ["2"])
    words = {"words": (("yes", frozenset({KIND})),), "answers": frozenset({"yes"})}
    answered = PersonRecord(Person("a"), (event("1", 1, answers=(CODE,)), event("2", 2, answers=(KIND,))), frozenset())
    assert [e.source[-1] for e in read(fact("count", **words), answered).certain] == ["2"]
    assert [e.source[-1] for e in read(fact("all", **words), answered).certain] == ["1", "2"]


@pytest.mark.parametrize(
    ("missing", "household", "others", "complete"),
    [
        (set(), False, set(), True),
        ({"procedures"}, False, set(), False),
        ({"goals", HOUSEHOLD}, False, {"procedures"}, True),
        ({HOUSEHOLD}, True, set(), False),
        (set(), True, set(), True),
        (set(), True, {"procedures"}, False),
    ],
)
def test_what_was_not_read_is_not_complete(missing: set[str], household: bool, others: set[str], complete: bool) -> None:
    other = PersonRecord(Person("b"), (), frozenset(others))
    record = PersonRecord(Person("a"), (), frozenset(missing), (other,))
    assert read(fact(household=household), record).complete is complete


def test_an_event_without_a_status_is_only_possible_and_one_of_another_status_is_none() -> None:
    """Whether a fact asks for no more than code and status, or for more."""
    found = (event("1", 1), replace(event("2", 2), status=None), replace(event("3", 3), status="not-done"))
    undated = replace(event("4", 4), start=None, instant=None)
    month = replace(event("5", 5), start=DateRange(DAY, AS_OF + timedelta(1)))
    record = PersonRecord(Person("a"), (*found, undated, month), frozenset())
    for asked in (fact(), fact(usable=True, words=(("yes", frozenset({KIND})),)), fact(tags=(TagTest("category", frozenset({KIND})),))):
        record = replace(record, events=tuple(replace(e, answers=(KIND,), tags=(("category", KIND),)) for e in record.events))
        reading = read(asked, record)
        assert [e.source[-1] for e in reading.certain] == ["1"]
        assert sorted(e.source[-1] for e in reading.possible) == ["2", "4", "5"]


def test_what_lies_across_the_end_of_a_window_stands_in_it_but_is_only_possible() -> None:
    """Beside one that is certain, one that lies across its beginning, and one that only possibly matches."""
    across = [
        replace(event(id, 0), start=DateRange(DAY + timedelta(low), DAY + timedelta(high)))
        for id, low, high in (("1", 8, 12), ("3", 18, 22))
    ]
    found = (replace(across[0], instant=8), event("2", 15), replace(across[1], instant=18), replace(event("4", 12), status=None))
    record = PersonRecord(Person("a"), (*found, replace(event("5", 30), status=None)), frozenset())
    low, high = DAY + timedelta(10), DAY + timedelta(20)
    reading, span = read(fact(), record), Span(DateRange(low, low), DateRange(high, high))
    assert reading.place(span) == (1, 3, (0, 2), (0,))
    certain, possible, complete, exact = reading.within(span)
    assert ([e.source[-1] for e in certain], [e.source[-1] for e in possible]) == (["2"], ["1", "3", "4"])
    assert complete
    assert not exact
