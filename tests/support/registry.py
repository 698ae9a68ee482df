"""FHIR resources as the CSV files that `config/extracts/registry.extract.yaml` describes."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

MRN: Final = "http://hospital.smarthealthit.org"


def _resources(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / f"{kind}.ndjson.gz", "rt", encoding="utf-8", newline="\n") as lines:
        yield from (json.loads(line) for line in lines)


def _written(path: Path, header: str, lines: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split())
        writer.writerows(lines)


def as_registry(source: Path, folder: Path) -> dict[str, str]:
    """Writes the people and results of a FHIR folder as a registry would export them; returns id → MRN."""
    numbers, people = {}, []
    for patient in _resources(source, "Patient"):
        number = next(item["value"] for item in patient["identifier"] if item["system"] == MRN)
        numbers[patient["id"]] = number
        year, month, day = patient["birthDate"].split("-")
        home = patient["address"][0]
        sex = {"female": "F", "male": "M"}[patient["gender"]]
        died = patient.get("deceasedDateTime", "")
        people.append([number, f"{day}/{month}/{year}", sex, died, "en", " ".join(home["line"]), home.get("postalCode", ""), number[:4]])
    _written(folder / "people.csv", "mrn born sex died language street zip tract", people)
    results, screening = [], []
    for one in _resources(source, "Observation"):
        code, about = one["code"]["coding"][0]["code"], numbers[one["subject"]["reference"].split("/")[1]]
        if "valueQuantity" in one:
            given = one["valueQuantity"]
            results.append([one["id"], about, code, given["value"], given["unit"], one["effectiveDateTime"], one["issued"]])
        for part in one.get("component", []) if code == "93025-5" else []:
            said = part.get("valueCodeableConcept", {}).get("coding", [{}])[0].get("code", "NULL")
            screening.append([about, part["code"]["coding"][0]["code"], said, one["effectiveDateTime"], "done"])
    _written(folder / "results.csv", "result_id mrn loinc value unit taken reported", results)
    _written(folder / "screening.csv", "mrn question answer asked state", screening)
    _written(folder / "areas.csv", "fips rank", [[number[:4], 0.5] for number in sorted({number[:4] for number in numbers.values()})[:3]])
    return numbers
