"""Tries mutants: reads each as a line of JSON, forks, runs the chosen tests on it, answers with a line of JSON.

No file changes. pytest and the libraries are imported once; a fork imports the project anew, with the text of one module replaced.

In: ``{"module": "rules.days", "path": "rules/days.py", "source": "…", "tests": []}`` (no tests: all of them); out:
``{"outcome": "killed", "by": "tests/…::test_before"}``. A mutant that needs more processor time than `CPU_SECONDS` (the tests need
two or three seconds) is stopped: ``timeout``. Without a module the code is tried as it is, and ``calls`` say which functions of the
core each test calls: ``{"rules/days.py:26": ["tests/…::test_before"]}``.
"""

import argparse
import importlib.abc
import importlib.util
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import hypothesis
import pytest
import yaml  # noqa: F401 - imported once for all forks, as the two above

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
TESTS: Final = (
    "tests/unit/rules/test_days.py",
    "tests/unit/rules/test_units.py",
    "tests/unit/rules/test_ir.py",
    "tests/unit/rules/test_logic.py",
    "tests/unit/rules/test_reading.py",
    "tests/unit/rules/test_reduction.py",
    "tests/spec",
    "tests/unit/rules/test_hostile_rule_files.py",
    "tests/unit/rules/test_lowering.py",
    "tests/unit/rules/test_language_gaps.py",
)
"""The tests that must notice: the specification and the units' own. No comparison of engines: they share the code that is mutated."""
LEFT_OUT: Final = "test_constructs or test_language_reference or test_any or test_no_plan"
"""Pages, and random texts: slow, and not what should notice."""
CPU_SECONDS: Final = 12
MEMORY: Final = 4 << 30

hypothesis.settings.register_profile(
    "mutation",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # a mutant is dead at the first sight: nothing to shrink
)


class Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a text instead of its file."""

    def __init__(self, module: str, path: str, source: str) -> None:
        self.module, self.path, self.source = module, path, source

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self, origin=self.path) if fullname == self.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.path, "exec"), module.__dict__)  # noqa: S102 - a mutant of our own code


class Watch:
    """A pytest plugin that runs the wanted tests (all if none), and remembers which failed first and what each called."""

    def __init__(self, wanted: Sequence[str], record: bool) -> None:
        self.wanted = frozenset(wanted)
        self.record = record
        self.by = ""
        self.calls: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.wanted:
            items[:] = [item for item in items if item.nodeid in self.wanted]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        called: set[tuple[str, int]] = set()
        if self.record:
            sys.setprofile(lambda frame, event, _: called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno)))
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            for path, line in called:
                if path.startswith(f"{ROOT}/rules/"):
                    self.calls.setdefault(f"{path.removeprefix(f'{ROOT}/')}:{line}", []).append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.by:
            self.by = f"{report.nodeid} (cannot be collected)"


def run_tests(watch: Watch, scratch: str) -> int:
    """pytest's exit code."""
    files = {nodeid.partition("::")[0] for nodeid in watch.wanted}
    chosen = sorted(files) or [name for name in TESTS if (ROOT / name).exists()]
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={scratch}", "--hypothesis-profile=mutation", "-k", f"not ({LEFT_OUT})"]
    return int(pytest.main([*chosen, *options, "-m", "not slow", "-W", "ignore::pytest.PytestAssertRewriteWarning"], plugins=[watch]))


def child(request: dict[str, Any], scratch: str, seconds: int) -> dict[str, Any]:
    """In the fork: replace the module, run the tests; the answer."""
    if request["module"]:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    silence = os.open(os.devnull, os.O_RDWR)
    for channel in (0, 1, 2):
        os.dup2(silence, channel)
    if request["module"]:
        sys.meta_path.insert(0, Replaced(request["module"], request["path"], request["source"]))
    watch = Watch(request["tests"], record=not request["module"])
    code = run_tests(watch, scratch)
    return {"outcome": "killed" if code else "survived", "by": watch.by or f"exit code {code}", "calls": watch.calls}


def trial(request: dict[str, Any], scratch: str, seconds: int) -> dict[str, Any]:
    """The outcome for one mutant."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(theirs, "w") as answer:
            try:
                json.dump(child(request, scratch, seconds), answer)
            except BaseException as error:  # whatever it is, the mutant is dead
                json.dump({"outcome": "killed", "by": type(error).__name__}, answer)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    found: dict[str, Any] = json.loads(text) if text else {"outcome": "timeout", "by": ""}
    return found


def main() -> None:
    """Serve until the end of standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=CPU_SECONDS)
    seconds = parser.parse_args().seconds
    os.chdir(ROOT)
    os.environ["ALMONER_ENGINES"] = "reference"
    with tempfile.TemporaryDirectory() as scratch:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(trial(json.loads(line), f"{scratch}/tests", seconds)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
