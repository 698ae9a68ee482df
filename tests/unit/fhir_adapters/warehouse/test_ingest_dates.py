"""The fast road, where dates say less than a day, and what was deleted of what is not kept: as the mapper has it."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from support.staging import FAST, SOME, assert_equal

from fhir_adapters.mapping import Outcome
from fhir_adapters.pulled import Deletions

A1C = {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]}


def of(name: str, id: Any, subject: str = "subject", **members: Any) -> dict[str, Any]:
    return {"resourceType": name, "id": id, subject: {"reference": "Patient/p"}, "code": A1C, "status": "final", **members}


def file_of(folder: Path, *resources: dict[str, Any]) -> Path:
    path = folder / f"{resources[0]['resourceType']}.ndjson"
    path.write_bytes(b"\n".join(map(orjson.dumps, resources)))
    return path


FAST_OF = {"2024": 5, "2024-02": 5, "2024-02-29": 9}
"""Date → how many of the observations below take the fast road; of the others one does."""


@pytest.mark.parametrize("day", [*FAST_OF, "2025-02-29", "2024-13", "2024-2", "0999-01", "2024-00"])
def test_a_year_or_a_month_takes_the_fast_road(day: str, tmp_path: Path) -> None:
    dated: list[dict[str, Any]] = [
        {"effectiveDateTime": day},
        {"issued": day},
        {"effectiveDateTime": day, "issued": "2024-02-29"},
        {"effectiveDateTime": "2024-02-01", "issued": day},
        {"effectiveDateTime": "2024-02-01", "issued": "2024-02-02T03:04:05Z"},
        {"effectiveDateTime": "2024-02-01", "meta": {"lastUpdated": day}},
        *({"effectivePeriod": {"start": day, "end": end}} for end in ("2024-02", "2024-02-29", "2024-03-01")),
        {"effectivePeriod": {"start": "2024-01-01", "end": day}},
    ]
    found = assert_equal([file_of(tmp_path, *(of("Observation", f"o-{n}", **more) for n, more in enumerate(dated)))])
    assert found.fast == FAST_OF.get(day, 1)


def test_where_a_condition_began_and_ended_within_a_year_is_as_the_mapper_has_it(tmp_path: Path) -> None:
    days = ("2023", "2024", "2024-02", "2024-02-10")
    dated = [{"onsetDateTime": one, "abatementDateTime": two, "recordedDate": one} for one in days for two in days]
    assert assert_equal([file_of(tmp_path, *(of("Condition", f"c-{n}", **more) for n, more in enumerate(dated)))]).fast == len(dated)


def test_of_a_type_that_is_not_needed_what_was_deleted_is_accounted_for_alike(tmp_path: Path) -> None:
    file = file_of(tmp_path, *(of("Immunization", id, "patient") for id in ("a", "b", 7)))
    deletions = Deletions({"Immunization/b": 1, "Immunization/7": 1, "Condition/a": 1})
    (part,) = assert_equal([file], FAST, deletions, SOME).parts
    assert (part.total(Outcome.NOT_NEEDED), part.total(Outcome.IGNORED)) == (1, 2)
