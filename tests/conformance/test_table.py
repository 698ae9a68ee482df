"""The tables of requirements are whole, their tests exist, and the pages are what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.conformance import CDS_HOOKS, GRAVITY, TABLES, Seen, Table, page, requirements

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tests(root: Path) -> list[Seen]:
    """The tests that name requirements, found by a pytest of their own."""
    path = os.pathsep.join([str(root / "tests"), str(root)])
    command = [sys.executable, "-m", "support.conformance", "--seen"]
    done = subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [Seen(file, name, tuple(ids)) for file, name, ids in json.loads(done.stdout.splitlines()[-1])]


each_table = pytest.mark.parametrize("table", TABLES, ids=["cds-hooks", "gravity"])


@each_table
def test_every_row_has_a_test_or_a_reason(table: Table, tests: list[Seen]) -> None:
    shown = {id for test in tests for id in test.ids}
    assert [row.id for row in requirements(table) if row.id not in shown and not row.reason] == []
    assert [row.id for row in requirements(table) if row.id in shown and row.reason] == [], "a reason not to test it, and a test"


def test_what_shall_be_has_a_test() -> None:
    assert [row.id for row in requirements(CDS_HOOKS) if row.reason and (row.level.startswith("SHALL") or row.level == "check")] == []


def test_tests_name_only_what_there_is(tests: list[Seen]) -> None:
    known = {row.id for table in TABLES for row in requirements(table)}
    assert [(test.file, test.name, id) for test in tests for id in test.ids if id not in known] == []


def test_the_rows_are_the_120_of_the_workbook_and_the_others() -> None:
    ids = [row.id for row in requirements(CDS_HOOKS)]
    assert len(ids) == len(set(ids))
    count = {kind: sum(id.startswith(kind) for id in ids) for kind in ("cds-hooks_2.0@", "invariant:", "inferno:")}
    assert count == {"cds-hooks_2.0@": 120, "invariant:": 12, "inferno:": 14}


def test_of_gravity_every_statement_has_a_row_and_every_gap_says_whose_it_is(shared_data: Path) -> None:
    numbered = json.loads((shared_data / "gravity-requirements.json").read_text(encoding="utf-8"))["statement"]
    rows = requirements(GRAVITY)
    assert sorted(row.id for row in rows) == sorted(f"gravity:{each['key']}" for each in numbered)
    kinds = ("another role: ", "not written: ", "a duty of the operator: ", "not done: ")
    assert [row.id for row in rows if row.reason and not row.reason.startswith(kinds)] == []


@each_table
def test_the_page_is_current(table: Table, tests: list[Seen]) -> None:
    """Otherwise: make docs, which also says which test failed."""
    assert table.page.read_text(encoding="utf-8") == page(table, tests)
