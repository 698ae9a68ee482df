"""A card says the same whether what lies too far back is left out or not."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import orjson
import pytest
from support.cds_advice import client_of, numbered

from fhir_adapters import records_from_resources
from fhir_adapters.mapping import NO_PAST, Past, subject_of
from fhir_adapters.synthetic import population
from plugin.cds.advice import consider
from plugin.cds.compiler import compile_card
from plugin.cds.past import past
from plugin.cds.services import services
from rules.engines.reference import ReferenceEngine
from rules.facts import Coding
from rules.pack import BUILT_IN, load_packs

AS_OF: Final = date(2026, 6, 30)
PEOPLE: Final = 250
PACKS: Final = load_packs(BUILT_IN)
WANTS_HELP: Final = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "96780-2"}]},
}
VIEW: Final = next(service for service in services(PACKS) if service.hook.name == "patient-view")

Json = dict[str, Any]


@pytest.fixture(scope="module")
def charts() -> dict[str, list[Json]]:
    """People with what they have, and with the same one, two and ten years earlier."""
    found: dict[str, list[Json]] = defaultdict(list)
    for resource in population(PEOPLE, 1895, AS_OF):
        if resource["resourceType"] == "Patient":
            found[resource["id"]].append(resource)
        elif id := subject_of(resource):
            found[id] += [resource, *(_earlier(resource, years) for years in (1, 2, 10))]
    return found


def _earlier(resource: Json, years: int) -> Json:
    text = orjson.dumps(resource | {"id": f"{resource['id']}-{years}"})
    for year in range(2005, 2027):
        text = text.replace(b'"%d-' % year, b'"%d-' % (year - years))
    found: Json = orjson.loads(text)
    return found


def said(chart: list[Json], id: str, lies_back: Past) -> Iterator[Any]:
    """Everything that is told of somebody, cards included."""
    found = consider(VIEW.packs, records_from_resources(chart, id, (), None, lies_back), AS_OF, ReferenceEngine())
    yield found.undecided, found.decided
    for advice in found.advice:
        yield advice.explained, advice.next_flip(), advice.missing
        for name in ("generic", "epic"):
            yield compile_card(advice, client_of(name), numbered())


def test_cards_are_the_same_without_what_is_past(charts: dict[str, list[Json]]) -> None:
    lies_back = VIEW.past(AS_OF)
    cards = fewer = 0
    for id, chart in charts.items():
        whole = list(said(chart, id, NO_PAST))
        assert list(said(chart, id, lies_back)) == whole
        cards += len(whole) - 1
        fewer += len(records_from_resources(chart, id, ()).events) - len(records_from_resources(chart, id, (), None, lies_back).events)
    assert cards > 100
    assert fewer > 1000


def test_a_wish_is_told_however_old_it_is() -> None:
    lies_back = VIEW.past(AS_OF)
    assert Coding("http://loinc.org", "96780-2") in lies_back.lasting
    assert not lies_back.holds(WANTS_HELP | {"effectiveDateTime": "1999-01-01"}, "Observation")


def test_what_a_card_can_tell_from_nothing_is_never_past() -> None:
    """A screen counts for a year, even where every rule asks about less."""
    short = [pack.program for pack in PACKS]
    assert all((AS_OF - first).days > 365 for first in past(short, AS_OF).before.values())
    assert set(past(short, date.min).before.values()) == {date.min}


def test_a_service_looks_back_from_the_day_of_the_call() -> None:
    first = VIEW.past(AS_OF)
    assert VIEW.past(AS_OF) is first
    assert VIEW.past(date(2027, 6, 30)).before == {name: day.replace(year=day.year + 1) for name, day in first.before.items()}
    assert VIEW.past(AS_OF) == first
