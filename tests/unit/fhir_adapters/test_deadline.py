"""A deadline within another never ends later, and over is over."""

import pytest

from fhir_adapters.transport.deadline import deadline, left


def test_the_outer_deadline_bounds_the_inner_one() -> None:
    with deadline(50.0):
        with deadline(3600.0, silence=1800.0):
            assert left() <= 50.0
        with deadline(10.0):
            assert left() <= 10.0
        assert 10.0 < left() <= 50.0


def test_silence_is_shorter_than_the_deadline() -> None:
    with deadline(3600.0, silence=5.0):
        assert left() == 5.0


def test_when_the_time_is_over_nothing_may_wait() -> None:
    with deadline(0.0), deadline(60.0), pytest.raises(TimeoutError):
        left()
