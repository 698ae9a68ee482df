"""A few hundred of the hostile inputs that ``make hostile`` asks by the hundred thousand."""

import pytest
from robustness.hostile import FAULTS, KINDS, ask

from rules.conformance.draws import Draws
from rules.engines.rete import why_unavailable

pytestmark = pytest.mark.skipif(bool(why_unavailable()), reason=why_unavailable() or "available")


@pytest.mark.slow
def test_no_answer_is_lost() -> None:
    """One question in ten meets a fault, which is ten times as often as in the long form."""
    outcomes = ask("short", 300, faulty=0.1)
    assert outcomes["questions"] == 300
    assert outcomes["answered as the reference does"] + outcomes["refused when compiled"] == 300
    assert outcomes["wrong or lost"] == 0
    assert outcomes["child processes replaced"] > 0


def test_every_kind_of_program_can_be_drawn() -> None:
    drawn = [kind(Draws(f"drawn {i}")) for kind in KINDS for i in range(3)]
    assert all(program.derived and program.rules for program in drawn)
    assert len({fault.__name__ for fault in FAULTS}) == 5
