"""CSV extracts: the same people and events as from FHIR, and a place for every cell that is not understood."""

import gzip
import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.registry import as_registry

from fhir_adapters.dataset import Dataset
from fhir_adapters.directory_source import read_directory
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts import read_description
from fhir_adapters.extracts.__main__ import main
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason
from rules.errors import RuleError
from rules.facts import Area, Coding, DateRange
from rules.units import LOINC

PEOPLE = """
people:
  - file: people.csv
    identifier: {system: "urn:mrn", column: mrn}
    birth: born
    sex: {column: sex, words: {F: female, M: male, U: ""}}
    deceased: {column: dead, words: {"1": yes, "0": no}}
    postcode: zip
    street: street
"""
EVENTS = """
events:
  - file: results.csv
    table: observations
    identifier: {system: "urn:mrn", column: mrn}
    id: id
    code: {system: "http://loinc.org", column: code}
    value: value
    unit: {fixed: "%"}
    start: {column: taken, dates: "%d/%m/%Y"}
    status: {column: status, words: {F: final, X: cancelled}}
"""
ROWS = "mrn,born,sex,dead,zip,street\n7,1957-03,F,0,01940,1 High St\n8,1960-02-30,Q,,01940,1 high st.\n"
RESULTS = "id,mrn,code,value,taken,status\nr1,7,4548-4,9.5,03/02/2024,F\n"


def extract(folder: Path, description: str = PEOPLE + EVENTS, **files: str) -> Path:
    for name, text in ({"people": ROWS, "results": RESULTS} | files).items():
        (folder / f"{name}.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    path = folder / "registry.extract.yaml"
    path.write_text(description, encoding="utf-8")
    return path


def rejects(dataset: Dataset) -> list[tuple[str, Reason]]:
    return [(entry.path, entry.reason) for entry in dataset.report.quarantine.entries]


# ---------------------------------------------------------------- what is understood


def test_people_and_events(tmp_path: Path) -> None:
    extract(tmp_path)
    dataset = read_directory(tmp_path)
    seven, eight = sorted((record.person for record in dataset.records), key=lambda person: person.sex is None)
    assert (seven.birth, seven.sex, seven.deceased) == (DateRange(date(1957, 3, 1), date(1957, 3, 31)), "female", False)
    assert (eight.birth, eight.sex, eight.deceased) == (None, None, False)
    assert seven.household == eight.household is not None
    (event,) = next(record for record in dataset.records if record.person.id == seven.id).events
    assert (event.source, event.codes, event.value, event.unit) == ("Observation/r1", (Coding(LOINC, "4548-4"),), 9.5, "%")
    assert (event.status, event.start) == ("final", DateRange(date(2024, 2, 3), date(2024, 2, 3)))
    assert rejects(dataset) == [("people.csv:3:2", Reason.INVALID_DATE), ("people.csv:3:3", Reason.NOT_IN_BINDING)]
    assert dataset.report.balances()
    assert "conditions" in dataset.records[0].not_loaded
    assert "observations" not in dataset.records[0].not_loaded
    assert dataset.report.notes == []


def test_rows_find_the_patients_of_fhir_files_by_identifier_and_by_nothing_else(tmp_path: Path) -> None:
    people = [
        {"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:mrn", "value": "7"}]},
        {"resourceType": "Patient", "id": "b", "identifier": [{"system": "urn:other", "value": "8"}]},
    ]
    (tmp_path / "Patient.ndjson").write_text("".join(json.dumps(one) + "\n" for one in people))
    extract(tmp_path, EVENTS, results=RESULTS + "r2,8,4548-4,6,03/02/2024,F\n")
    dataset = read_directory(tmp_path)
    assert {record.person.id: [event.source for event in record.events] for record in dataset.records} == {"a": ["Observation/r1"], "b": []}
    assert dataset.report.quarantine.counts == {("Patient", Reason.NO_PATIENT): 1}
    assert dataset.report.balances()


def test_a_folder_that_names_patients_by_id(tmp_path: Path) -> None:
    described = (
        "events:\n  - {file: results.csv, table: conditions, patient: mrn, code: {system: s, column: code}, status: {fixed: active}}\n"
    )
    (tmp_path / "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "7"}\n')
    extract(tmp_path, described)
    (event,) = read_directory(tmp_path).records[0].events
    assert (event.table, event.codes, event.status, event.start) == ("conditions", (Coding("s", "4548-4"),), "active", None)


def test_the_same_row_twice_is_one_event(tmp_path: Path) -> None:
    line = RESULTS.splitlines()[1]
    without_id = EVENTS.replace("    id: id\n", "")
    extract(tmp_path, PEOPLE + without_id, results=RESULTS + line + "\n")
    dataset = read_directory(tmp_path)
    assert [len(record.events) for record in dataset.records if record.events] == [1]
    assert (dataset.report.total(Outcome.DUPLICATE), dataset.report.balances()) == (1, True)


def test_a_description_alone_may_be_the_source_and_its_files_be_compressed(tmp_path: Path) -> None:
    path = extract(tmp_path, (PEOPLE + EVENTS).replace("results.csv", "results.csv.gz"))
    (tmp_path / "results.csv.gz").write_bytes(gzip.compress(RESULTS.encode()))
    assert sum(len(record.events) for record in read_directory(path).records) == 1


def test_tabs_missing_words_byte_order_marks_and_quoted_lines(tmp_path: Path) -> None:
    first, second = "r1\t7\t4548-4\tn/a\t03/02/2024\tF\n", '"r\n2"\t7\t4548-4\t"6.5"\t03/02/2024\tF\n\n'
    text = f"\ufeffid\tmrn\tcode\tvalue\ttaken\tstatus\n{first}{second}r3\t7\t4548-4\tx\t03/02/2024\tF\n"
    people = ROWS.replace(",", "\t")
    extract(tmp_path, 'separator: tab\nmissing: ["n/a"]\n' + PEOPLE + EVENTS, results=text, people=people)
    dataset = read_directory(tmp_path)
    values = [event.value for record in dataset.records for event in record.events]
    assert sorted(values, key=str) == [6.5, None, None]
    assert rejects(dataset)[-1] == ("results.csv:6:4", Reason.NOT_A_NUMBER)


# ---------------------------------------------------------------- what is not


@pytest.mark.parametrize(
    ("row", "place", "reason", "outcome"),
    [
        ("r1,7,4548-4,9.5,2024-02-03,F", "results.csv:2:5", Reason.INVALID_DATE, Outcome.MAPPED),
        ("r1,7,4548-4,<5,03/02/2024,F", "results.csv:2:4", Reason.NOT_A_NUMBER, Outcome.MAPPED),
        ('r1,7,4548-4,"9,5",03/02/2024,F', "results.csv:2:4", Reason.NOT_A_NUMBER, Outcome.MAPPED),
        ("r1,7,4548-4,1e999,03/02/2024,F", "results.csv:2:4", Reason.NOT_A_NUMBER, Outcome.MAPPED),
        ("r1,7,4548-4,9.5,03/02/2024,Z", "results.csv:2:6", Reason.NOT_IN_BINDING, Outcome.MAPPED),
        ("r1,7,,9.5,03/02/2024,F", "results.csv:2:3", Reason.MISSING, Outcome.QUARANTINED),
        ("r1,7,\udcff,9.5,03/02/2024,F", "results.csv:2:3", Reason.NOT_UTF8, Outcome.QUARANTINED),
        ("r1,,4548-4,9.5,03/02/2024,F", "results.csv:2:2", Reason.NO_SUBJECT, Outcome.QUARANTINED),
        ("r1,7,4548-4,9.5,03/02/2024", "results.csv:2", Reason.RAGGED, Outcome.QUARANTINED),
        ("r1,7,4548-4,9.5,03/02/2024,F,more", "results.csv:2", Reason.RAGGED, Outcome.QUARANTINED),
        ('r1,7,4548-4,"9.5,03/02/2024,F', "results.csv:2", Reason.OPEN_QUOTE, Outcome.QUARANTINED),
        ('r1,7,4548-4,"9.5"x,03/02/2024,F', "results.csv:2", Reason.OPEN_QUOTE, Outcome.QUARANTINED),
    ],
)
def test_what_is_not_understood_has_a_place_and_shows_no_content(
    tmp_path: Path, row: str, place: str, reason: Reason, outcome: Outcome
) -> None:
    extract(tmp_path, results=RESULTS.splitlines()[0] + "\n" + row + "\n", people=ROWS.splitlines()[0] + "\n7,,,,,\n")
    dataset = read_directory(tmp_path)
    assert (place, reason) in rejects(dataset)
    ended = {row.resource_type: row for row in dataset.report.rows()}["Observation"]
    assert (ended.mapped, ended.quarantined) == ((1, 0) if outcome is Outcome.MAPPED else (0, 1))
    assert dataset.report.balances()


def test_an_open_quote_withholds_the_table_and_counts_the_lines_it_swallowed(tmp_path: Path) -> None:
    extract(tmp_path, results=RESULTS + 'r2,7,4548-4,"9.5,03/02/2024,F\n' + "r3,7,4548-4,9,03/02/2024,F\n" * 3)
    dataset = read_directory(tmp_path)
    ended = {row.resource_type: row for row in dataset.report.rows()}["Observation"]
    assert (ended.read, ended.mapped, ended.quarantined) == (5, 1, 4)
    assert all("observations" in record.not_loaded for record in dataset.records)


def test_a_file_without_column_names_is_not_an_empty_one(tmp_path: Path) -> None:
    extract(tmp_path, results="")
    with pytest.raises(SourceUnreadable, match="must name the columns"):
        read_directory(tmp_path)
    extract(tmp_path, results=RESULTS.splitlines()[0])
    assert all("observations" not in record.not_loaded for record in read_directory(tmp_path).records)


@given(st.text(alphabet=st.sampled_from(',"\n\r7xF \t\0\udcff<'), max_size=40))
def test_whatever_stands_in_a_file_is_accounted_for(text: str) -> None:
    with TemporaryDirectory() as name:
        extract(Path(name), results=RESULTS + text)
        dataset = read_directory(name)
    assert dataset.report.balances()
    ended = {row.resource_type: row for row in dataset.report.rows()}["Observation"]
    assert ended.read == ended.mapped + ended.quarantined + ended.duplicate
    assert ended.read >= 1


def test_an_event_without_a_code_might_be_any(tmp_path: Path) -> None:
    extract(tmp_path, results="id,mrn,code,value,taken,status\nr1,7,,9.5,03/02/2024,F\n")
    assert [event.opaque for record in read_directory(tmp_path).records for event in record.events] == [True]


# ---------------------------------------------------------------- mistakes in the description


@pytest.mark.parametrize(
    ("old", "new", "place", "code", "words"),
    [
        ("    table: observations", "    table: observation", "3:12", "ALM522", "did you mean 'observations'?"),
        ("    value: value", "    vaule: value", "7:5", "ALM520", "did you mean 'value'?"),
        ("    value: value", "    value: valeu", "7:12", "ALM525", "did you mean 'value'?"),
        ("F: final", "F: finished", "10:41", "ALM522", "'finished' is not known here"),
        ('    unit: {fixed: "%"}', "    unit: {fixed: '%', column: unit}", "8:11", "ALM524", "either which 'column'"),
        ("    status: {column: status, words: {F: final, X: cancelled}}\n", "", "2:5", "ALM524", "'status' is missing"),
        ('{system: "urn:mrn", column: mrn}', "{column: mrn}", "4:17", "ALM524", "'system' is missing"),
        ("    file", "    files", "3:5", "ALM520", "did you mean 'file'?"),
        ("    id: id", "    id: [id]", "5:9", "ALM521", "expected one word"),
    ],
)
def test_mistakes_are_told_with_their_places(tmp_path: Path, old: str, new: str, place: str, code: str, words: str) -> None:
    described = EVENTS.lstrip().replace("  - file", "  -\n    file") if old.startswith("    file") else EVENTS.lstrip()
    path = extract(tmp_path, described.replace(old, new, 1))
    with pytest.raises(RuleError) as error:
        read_directory(tmp_path)
    told = [str(diagnostic).removeprefix(str(path) + ":") for diagnostic in error.value.diagnostics]
    assert any(line.startswith(f"{place}: {code}") and words in line for line in told), told


def test_a_description_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="it describes no file"):
        read_directory(extract(tmp_path, "separator: ';;'\n"))


# ---------------------------------------------------------------- areas


AREAS = """
areas:
  - {file: imd.csv, name: imd, vintage: "2025", by: postcode, key: pcds, code: lsoa, level: decile}
"""


def test_homes_are_placed_in_areas_and_the_rest_is_counted(tmp_path: Path) -> None:
    table = "pcds,lsoa,decile\nM1 1AE,E01,3\nM1  1ae,E01,3\nM1 1AE,E99,9\n,E02,1\nM1 1AF,E03,x\n"
    homes = "mrn,born,sex,dead,zip,street\n1,,,,m11ae,\n2,,,,M1 1AF,\n3,,,,XX1,\n4,,,,,\n"
    extract(tmp_path, PEOPLE + AREAS, imd=table, people=homes)
    dataset = read_directory(tmp_path)
    areas = {record.person.postcode: record.person.areas for record in dataset.records}
    assert areas == {"M11AE": (Area("imd", "2025", "E01", 3.0),), "M1 1AF": (Area("imd", "2025", "E03", None),), "XX1": (), None: ()}
    assert "area imd 2025: known of 2 of 4 people" in dataset.report.notes
    expected = [("imd.csv:4:1", Reason.CONTRADICTION), ("imd.csv:5:1", Reason.MISSING), ("imd.csv:6:3", Reason.NOT_A_NUMBER)]
    assert rejects(dataset) == expected
    assert dataset.report.balances()


def test_a_zip_with_four_more_digits_lies_where_its_five_do(tmp_path: Path) -> None:
    homes = "mrn,born,sex,dead,zip,street\n1,,,,01940-1234,\n"
    extract(tmp_path, PEOPLE + AREAS, imd="pcds,lsoa,decile\n01940,A,1\n", people=homes)
    assert read_directory(tmp_path).records[0].person.areas == (Area("imd", "2025", "A", 1.0),)


# ---------------------------------------------------------------- the example, on data of others


def test_the_example_reads_what_fhir_says(shared_data: Path, root: Path, tmp_path: Path) -> None:
    source = shared_data / "synthea" / "sdoh"
    (tmp_path / "registry.extract.yaml").write_bytes((root / "config" / "extracts" / "registry.extract.yaml").read_bytes())
    numbers = as_registry(source, tmp_path)
    dataset = read_directory(tmp_path)
    assert (dataset.report.quarantine.counts, dataset.report.balances(), len(dataset.records)) == ({}, True, len(numbers))
    by_fhir = {record.person.id: record for record in read_directory(source).records}
    measured = {
        (e.source, e.codes, e.value, e.unit, e.start, e.instant, e.issued) for r in dataset.records for e in r.events if e.value is not None
    }
    expected = {
        (e.source, e.codes[:1], e.value, e.unit, e.start, e.instant, e.issued)
        for record in by_fhir.values()
        for e in record.events
        if e.table == "observations" and not e.part and e.value is not None
    }
    assert len(measured) > 3_000
    assert measured == expected
    births = sorted((record.person.birth.low, record.person.sex) for record in dataset.records if record.person.birth)
    assert births == sorted((record.person.birth.low, record.person.sex) for record in by_fhir.values() if record.person.birth)
    assert sum(1 for record in dataset.records if record.person.areas) >= 3


def test_the_description_of_the_example_is_read(root: Path) -> None:
    described = read_description(root / "config" / "extracts" / "registry.extract.yaml")
    assert [file.table for file in described.events] == ["observations", "observations"]


# ---------------------------------------------------------------- the report of rejects


def test_the_report_names_every_reject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(extract(tmp_path))]) == 1
    out = capsys.readouterr().out
    assert "people.csv:3:2: not a date" in out
    assert "1960" not in out
    assert main([str(extract(tmp_path, people=ROWS.splitlines()[0] + "\n7,,,,,\n"))]) == 0


def test_the_report_says_what_stops_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "none.extract.yaml")]) == 3
    path = extract(tmp_path, PEOPLE.replace("people.csv", "gone.csv"))
    assert main([str(path)]) == 3
    assert "gone.csv: No such file" in capsys.readouterr().err
