"""What tells that of a person, and of those they live with, nothing is new that could matter."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from fhir_adapters import Dataset
from fhir_adapters.report import Report
from fhir_adapters.warehouse.bucket import Print, buckets_of
from fhir_adapters.warehouse.load import load_dataset
from fhir_adapters.warehouse.needed import Needed
from rules.facts import Coding, DateRange, Event, Person, PersonRecord
from rules.standstill import Stretch

OWN, SHARED, UNHEARD = (Coding("http://snomed.info/sct", code) for code in ("44054006", "38341003", "73211009"))
TABLES: Final = frozenset({"conditions"})
ASKED = Needed(TABLES, frozenset({OWN, SHARED}), frozenset())
OF_OTHERS = Needed(TABLES, frozenset({SHARED}), frozenset())
AT = datetime(2026, 7, 1, tzinfo=UTC)
DAY, BIRTH = date(2026, 6, 30), date(1980, 7, 1)


def condition(source: str, *codes: Coding, on: date = DAY, opaque: bool = False) -> Event:
    return Event("conditions", f"Condition/{source}", codes=codes, status="active", start=DateRange(on, on), opaque=opaque)


ANN = PersonRecord(Person("ann", household="home"), (condition("a", OWN, SHARED, on=date(2020, 1, 1)),), frozenset())
BOB = PersonRecord(Person("bob", household="home", birth=DateRange(BIRTH, BIRTH)), (), frozenset())
EVE = PersonRecord(Person("eve"), (), frozenset())


def prints(folder: Path, *people: PersonRecord, as_of: date = DAY, stirring: tuple[Stretch, ...] = ()) -> dict[str, Print]:
    load_dataset(folder, Dataset(list(people), Report()), AT, everybody=True)
    with buckets_of(folder, 1) as buckets:
        buckets.want(ASKED, OF_OTHERS)
        buckets.open(-1, 2**62)
        buckets.prints(as_of, stirring)
        return buckets.prints_of(buckets.ids())


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Print]:
    return prints(tmp_path_factory.mktemp("before"), ANN, BOB, EVE)


def with_event(record: PersonRecord, event: Event) -> PersonRecord:
    return replace(record, events=(*record.events, event))


def anew(before: dict[str, Print], now: dict[str, Print]) -> list[str]:
    return [id for id in before if before[id].print != now[id].print]


@pytest.mark.parametrize(
    ("ann", "expected"),
    [
        pytest.param(with_event(ANN, condition("b", OWN)), ["ann"], id="what no rule asks of households"),
        pytest.param(with_event(ANN, condition("b", SHARED)), ["ann", "bob"], id="what a rule asks of households"),
        pytest.param(with_event(ANN, condition("b", opaque=True)), ["ann", "bob"], id="what nobody understands"),
        pytest.param(with_event(ANN, condition("b", UNHEARD)), [], id="what no rule asks for"),
        pytest.param(replace(ANN, person=replace(ANN.person, phone="617 555 0101")), ["ann", "bob"], id="somebody else"),
        pytest.param(replace(ANN, not_loaded=frozenset({"conditions"})), ["ann", "bob"], id="what was not read"),
    ],
)
def test_a_print_is_of_what_can_matter(tmp_path: Path, before: dict[str, Print], ann: PersonRecord, expected: list[str]) -> None:
    assert anew(before, prints(tmp_path, ann, BOB, EVE)) == expected


def test_a_print_is_of_ones_own_age(tmp_path: Path, before: dict[str, Print]) -> None:
    assert anew(before, prints(tmp_path, ANN, BOB, EVE, as_of=BIRTH.replace(year=2026))) == ["bob"]


@pytest.mark.parametrize(
    ("event", "codes", "expected"),
    [
        pytest.param(condition("b", OWN), None, ["ann"], id="any"),
        pytest.param(condition("b", OWN), {OWN}, ["ann"], id="of a code"),
        pytest.param(condition("b", SHARED), {SHARED}, ["ann", "bob"], id="of a code, which a rule asks of households"),
        pytest.param(condition("b", SHARED), {OWN}, [], id="of another code"),
        pytest.param(condition("b", opaque=True), {OWN}, ["ann", "bob"], id="perhaps of the code"),
        pytest.param(condition("b", OWN, on=date(2026, 6, 29)), None, [], id="on another day"),
    ],
)
def test_somebody_is_stirred_by_events_of_their_own_and_of_others_if_they_matter(
    tmp_path: Path, event: Event, codes: set[Coding] | None, expected: list[str]
) -> None:
    stretch = Stretch("conditions", DAY, DAY, None if codes is None else frozenset(codes))
    found = prints(tmp_path, with_event(ANN, event), BOB, EVE, stirring=(stretch,))
    assert [id for id, each in found.items() if not each.still] == expected
