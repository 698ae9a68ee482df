"""What stops a sweep before anybody sees it."""

import pytest

from fhir_adapters.mapping import Outcome
from fhir_adapters.report import Report
from plugin.sweep.errors import SweepRefused
from plugin.sweep.gates import Limits, check_data

LIMITS = Limits(quarantined=0.01, fewer=0.2, least=20)


def report(read: int, quarantined: int, people: int = 100) -> Report:
    """An account of Observations."""
    found = Report(people=people)
    part = found.part("Observation.ndjson")
    part.lines = read
    part.tally["Observation", Outcome.MAPPED] = read - quarantined
    part.tally["Observation", Outcome.QUARANTINED] = quarantined
    return found


@pytest.mark.parametrize(("read", "quarantined"), [(10_000, 0), (10_000, 100), (20, 20), (0, 0)])
def test_what_is_within_the_limits_passes(read: int, quarantined: int) -> None:
    check_data(report(read, quarantined), 100, LIMITS)


@pytest.mark.parametrize(("read", "quarantined"), [(10_000, 101), (21, 21), (1_000, 500)])
def test_too_much_in_quarantine_does_not(read: int, quarantined: int) -> None:
    with pytest.raises(SweepRefused, match=f"Observation: {quarantined:,} of {read:,}"):
        check_data(report(read, quarantined), None, LIMITS)


def test_lines_that_nobody_accounted_for_do_not() -> None:
    found = report(1_000, 0)
    found.parts[0].lines += 1
    with pytest.raises(SweepRefused, match="1,001 lines and entries were read, 1,000 are accounted for"):
        check_data(found, None, LIMITS)


@pytest.mark.parametrize(("before", "passes"), [(None, True), (100, True), (125, True), (126, False), (1, True)])
def test_many_fewer_people_do_not(before: int | None, passes: bool) -> None:
    if passes:
        check_data(report(10, 0), before, LIMITS)
    else:
        with pytest.raises(SweepRefused, match="100 people, after 126 in the last sweep"):
            check_data(report(10, 0), before, LIMITS)
