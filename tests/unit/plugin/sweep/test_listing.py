"""The worklist's lines: whose address is that of a household, counted over everybody and not over the list."""

from datetime import date

import pytest

from plugin.sweep.listing import LARGEST, SHOWN, worklist
from rules.engines import engine
from rules.evaluation import evaluate
from rules.facts import Person, PersonRecord, with_households
from rules.pack import BUILT_IN, load_packs

TODAY = date(2026, 6, 30)


@pytest.mark.parametrize(("residents", "home"), [(1, "h1"), (LARGEST, "h1"), (LARGEST + 1, None), (30, None)])
def test_a_home_of_many_is_no_household_however_few_of_them_are_listed(residents: int, home: str | None) -> None:
    people = [PersonRecord(Person(id=f"p{number}", household="h1")) for number in range(residents)]
    ann = with_households(people)[0]
    packs = load_packs(BUILT_IN)
    found = evaluate(packs, [ann], TODAY, engine("reference"), statuses=SHOWN)
    (line,) = worklist(packs, {ann.person.id: ann}, TODAY, found)
    assert (line.id, line.household) == ("p0", home)
