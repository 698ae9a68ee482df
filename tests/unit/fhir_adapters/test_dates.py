from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_adapters.dates import Span, parse, read_period, read_timing
from fhir_adapters.quarantine import Quarantine, Reading, Reason
from rules.facts import DateRange


def instant(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type,misc]


@pytest.fixture
def reading() -> Reading:
    return Reading(Quarantine(), "Observation", "1")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        ("0001", date(1, 1, 1), date(1, 12, 31)),
        ("9999-12", date(9999, 12, 1), date(9999, 12, 31)),
    ],
)
def test_a_partial_date_is_all_the_days_it_may_mean(text: str, low: date, high: date) -> None:
    moment = parse(text)
    assert moment is not None
    assert moment.days == DateRange(low, high)
    assert moment.instant == int(datetime(low.year, low.month, low.day, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "day", "when"),
    [
        ("2024-03-01T23:30:00-05:00", date(2024, 3, 1), instant(2024, 3, 2, 4, 30)),
        ("2024-03-01T00:30:00+02:00", date(2024, 3, 1), instant(2024, 2, 29, 22, 30)),
        ("2024-03-01T10:15Z", date(2024, 3, 1), instant(2024, 3, 1, 10, 15)),
        ("2024-03-01T10:15:00.25Z", date(2024, 3, 1), instant(2024, 3, 1, 10, 15) + 250_000),
        ("2024-03-01T10:15:00.123456789Z", date(2024, 3, 1), instant(2024, 3, 1, 10, 15) + 123_456),
        ("2016-12-31T23:59:60Z", date(2016, 12, 31), instant(2016, 12, 31, 23, 59, 59)),
    ],
)
def test_the_day_is_the_day_as_written_and_the_instant_uses_the_offset(text: str, day: date, when: int) -> None:
    moment = parse(text)
    assert moment is not None
    assert moment.days == DateRange(day, day)
    assert moment.instant == when


@pytest.mark.parametrize(
    "text",
    [
        *("2024-02-30", "2023-02-29", "0000", "0000-01-01", "2024-13", "2024-00", "2024-01-00", "2024-1-1", "24", "", " ", "today"),
        *("2024-01-01T24:00:00Z", "2024-01-01T10:60:00Z", "2024-01-01T10:00:61Z", "2024-01-01T10Z", "2024-01-01 10:00:00Z"),
        *("2024-01-01T10:00:00+15:00", "2024-01-01T10:00:00+02:60", "2024-01-01T10:00:00+0200", "2024-01Z", "２０２４", "2024-01-01\n"),
    ],
)
def test_what_is_no_fhir_date_has_no_meaning(text: str) -> None:
    assert parse(text) is None


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False, min_value=datetime(1800, 1, 1)))  # noqa: DTZ001
def test_agrees_with_the_standard_library(moment: datetime) -> None:
    written = moment.isoformat()
    found = parse(written)
    if found is not None:
        assert found.days == DateRange(moment.date(), moment.date())
        elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
        assert found.instant == (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    else:
        assert len(written.rsplit(moment.tzname() or "x", 1)[0]) > len("2024-01-01T00:00:00+00:00"), "an offset with seconds only"


def test_a_time_without_zone_is_used_and_reported(reading: Reading) -> None:
    span = read_period(reading, {"start": "2024-01-01T10:00:00"}, "period")
    assert span == Span(DateRange(date(2024, 1, 1), date(2024, 1, 1)), instant(2024, 1, 1, 10))
    assert reading.quarantine.counts["Observation", Reason.NO_ZONE] == 1


def test_a_period_with_an_end_only_began_any_time_before(reading: Reading) -> None:
    span = read_period(reading, {"end": "2024-05"}, "period")
    assert span.start == DateRange(date.min, date(2024, 5, 31))
    assert span.end == DateRange(date(2024, 5, 1), date(2024, 5, 31))
    assert span.instant is None


def test_a_period_that_ends_before_it_starts_keeps_its_start(reading: Reading) -> None:
    span = read_period(reading, {"start": "2024-05-02", "end": "2024-05-01"}, "period")
    assert span.start == DateRange(date(2024, 5, 2), date(2024, 5, 2))
    assert span.end is None
    assert reading.quarantine.counts["Observation", Reason.ENDS_BEFORE_START] == 1


@pytest.mark.parametrize(
    ("timing", "start"),
    [
        ({"event": ["2024-01-05", "2024-02-05"]}, date(2024, 1, 5)),
        ({"repeat": {"boundsPeriod": {"start": "2024-03-01"}}}, date(2024, 3, 1)),
        ({"repeat": {"boundsDuration": {"value": 3}}}, None),
        ({}, None),
    ],
)
def test_a_timing_begins_with_its_first_event_or_its_bounds(reading: Reading, timing: dict[str, object], start: date | None) -> None:
    span = read_timing(reading, timing, "effectiveTiming")
    assert span.start == (None if start is None else DateRange(start, start))
    assert reading.defects == 0
