"""Mutation testing of the rules core: ``make mutation`` changes one small thing at a time and counts the changes that no test notices.

cosmic-ray makes the mutants; `trial` (in the project's own environment) runs the chosen tests on each. Prints a table with a row for
each module, then every survivor. Survivors that cannot be told from the original are listed in ``equivalent.txt`` with the reason.

A mutant inside an annotation is left out: Python dies of most of them on import, which says nothing about the tests.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import Queue
from random import Random
from typing import Any, Final

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).parent
CORE: Final = (
    "rules/ir.py",
    "rules/logic.py",
    "rules/arithmetic.py",
    "rules/lowering/*.py",
    "rules/engines/reading.py",
    "rules/engines/reference.py",
    "rules/engines/matching.py",
    "rules/units.py",
    "rules/days.py",
)
GOAL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Mutant:
    """One module with one small thing changed."""

    path: str
    operator: str
    line: int
    source: str
    before: str
    after: str
    function: str
    """``path:line`` of the function it is in, as `trial` names it; empty for what runs on import."""

    @property
    def module(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def change(self) -> str:
        """The change as ``equivalent.txt`` writes it: independent of line numbers."""
        return f"{self.path}: {self.before} => {self.after}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant, and which test saw to it."""

    mutant: Mutant
    outcome: str
    by: str

    @property
    def row(self) -> dict[str, object]:
        """For a file of results."""
        own = self.mutant
        return {"outcome": self.outcome, "by": self.by, "operator": own.operator, "line": own.line, "change": own.change}


# ---------------------------------------------------------------- making mutants


def mutants(path: Path, sample: int, draws: Random) -> Iterator[Mutant]:
    """Mutants of a module, annotations apart: so many, or all if 0."""
    text = path.read_text(encoding="utf-8")
    silent, inside = annotations(text), functions(text)
    specs = [item.mutations[0] for item in _all_work_items([path], {})]
    telling = [s for s in specs if not any(start <= s.start_pos < end for start, end in silent)]
    print(f"{path.relative_to(ROOT)}: {min(sample or len(telling), len(telling))} of {len(telling)} mutants", flush=True)
    for spec in draws.sample(telling, sample) if 0 < sample < len(telling) else telling:
        source = mutate_code(text, get_operator(spec.operator_name)(**spec.operator_args), spec.occurrence)
        if source is not None and source != text:
            name, line = path.relative_to(ROOT).as_posix(), spec.start_pos[0]
            yield mutant(name, spec.operator_name, line, text, source, f"{name}:{inside[line]}" if line in inside else "")


def mutant(path: str, operator: str, line: int, text: str, source: str, function: str) -> Mutant:
    """A mutant with its change in two short texts."""
    changed = [row for row in unified_diff(text.splitlines(), source.splitlines(), n=0, lineterm="") if row[:3] not in ("---", "+++")]
    before, after = (" / ".join(" ".join(row[1:].split()) for row in changed if row[0] == sign) for sign in "-+")
    return Mutant(path, operator.removeprefix("core/"), line, source, before, after, function)


Place = tuple[int, int]


def annotations(text: str) -> list[tuple[Place, Place]]:
    """Where types are said: annotations of arguments, results and fields, and names for unions of types."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
    found += [n.value for n in ast.parse(text).body if isinstance(n, ast.Assign) and isinstance(n.value, ast.BinOp)]
    return [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in found if n is not None]


def functions(text: str) -> dict[int, int]:
    """Line → first line (decorators counted) of the innermost function whose body it is in."""
    found: dict[int, int] = {}
    for node in ast.walk(ast.parse(text)):  # outer functions first
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found.update(dict.fromkeys(range(node.body[0].lineno, (node.end_lineno or 0) + 1), first))
    return found


# ---------------------------------------------------------------- trying them


class Trial:
    """A process that tries one mutant after another."""

    def __init__(self, python: str) -> None:
        command = [python, "-P", str(HERE / "trial.py")]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def outcome(self, module: str = "", path: str = "", source: str = "", tests: Sequence[str] = ()) -> dict[str, Any]:
        """What became of a text tried as a module; without one, of the code as it is."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"module": module, "path": path, "source": source, "tests": tests}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def tried(chosen: list[Mutant], python: str, workers: int) -> Iterator[Result]:
    """The result of each mutant, in order."""
    free: Queue[Trial] = Queue()
    trials = [Trial(python) for _ in range(workers)]
    for trial in trials:
        free.put(trial)
    sound = trials[0].outcome()
    if sound["outcome"] != "survived":
        raise SystemExit(f"the chosen tests fail on the code as it is: {sound['by']}")

    def one(mutant: Mutant) -> Result:
        tests = sound["calls"].get(mutant.function, []) if mutant.function else []
        if mutant.function and not tests:
            return Result(mutant, "survived", "never called")
        trial = free.get()
        try:
            answer = trial.outcome(mutant.module, mutant.path, mutant.source, tests)
            return Result(mutant, answer["outcome"], answer["by"])
        finally:
            free.put(trial)

    with ThreadPoolExecutor(workers) as pool:
        for number, result in enumerate(pool.map(one, chosen), 1):
            if number % 100 == 0:
                print(f"{number} of {len(chosen)}", file=sys.stderr, flush=True)
            yield result
    for trial in trials:
        trial.close()


# ---------------------------------------------------------------- telling


def known_equivalents() -> dict[str, str]:
    """Change → why nobody could notice it, from ``equivalent.txt``: a line ``# reason``, then the changes it explains."""
    found: dict[str, str] = {}
    reason = ""
    for line in (HERE / "equivalent.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = line.removeprefix("# ")
        elif line:
            found[line] = reason
    return found


def table(results: list[Result], equivalent: dict[str, str]) -> Iterator[str]:
    """A row for each module and one for all; the score leaves out what is known to be equivalent, the raw score does not."""
    yield f"{'module':32}{'mutants':>9}{'killed':>9}{'survived':>10}{'equivalent':>12}{'score':>9}{'raw':>9}"
    for path in [*sorted({r.mutant.path for r in results}), ""]:
        own = [r for r in results if not path or r.mutant.path == path]
        counted = Counter("killed" if r.outcome != "survived" else "equal" if r.mutant.change in equivalent else "lived" for r in own)
        killed, lived, equal = counted["killed"], counted["lived"], counted["equal"]
        score, raw = killed / max(1, killed + lived), killed / len(own)
        yield f"{path or 'all':32}{len(own):9}{killed:9}{lived:10}{equal:12}{score:9.1%}{raw:9.1%}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=CORE, help="paths or patterns from the top of the checkout")
    parser.add_argument("--python", default=str(ROOT / ".venv/bin/python"), help="the Python that has the project's libraries")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=0, help="at most so many mutants of each module, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1895)
    parser.add_argument("--results", type=Path, help="also write each result there, as lines of JSON")
    parser.add_argument("--again", type=Path, help="try only those that survived in such a file")
    options = parser.parse_args()
    draws = Random(options.seed)
    paths = sorted(p for pattern in options.modules for p in ROOT.glob(pattern))
    chosen = [mutant for path in paths for mutant in mutants(path, options.sample, draws)]
    if options.again:
        rows = [json.loads(line) for line in options.again.read_text(encoding="utf-8").splitlines()]
        wanted = {row["change"] for row in rows if row["outcome"] == "survived"}
        chosen = [mutant for mutant in chosen if mutant.change in wanted]
    results = []
    with (options.results or Path(os.devnull)).open("w", encoding="utf-8") as file:
        for result in tried(chosen, options.python, options.workers):
            results.append(result)
            file.write(json.dumps(result.row) + "\n")
            file.flush()
    equivalent = known_equivalents()
    print("\n".join(table(results, equivalent)))
    lived = [r.mutant for r in results if r.outcome == "survived" and r.mutant.change not in equivalent]
    for mutant in lived:
        print(f"{mutant.path}:{mutant.line}: {mutant.operator}\n  - {mutant.before}\n  + {mutant.after}")
    return len(lived) > (1 - GOAL) * len(results)


if __name__ == "__main__":
    sys.exit(main())
