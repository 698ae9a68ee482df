"""Parts of the fast road by themselves: where lines are cut, and what is never imitated."""

import io

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from fhir_adapters.lines import Flaw, bounded_lines
from fhir_adapters.warehouse.ingest.blocks import blocks
from fhir_adapters.warehouse.ingest.descriptions import Description, amount
from fhir_adapters.warehouse.ingest.lines import BREAK
from fhir_adapters.warehouse.ingest.skeletons import pattern_of

A1C = {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}], "text": "HbA1c"}


@example(b"aaa\r\ra\nb\n", 1, 3)
@example(b"aaa\r\r\nb\naaaaaaaaaaaaaa\nb", 2, 3)
@given(st.text("ab\n\r", max_size=80).map(str.encode), st.integers(1, 20), st.integers(3, 30))
def test_blocks_hold_the_lines_of_a_file(content: bytes, size: int, limit: int) -> None:
    found: list[bytes | Flaw] = []
    for block in blocks(io.BufferedReader(io.BytesIO(content)), size, limit):
        found += [block] if isinstance(block, Flaw) else [line.rstrip(b"\r\n") for line in block.lines]
    assert found == [line if isinstance(line, Flaw) else line.content for line in bounded_lines(io.BytesIO(content), limit)]


def test_a_mapper_that_computes_with_a_date_is_never_imitated() -> None:
    """A dispense ends as many days after it began as its supply lasts."""
    description = Description("subject", ("status", "medicationCodeableConcept", "daysSupply"), moments=("whenHandedOver",))

    def key(supply: bytes) -> tuple[int, bytes]:
        return 0b01, BREAK.join([b'"completed"', orjson.dumps(A1C), supply])

    assert not amount(description)
    assert pattern_of("MedicationDispense", description, key(b'{"value":30,"unit":"d"}')) == []
    (row,) = pattern_of("MedicationDispense", description, key(b""))
    assert row[0] == "mapped"
