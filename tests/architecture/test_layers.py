"""Who may import what, where import-linter's contracts (pyproject.toml) cannot say it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from architecture.modules import PACKAGES, Module, imports, modules

ONLY = [
    ("durable", {"rules.engines.rete_child"}, "it can crash its process: it lives in a child process that we can lose"),
    ("durable_rules_engine", {"rules.engines.rete_child"}, "the same library's C part"),
    ("duckdb", {"rules.engines.columnar", "fhir_adapters.warehouse"}, "one engine and one store speak SQL; the meaning does not"),
    ("pyarrow", {"rules.engines.columnar", "fhir_adapters.warehouse", "fhir_adapters.lines"}, "as duckdb; and zstd is unpacked by it"),
    ("msgspec", {"fhir_adapters.warehouse"}, "what is known of resources is read by the mapper, from what orjson makes of them"),
    ("flask", {"plugin"}, "the web is the application's"),
    ("click", {"plugin.cli"}, "so is the command line"),
]
"""(library, its only importers, why)"""

NEVER = [
    ("rules.engines.reference", "rules.engines.rete", "the oracle must not lean on what it judges"),
    ("rules.engines.reference", "rules.engines.rete_child", "the oracle must not lean on what it judges"),
    ("rules.engines.reference", "rules.engines.columnar", "the oracle must not lean on what it judges"),
    ("rules.engines.reference", "rules.engines.verify", "the oracle must not lean on what it judges"),
    ("rules.engines.columnar", "rules.engines.reference", "shared code would share mistakes: agreement must mean something"),
    ("rules.engines.columnar", "rules.engines.rete", "shared code would share mistakes: agreement must mean something"),
    ("rules.engines.columnar", "rules.engines.verify", "shared code would share mistakes: agreement must mean something"),
    ("rules.engines.rete", "rules.engines.columnar", "each engine can be installed without the other"),
    ("rules.engines.rete", "rules.engines.verify", "verify uses the engines, not the other way round"),
]
"""(importer, what it may not import, why)"""

VOCABULARY = {"rules.facts", "rules.errors", "rules.units", "rules.source", "rules.told"}
"""What a record says, how mistakes and reasons are told, and how the YAML of any file of ours is read."""

OUTSIDE = ["flask", "ftplib", "http", "locale", "requests", "smtplib", "socket", "sqlite3", "ssl", "urllib", "zoneinfo"]
CLOCKS = {
    "date": {"today"},
    "datetime": {"now", "today", "utcnow"},
    "time": {"ctime", "gmtime", "localtime", "time", "time_ns"},
}
IMPURE = [*OUTSIDE, *(f"time.{name}" for name in CLOCKS["time"])]
WRITES = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rename", "rmdir", "symlink_to", "chmod"}


def within(name: str, package: str) -> bool:
    """Whether the module ``name`` is ``package`` or lies inside it."""
    return name == package or name.startswith(package + ".")


def offences(importer_of: str, allowed: set[str]) -> list[str]:
    """Imports of the library ``importer_of`` outside ``allowed``, as ``module:line``."""
    return [
        f"{module.name}:{line}"
        for module in modules()
        if not any(within(module.name, owner) for owner in allowed)
        for target, line in imports(module)
        if within(target, importer_of)
    ]


@pytest.mark.parametrize(("library", "owners", "why"), ONLY, ids=[row[0] for row in ONLY])
def test_a_library_stays_with_its_owner(library: str, owners: set[str], why: str) -> None:
    assert not offences(library, owners), f"only {sorted(owners)} may import {library}: {why}"


@pytest.mark.parametrize(("importer", "forbidden", "why"), NEVER, ids=[f"{a}-{b}" for a, b, _ in NEVER])
def test_engines_stay_apart(importer: str, forbidden: str, why: str) -> None:
    found = [f"{m.name}:{line}" for m in modules() if within(m.name, importer) for t, line in imports(m) if within(t, forbidden)]
    assert not found, f"{importer} may not import {forbidden}: {why}"


def test_adapters_know_only_the_vocabulary_of_the_rules() -> None:
    found = [
        f"{module.name}:{line} imports {target}"
        for module in modules()
        if within(module.name, "fhir_adapters")
        for target, line in imports(module)
        if within(target, "rules") and not any(within(target, allowed) for allowed in VOCABULARY)
    ]
    assert not found, "an adapter hands over events; what the rules make of them is not its business"


def test_packages_import_absolutely() -> None:
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not found, "one spelling for one module: searches and these tests rely on it"


def impurities(module: Module) -> Iterator[str]:
    """Places where a module reads a clock, opens a connection or writes a file."""
    for target, line in imports(module):
        if any(within(target, impure) for impure in IMPURE):
            yield f"{module.name}:{line} imports {target}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (what := impure_call(node)):
            yield f"{module.name}:{node.lineno} calls {what}"


def impure_call(node: ast.Call) -> str | None:
    """What an impure call does, or nothing."""
    if isinstance(node.func, ast.Name) and node.func.id == "open" and opens_for_writing(node):
        return "open for writing"
    if not isinstance(node.func, ast.Attribute):
        return None
    attribute, owner = node.func.attr, node.func.value
    owner_name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    if attribute in CLOCKS.get(owner_name, ()):
        return f"{owner_name}.{attribute}"
    if attribute == "open" and opens_for_writing(node, position=0):
        return "open for writing"
    return attribute if attribute in WRITES else None


def opens_for_writing(node: ast.Call, position: int = 1) -> bool:
    """Whether the mode of an ``open`` allows writing."""
    modes = [k.value for k in node.keywords if k.arg == "mode"] + node.args[position : position + 1]
    return any(isinstance(m, ast.Constant) and isinstance(m.value, str) and set(m.value) & set("wax+") for m in modes)


def test_rules_read_no_clock_and_touch_no_outside_world() -> None:
    found = [place for module in modules() if within(module.name, "rules") for place in impurities(module)]
    assert not found, "the same rules, facts and as_of must give the same answer anywhere, any day"


@pytest.mark.parametrize(
    "text",
    [
        "import socket",
        "from urllib.request import urlopen",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\ndate.today()",
        "import time\ntime.time()",
        "from time import time\ntime()",
        "open('x', 'w')",
        "from pathlib import Path\nPath('x').open('a')",
        "from pathlib import Path\nPath('x').write_text('y')",
    ],
)
def test_the_check_sees_each_kind_of_impurity(text: str) -> None:
    assert list(impurities(Module("rules.sample", Path("sample.py"), text)))


def test_the_check_lets_pure_code_pass() -> None:
    assert not list(impurities(Module("rules.sample", Path("sample.py"), "from datetime import date\ndate(2026, 1, 1)\nopen('x')")))


def test_the_three_packages_are_what_is_checked() -> None:
    assert {module.name.split(".")[0] for module in modules()} == set(PACKAGES)
