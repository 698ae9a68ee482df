"""The life of a referral: every pair of states with every side, written out from the guide's diagram a second time."""

from itertools import product

import pytest

from fhir_adapters.referral_states import FINAL, OPEN, IllegalMove, Move, Side, Status, check, leads, reachable, sources

DIAGRAM = """
new            draft requested
draft          requested                                              entered-in-error
requested      accepted rejected cancelled                            entered-in-error
accepted       in-progress on-hold cancelled completed failed         entered-in-error
in-progress    on-hold cancelled completed failed                     entered-in-error
on-hold        in-progress cancelled completed failed                 entered-in-error
rejected                                                              entered-in-error
completed                                                             entered-in-error
cancelled                                                             entered-in-error
failed                                                                entered-in-error
entered-in-error
"""
SETS = {
    "requester": "draft requested cancelled entered-in-error",
    "target": "accepted rejected in-progress on-hold failed completed cancelled",
}
ARROWS = {(start, to) for start, *ends in map(str.split, DIAGRAM.strip().splitlines()) for to in ends}
ALLOWED = {(start, to, side) for (start, to) in ARROWS for side, names in SETS.items() if to in names.split()}
EVERYTHING = sorted(product((None, *Status), Status, Side), key=str)


def allowed(start: Status | None, move: Move) -> bool:
    try:
        check(start, move)
    except IllegalMove:
        return False
    return True


def test_of_all_pairs_of_states_and_sides_exactly_the_allowed_ones_pass() -> None:
    assert len(EVERYTHING) == 11 * 10 * 2
    found = {(start or "new", to, side) for start, to, side in EVERYTHING if allowed(start, Move(to, side, "because", outputs=1))}
    assert found == ALLOWED
    assert len(ALLOWED) == 32


def test_what_takes_a_reason_is_refused_without_one_and_everything_else_is_not() -> None:
    refused = {
        to for start, to, side in ALLOWED if not allowed(None if start == "new" else Status(start), Move(Status(to), Side(side), " ", 1))
    }
    assert refused == {"rejected", "cancelled", "on-hold", "failed"}


@pytest.mark.parametrize("start", [Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD])
def test_it_is_completed_only_with_what_came_of_it(start: Status) -> None:
    with pytest.raises(IllegalMove, match="what came of it"):
        check(start, Move(Status.COMPLETED, Side.TARGET))
    check(start, Move(Status.COMPLETED, Side.TARGET, outputs=1))


def test_after_the_end_there_is_only_that_it_was_an_error() -> None:
    assert frozenset(Status) == FINAL | OPEN
    assert frozenset() == FINAL & OPEN
    for end in FINAL:
        assert reachable(end) == {end, Status.ENTERED_IN_ERROR}
    assert reachable(Status.REQUESTED) == frozenset(Status) - {Status.DRAFT}


def test_sources_are_the_steps_backwards() -> None:
    assert sources(Status.CANCELLED) == (Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD, Status.REQUESTED)
    assert all(leads(start, to) for to in Status for start in sources(to))
