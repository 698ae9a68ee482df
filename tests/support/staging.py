"""What a file becomes on its way into a warehouse, by the mapper alone or by the fast road."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fhir_adapters.files import Gone
from fhir_adapters.pulled import Deletions
from fhir_adapters.quarantine import Quarantine
from fhir_adapters.report import Part, Report
from fhir_adapters.warehouse.columns import KINDS
from fhir_adapters.warehouse.ingest.fast import Limits
from fhir_adapters.warehouse.ingest.files import Input, Reading, read_files
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.staging import PASSED, Stage
from fhir_adapters.warehouse.views import connect
from rules.facts import Coding

MAPPER: Final = Reading(fast_from=1 << 60)
"""Line by line."""
FAST: Final = Reading(fast_from=0, processes=1, limits=Limits(least=1))
"""Every skeleton gets a pattern, however rare it is."""


SOME: Final = Needed(
    frozenset({"observations", "conditions", "encounters", "medications", "careplans"}),
    frozenset({Coding("http://loinc.org", "4548-4"), Coding("http://snomed.info/sct", "49436004")}),
    frozenset({"encounters"}),
)
"""HbA1c and atrial fibrillation, and all encounters."""

_ORDER: Final = """
SELECT source, len(content) > 0 FROM (SELECT source, content, ordinal, 0 AS n FROM staged_people
UNION ALL SELECT source, content, ordinal, n FROM staged_events) ORDER BY ordinal, n"""


_PASSED: Final = "ordinal, part_no, type, source, patient, updated, version"


@dataclass
class Staged:
    """Rows as they are staged, but for their place in the order of reading and their digest; and the account."""

    rows: dict[str, list[Any]]
    order: list[tuple[Any, ...]]
    parts: list[Part]
    refused: Quarantine
    noted: Quarantine
    types: set[str]
    fast: int
    """Rows that did not come from the mapper line by line."""


def staged(files: list[Path], reading: Reading, deletions: Deletions | None = None, needed: Needed | None = None) -> Staged:
    """Stage files of resources."""
    gone = Gone(deletions or Deletions())
    with TemporaryDirectory() as name, connect(Path(name), "256MB") as connection:
        report = Report()
        stage = Stage(connection, report, Path(name), b"salt", needed=needed)
        inputs = [Input(file, report.part(file.name), gone) for file in files]
        read_files(inputs, stage, reading)
        stage.done()
        passed = [connection.sql(f"SELECT {_PASSED} FROM {table}").fetchall() for table in stage.tables(PASSED)]  # noqa: S608
        stage.join()
        queries = {
            "people": "SELECT * EXCLUDE (ordinal, content) FROM staged_people ORDER BY ordinal",
            "events": "SELECT * EXCLUDE (ordinal, content) FROM staged_events ORDER BY ordinal, n",
            "named": "SELECT * EXCLUDE (ordinal, content) FROM staged_named ORDER BY ordinal",
        }
        assert queries.keys() == KINDS.keys()
        rows: dict[str, list[Any]] = {kind: connection.execute(query).fetchall() for kind, query in queries.items()}
        rows[PASSED] = [row for _, *row in sorted(row for table in passed for row in table)]
        order = connection.execute(_ORDER).fetchall()
        fast = len(connection.sql(f"FROM {stage.halves.together()}").fetchall()) if stage.halves else 0
    return Staged(rows, order, report.parts, report.quarantine, stage.noted, stage.types, fast)


def assert_equal(files: list[Path], reading: Reading = FAST, deletions: Deletions | None = None, needed: Needed | None = None) -> Staged:
    """The fast road gives what the mapper gives; what it gave."""
    slow, fast = staged(files, MAPPER, deletions, needed), staged(files, reading, deletions, needed)
    for kind in (*KINDS, PASSED):
        assert fast.rows[kind] == slow.rows[kind]
    assert fast.order == slow.order
    assert fast.parts == slow.parts
    assert all(part.balances() for part in fast.parts)
    assert (fast.refused, fast.noted, fast.types) == (slow.refused, slow.noted, slow.types)
    return fast
