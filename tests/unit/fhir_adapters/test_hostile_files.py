"""Files as they arrive in the worst case: every line is accounted for, and the good ones are used."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.fhir_adapters.conftest import WriteFile

from fhir_adapters.dataset import Dataset
from fhir_adapters.directory_source import read_directory
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason
from rules.facts import TABLES

PATIENT = {"resourceType": "Patient", "id": "p1"}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-05-01",
    "valueQuantity": {"value": 9.1, "unit": "%"},
}


def line(resource: Any) -> bytes:
    return json.dumps(resource).encode() + b"\n"


GOOD = [line(OBSERVATION | {"id": f"o{i}"}) for i in range(2, 4)]

MALFORMED = {
    "truncated": b'{"resourceType":"Observation","id":"x"',
    "two objects": b"{} {}",
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "comment": b'{"a":1} // x',
    "NaN": b'{"resourceType":"Observation","valueQuantity":{"value":NaN}}',
    "infinity": b'{"a":-Infinity}',
    "1e400": b'{"a":1e400}',
    "leading zeros": b'{"a":007}',
    "hex": b'{"a":0x10}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "invalid UTF-8": b'{"a":"\xff\xfe"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "raw NUL": b'{"a":"\x00"}',
    "control character": b'{"a":"\x01"}',
    "BOM in mid-file": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16-le"),
    "1,500 deep": b"[" * 1500 + b"]" * 1500,
    "100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "array": b"[1,2]",
    "array of resources": b"[" + line(OBSERVATION).strip() + b"]",
    "number": b"5",
    "null": b"null",
    "text": b'"Observation"',
    "html": b"<html></html>",
}

IGNORED = {
    "empty object": b"{}",
    "no type": b'{"a":"\\u0000","__proto__":{}}',
    "type of no use": b'{"resourceType":"Basic","id":"1"}',
    "500 deep": b'{"a":' * 500 + b"1" + b"}" * 500,
    "2 to the 64th": b'{"a":18446744073709551616}',
}


def read_lines(folder: Path, *lines: bytes, name: str = "Observation.ndjson") -> Dataset:
    (folder / "Patient.ndjson").write_bytes(line(PATIENT))
    (folder / name).write_bytes(b"".join(lines))
    dataset = read_directory(folder)
    assert dataset.report.balances()
    return dataset


def sources(dataset: Dataset) -> list[str]:
    return [event.source for event in dataset.records[0].events]


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_one_malformed_line_is_one_quarantined_line(tmp_path: Path, content: bytes) -> None:
    dataset = read_lines(tmp_path, GOOD[0], content + b"\n", GOOD[1])
    assert sources(dataset) == ["Observation/o2", "Observation/o3"]
    assert dataset.report.total(Outcome.QUARANTINED) == 1
    assert dataset.report.quarantine.counts.total() == 1
    assert "observations" not in dataset.records[0].not_loaded


@pytest.mark.parametrize("content", IGNORED.values(), ids=IGNORED)
def test_lines_that_are_json_but_nothing_for_us_are_ignored_and_counted(tmp_path: Path, content: bytes) -> None:
    dataset = read_lines(tmp_path, GOOD[0], content + b"\n", GOOD[1])
    assert sources(dataset) == ["Observation/o2", "Observation/o3"]
    assert (dataset.report.total(Outcome.QUARANTINED), dataset.report.total(Outcome.IGNORED)) == (0, 1)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"   \t\n"])
def test_blank_lines_are_counted_as_blank(tmp_path: Path, blank: bytes) -> None:
    assert read_lines(tmp_path, GOOD[0], blank, GOOD[1]).report.total(Outcome.BLANK) == 1


def test_a_bom_on_the_first_line_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    dataset = read_lines(tmp_path, b"\xef\xbb\xbf" + GOOD[0].replace(b"\n", b"\r\n"), GOOD[1])
    assert sources(dataset) == ["Observation/o2", "Observation/o3"]


def test_unicode_line_separators_do_not_end_a_line(tmp_path: Path) -> None:
    content = json.dumps(OBSERVATION | {"note": [{"text": "a\u2028b\u2029c\x85d"}]}, ensure_ascii=False).encode()
    dataset = read_lines(tmp_path, content + b"\n")
    assert sources(dataset) == ["Observation/o1"]


def test_a_missing_last_line_feed_is_fine(tmp_path: Path) -> None:
    dataset = read_lines(tmp_path, GOOD[0], GOOD[1].rstrip())
    assert len(sources(dataset)) == 2
    assert not any(part.cut_short for part in dataset.report.parts)


def test_a_file_cut_in_mid_line_withholds_its_table(tmp_path: Path) -> None:
    dataset = read_lines(tmp_path, GOOD[0], GOOD[1][:40])
    assert sources(dataset) == ["Observation/o2"]
    assert dataset.records[0].not_loaded >= {"observations"}
    assert dataset.report.not_loaded["observations"] == "a file was cut short"
    assert "conditions" not in {table for table, why in dataset.report.not_loaded.items() if "cut" in why}


@pytest.mark.parametrize("spoil", ["cut", "flipped"])
def test_damaged_compression_withholds_the_table_and_keeps_what_was_read(tmp_path: Path, spoil: str) -> None:
    many = b"".join(line(OBSERVATION | {"id": f"o{i}", "note": [{"text": f"{i * 7919}"}]}) for i in range(5000))
    packed = bytearray(gzip.compress(many))
    if spoil == "cut":
        del packed[len(packed) // 2 :]
    else:
        packed[len(packed) // 2] ^= 0xFF
    dataset = read_lines(tmp_path, bytes(packed), name="Observation.ndjson.gz")
    assert 0 < len(sources(dataset)) < 5000
    assert "observations" in dataset.records[0].not_loaded
    assert dataset.report.total(Outcome.QUARANTINED) >= 1


def test_what_is_not_gzip_at_all(tmp_path: Path) -> None:
    dataset = read_lines(tmp_path, b"not gzip", name="Observation.ndjson.gz")
    assert dataset.report.quarantine.counts == {("Observation", Reason.CUT_SHORT): 1}
    assert "observations" in dataset.records[0].not_loaded


def test_a_cut_file_without_a_telling_name_withholds_what_was_in_it_or_everything(tmp_path: Path) -> None:
    some = read_lines(tmp_path, GOOD[0], b'{"x', name="part-1.ndjson")
    assert {table for table, why in some.report.not_loaded.items() if "cut" in why} == {"observations"}
    everything = read_lines(tmp_path, b'{"x', name="part-1.ndjson")
    assert all("cut" in why for why in everything.report.not_loaded.values())
    assert everything.report.not_loaded.keys() == TABLES.keys()


def test_a_line_of_100_megabytes_is_skipped_without_being_held(tmp_path: Path) -> None:
    with (tmp_path / "Observation.ndjson").open("wb") as file:
        file.write(GOOD[0])
        file.seek(100 << 20, 1)
        file.write(b"\n" + GOOD[1])
    (tmp_path / "Patient.ndjson").write_bytes(line(PATIENT))
    dataset = read_directory(tmp_path, max_line=1 << 20)
    assert sources(dataset) == ["Observation/o2", "Observation/o3"]
    assert dataset.report.quarantine.counts == {("Observation", Reason.LINE_TOO_LONG): 1}
    assert dataset.report.balances()


def test_the_longest_line_allowed_is_allowed(tmp_path: Path) -> None:
    limit = max(map(len, GOOD)) - 1
    (tmp_path / "Patient.ndjson").write_bytes(line(PATIENT))
    (tmp_path / "Observation.ndjson").write_bytes(GOOD[0].replace(b"\n", b"\r\n") + GOOD[1])
    assert len(sources(read_directory(tmp_path, max_line=limit))) == 2
    assert len(sources(read_directory(tmp_path, max_line=limit - 1))) == 0


def test_a_document_beyond_the_limit_or_broken_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(line(PATIENT))
    (tmp_path / "a.json").write_bytes(b" " * 1000 + line(OBSERVATION))
    (tmp_path / "b.json").write_bytes(b"{")
    (tmp_path / "c.json").write_bytes(b"")
    (tmp_path / "d.json.gz").write_bytes(gzip.compress(line(OBSERVATION))[:-20])
    report = read_directory(tmp_path, max_document=500).report
    assert report.balances()
    assert set(report.quarantine.counts) == {("", reason) for reason in (Reason.LINE_TOO_LONG, Reason.NOT_JSON, Reason.CUT_SHORT)}
    assert report.total(Outcome.BLANK) == 1


def test_nothing_to_read_is_an_error_not_an_empty_population(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="no such file"):
        read_directory(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceUnreadable, match="holds no"):
        read_directory(tmp_path)


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([*MALFORMED.values(), *IGNORED.values(), *GOOD])), max_size=8))
def test_whatever_the_bytes_the_account_balances(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    file = tmp_path_factory.mktemp("bytes") / "Observation.ndjson"
    file.write_bytes(b"\n".join(lines))
    report = read_directory(file).report
    assert report.balances()
    assert report.parts[0].lines == len(b"\n".join(lines).split(b"\n")) - b"\n".join(lines).endswith(b"\n") - (
        not b"".join(lines) and len(lines) < 2
    )


def test_the_file_itself_may_be_named(ndjson: WriteFile) -> None:
    assert len(read_directory(ndjson("all.jsonl", PATIENT, OBSERVATION)).records) == 1
