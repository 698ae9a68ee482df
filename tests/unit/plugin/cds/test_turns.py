"""The line in which calls stand: one computes, the others wait in the order in which they came."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from plugin.cds.turns import Turns

SOON = 10.0
"""Seconds after which something will never happen."""


def _until(true: Callable[[], bool]) -> None:
    end = monotonic() + SOON
    while not true():
        assert monotonic() < end
        sleep(0.001)


class Caller:
    """A thread that takes its turn, and does in it what it is told."""

    def __init__(self, turns: Turns, order: list[str], name: str, work: Callable[[], None] = lambda: None) -> None:
        self._turns, self._order, self._name, self._work = turns, order, name, work
        self.waited = -1.0
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._turns.taken() as self.waited:
            self._order.append(self._name)
            self._work()

    def end(self) -> None:
        self._thread.join(SOON)
        assert not self._thread.is_alive()


def slow(turns: Turns, calls: int) -> None:
    """So many that take far longer than usual."""
    for _ in range(calls):
        with turns.taken():
            sleep(0.1)


def _in_line(turns: Turns) -> int:
    return len(turns._line)


def test_one_works_at_a_time_and_the_others_follow_in_the_order_in_which_they_came() -> None:
    turns, order, may = Turns(16), list[str](), Event()
    callers = [Caller(turns, order, "0", lambda: may.wait(SOON) and None)]
    _until(lambda: order == ["0"])
    for number in range(1, 6):
        callers.append(Caller(turns, order, str(number)))
        _until(lambda: _in_line(turns) == len(callers) - 1)
    assert order == ["0"]
    may.set()
    for caller in callers:
        caller.end()
    assert order == ["0", "1", "2", "3", "4", "5"]
    assert callers[0].waited < callers[5].waited


def test_who_steps_aside_lets_the_next_one_work_and_comes_before_those_who_came_later() -> None:
    turns, order, aside, ehr, second = Turns(16), list[str](), Event(), Event(), Event()

    def asks() -> None:
        with turns.aside():
            aside.set()
            ehr.wait(SOON)
        order.append("first again")

    first = Caller(turns, order, "first", asks)
    assert aside.wait(SOON)
    other = Caller(turns, order, "second", lambda: second.wait(SOON) and None)
    _until(lambda: order == ["first", "second"])
    last = Caller(turns, order, "third")
    _until(lambda: _in_line(turns) == 1)
    ehr.set()
    _until(lambda: _in_line(turns) == 2)
    second.set()
    for caller in (first, other, last):
        caller.end()
    assert order == ["first", "second", "first again", "third"]


def test_who_gives_its_turn_up_works_on_beside_the_next_one() -> None:
    turns, order, given_up, disk = Turns(16), list[str](), Event(), Event()

    def writes() -> None:
        turns.give_up()
        given_up.set()
        disk.wait(SOON)
        turns.give_up()  # once more changes nothing
        with turns.aside():  # nor does this: it holds nothing any more
            order.append("written")

    first = Caller(turns, order, "first", writes)
    assert given_up.wait(SOON)
    Caller(turns, order, "second").end()
    disk.set()
    first.end()
    assert order == ["first", "second", "written"]
    Caller(turns, order, "third").end()


def test_a_turn_ends_with_its_failure() -> None:
    turns = Turns(16)
    with pytest.raises(ValueError, match="x"), turns.taken():
        raise ValueError("x")
    with turns.taken() as waited:
        assert waited < SOON


def test_who_has_no_turn_may_step_aside_and_give_up() -> None:
    turns = Turns(16)
    turns.give_up()
    with turns.aside():
        turns.give_up()
    with turns.taken():
        assert turns.admit()


def test_no_more_are_admitted_than_may_be_inside() -> None:
    turns = Turns(2)
    assert [turns.admit() for _ in range(3)] == [True, True, False]
    turns.dismiss()
    assert turns.admit()
    assert turns.working == 2


def test_who_would_have_to_wait_too_long_is_not_admitted_but_never_if_nobody_works() -> None:
    turns = Turns(16, longest=0.03)
    assert [turns.admit() for _ in range(3)] == [True, True, False], "before any was seen, 20 ms are expected of each"
    slow(turns, 10)
    turns.dismiss()
    assert not turns.admit()
    turns.dismiss()
    assert turns.admit()


def test_one_that_was_slow_by_chance_turns_nobody_away() -> None:
    turns = Turns(16, longest=0.03)
    slow(turns, 1)
    assert [turns.admit(), turns.admit()] == [True, True]


def test_who_waits_for_the_ehr_keeps_nobody_out_but_counts_as_inside() -> None:
    turns = Turns(2, longest=0.03)
    slow(turns, 10)
    assert turns.admit()
    with turns.taken(), turns.aside():
        assert turns.working == 0
        assert [turns.admit(), turns.admit()] == [True, False]
    assert turns.working == 2
