"""Writes the tables of what CDS Hooks and Gravity ask, and which test shows it: ``python -m support.conformance``.

The rows are those of ``tests/conformance/requirements.yaml`` and ``gravity.yaml``; a test names those that it shows by
``pytest.mark.requirement("ID", …)``.
With ``--seen`` nothing is written, and the tests are found but not run: what they name is printed as JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
PASSED: Final = "passed"
_MARK: Final = "mark.requirement("

_GENERATED: Final = """\
Generated from the tests by `make docs`, which runs them; `make test` runs them too, and fails if this page is not what they say, if a
requirement has neither a test nor a reason, or if a test names one that does not exist. {more} The words are ours; the
documents themselves say exactly what is meant: {sources}.

"""


@dataclass(frozen=True, slots=True)
class Table:
    """Requirements with a page of their own."""

    rows: Path
    page: Path
    head: str


def _table(rows: str, page: str, title: str, more: str, sources: str) -> Table:
    head = f"# {title}\n\n{_GENERATED.format(more=more, sources=sources)}"
    return Table(ROOT / "tests" / "conformance" / rows, ROOT / "docs" / "reference" / page, head)


CDS_HOOKS: Final = _table(
    "requirements.yaml",
    "cds-hooks-conformance.md",
    "CDS Hooks: each requirement, and the test that shows it",
    "What SHALL be has a test.",
    "[CDS Hooks](https://cds-hooks.hl7.org/), [Inferno](https://github.com/inferno-framework)",
)
GRAVITY: Final = _table(
    "gravity.yaml",
    "gravity-conformance.md",
    "Gravity: each numbered statement, and the test that shows it",
    "What SHALL be has a test, or a reason.",
    "[SDOH Clinical Care](http://hl7.org/fhir/us/sdoh-clinicalcare)",
)
TABLES: Final = (CDS_HOOKS, GRAVITY)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A row."""

    id: str
    level: str
    asks: str
    reason: str
    """Why there is no test; empty if there has to be one."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows on one subject."""

    title: str
    rows: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A list of requirements of one origin."""

    title: str
    note: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A test that shows requirements."""

    file: str
    name: str
    ids: tuple[str, ...]
    result: str = PASSED

    @property
    def linked(self) -> str:
        """Its name in words, as a link to its file."""
        return f"[{self.name.removeprefix('test_').replace('_', ' ')}](../../{self.file})"


def documents(table: Table) -> tuple[Document, ...]:
    """What is asked, in the order of the page."""
    return tuple(
        Document(each["title"], each["note"], tuple(_part(part, each["prefix"]) for part in each["parts"]))
        for each in yaml.safe_load(table.rows.read_text(encoding="utf-8"))
    )


def _part(part: dict[str, Any], prefix: str) -> Part:
    rows = ((f"{prefix}{id}", (*told, "")) for id, told in part["rows"].items())
    return Part(part["title"], tuple(Requirement(id, level, asks, reason) for id, (level, asks, reason, *_) in rows))


def requirements(table: Table) -> list[Requirement]:
    """Every row."""
    return [row for document in documents(table) for part in document.parts for row in part.rows]


# ---------------------------------------------------------------- the tests


class _Log:
    """Takes down, for pytest, which tests name requirements, and what became of them."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, str], set[str]] = {}
        self.results: dict[tuple[str, str], set[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            named = {id for mark in item.iter_markers("requirement") for id in mark.args}
            self.ids.setdefault(_place(item.nodeid), set()).update(named)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != PASSED:
            self.results.setdefault(_place(report.nodeid), set()).add(report.outcome)


def _place(nodeid: str) -> tuple[str, str]:
    file, _, name = nodeid.partition("::")
    return file, name.partition("[")[0].rpartition("::")[2]


def seen(*, run: bool) -> list[Seen]:
    """The tests that name requirements; unless they are ``run``, they count as passed."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if _MARK in path.read_text(encoding="utf-8")]
    log = _Log()
    how = ["-q", "--tb=short"] if run else ["--collect-only", "-qq", "--no-summary"]
    pytest.main([*files, "-m", "requirement", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *how], plugins=[log])
    found = {place: _result(log.results.get(place, set())) if run else PASSED for place in log.ids}
    return sorted((Seen(*place, tuple(sorted(ids)), found[place]) for place, ids in log.ids.items() if ids), key=lambda s: (s.file, s.name))


def _result(outcomes: set[str]) -> str:
    return next((each for each in ("failed", PASSED) if each in outcomes), "not run")


# ---------------------------------------------------------------- the page


def page(table: Table, tests: Iterable[Seen]) -> str:
    """The text of the page."""
    by_id: dict[str, list[Seen]] = {}
    for test in tests:
        for id in test.ids:
            by_id.setdefault(id, []).append(test)
    lines = [line for document in documents(table) for line in _document(document, by_id)]
    return table.head + "\n".join([*_summary(requirements(table), by_id), *lines]) + "\n"


def _summary(rows: Sequence[Requirement], by_id: Mapping[str, list[Seen]]) -> Iterator[str]:
    levels = dict.fromkeys(row.level for row in rows)
    asked, tested = Counter(row.level for row in rows), Counter(row.level for row in rows if row.id in by_id)
    yield from ("| level | rows | with tests | with a reason instead |", "|---|--:|--:|--:|")
    for level in levels:
        yield f"| {level} | {asked[level]} | {tested[level]} | {asked[level] - tested[level]} |"


def _document(document: Document, by_id: Mapping[str, list[Seen]]) -> Iterator[str]:
    yield from ("", f"## {document.title}", "", document.note)
    for part in document.parts:
        yield from ("", f"### {part.title}", "", "| id | level | what it asks | tests | result |", "|---|---|---|---|---|")
        for row in part.rows:
            shown = by_id.get(row.id, [])
            cell = "<br>".join(test.linked for test in shown) or f"none: {row.reason}"
            yield f"| {row.id} | {row.level} | {row.asks} | {cell} | {_verdict(shown)} |"


def _verdict(tests: Iterable[Seen]) -> str:
    results = {test.result for test in tests}
    return next((each for each in ("failed", PASSED) if each in results), "not run" if results else "–")


if __name__ == "__main__":
    if "--seen" in sys.argv:
        found = [[test.file, test.name, test.ids] for test in seen(run=False)]
        sys.stdout.write("\n" + json.dumps(found) + "\n")
    else:
        done = seen(run=True)
        for table in TABLES:
            table.page.write_text(page(table, done), encoding="utf-8")
