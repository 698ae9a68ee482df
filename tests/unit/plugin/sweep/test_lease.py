"""One sweep at a time: on one machine, on several, and after one that stood still for too long."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugin.store import Store
from plugin.sweep.errors import SweepBusy
from plugin.sweep.lease import SECONDS, Lease

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def test_a_second_sweep_of_the_machine_does_not_begin(tmp_path: Path, store: Store) -> None:
    with Lease(tmp_path, store) as first:
        with pytest.raises(SweepBusy, match="another sweep runs on this machine"), Lease(tmp_path, store):
            pass
        with first.publishing():
            pass


def test_a_second_sweep_of_another_machine_does_not_begin_until_the_first_is_over(tmp_path: Path, store: Store) -> None:
    with (
        Lease(tmp_path / "a", store, holder="a"),
        pytest.raises(SweepBusy, match="a sweep runs on a"),
        Lease(tmp_path / "b", store, holder="b"),
    ):
        pass
    with Lease(tmp_path / "b", store, holder="b") as second, second.publishing():
        assert second.token == 2


def test_a_lease_that_its_holder_does_not_renew_is_taken_over_and_the_holder_publishes_nothing(tmp_path: Path, store: Store) -> None:
    clock = Clock()
    with Lease(tmp_path / "a", store, holder="a", clock=clock) as stalled:
        clock.now += timedelta(seconds=SECONDS + 1)
        with Lease(tmp_path / "b", store, holder="b", clock=clock) as second:
            assert second.token == stalled.token + 1
            with pytest.raises(SweepBusy, match="took over while this one stood still"), stalled.publishing():
                pytest.fail("it published")
            with second.publishing():
                pass


def test_whoever_was_killed_on_this_machine_keeps_nobody_waiting(tmp_path: Path, store: Store) -> None:
    killed = Lease(tmp_path, store, holder="a")
    killed.__enter__()
    with pytest.raises(SweepBusy), Lease(tmp_path, store, holder="a"):
        pass
    killed._over.set()
    killed._beating.join()
    os.close(killed._file)  # as the end of its process does; the row in the store stays
    with Lease(tmp_path, store, holder="a") as second:
        assert second.token == killed.token + 1


def test_a_clock_that_jumped_back_keeps_nobody_waiting_for_longer_than_a_lease(tmp_path: Path, store: Store) -> None:
    ahead, right = Clock(), Clock()
    ahead.now += timedelta(days=400)
    first = Lease(tmp_path / "a", store, holder="a", clock=ahead)
    with first, Lease(tmp_path / "b", store, holder="b", clock=right) as second:
        assert second.token == 2


def test_what_it_leaves_behind_is_over_at_once(tmp_path: Path, store: Store) -> None:
    for number, holder in enumerate("abab", 1):
        with Lease(tmp_path / holder, store, holder=holder) as lease:
            assert lease.token == number
