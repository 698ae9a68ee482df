"""Any bytes, taken for a rule file, a condition or a calculation: nothing but a `RuleError` may come out, and what loads must run.

Shared by the fuzzer (``tests/robustness/fuzz.py``) and by the tests that replay its seeds and finds.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from rules import document as doc
from rules.engines.reference import ReferenceEngine, reduce_facts
from rules.engines.stages import stages
from rules.errors import RuleError
from rules.explain import explain
from rules.facts import Person, PersonRecord
from rules.fingerprint import fingerprint
from rules.ir import Program
from rules.pack import BUILT_IN, Pack, _compile, _standalone
from rules.parse import parse_pack, parse_rule, parse_vocabulary
from rules.parse.fields import Problems
from rules.source import read, read_file

TESTS: Final = Path(__file__).resolve().parents[1]
MISTAKES: Final = TESTS / "unit/rules/mistakes"
RULE: Final = (MISTAKES / "rule.yaml").read_text(encoding="utf-8")
"""A rule without a mistake."""
AS_OF: Final = date(2026, 6, 30)
NOBODY: Final = PersonRecord(Person("nobody"), (), frozenset())

_CONDITION: Final = "    - hba1c > 9 %\n"
_FACT: Final = "  gap: {time since latest: procedures, in: months}\n"


def exercise(data: bytes) -> bool:
    """Take ``data`` for what its first letter says: P a rule of the shipped pack, C a condition, E a calculation, else a rule on its own.

    Returns: whether it loaded.

    Raises:
        Exception: anything but a `RuleError` while it loads, and anything at all afterwards, is a defect.
    """
    try:
        pack = _pack(data[:1], data[1:])
    except RuleError:
        return False
    run(pack.program)
    return True


def run(program: Program) -> None:
    """Fingerprint every rule, compile for durable_rules, evaluate about a person of whom nothing is known, and explain."""
    for rule in program.rules:
        fingerprint(program, rule)
        program.only((rule,))
    stages(program)
    (found,) = ReferenceEngine().evaluate(program, [NOBODY], AS_OF)
    assert set(found.answers) >= set(program.rules)
    results, known = reduce_facts(program, NOBODY, AS_OF), {**found.facts, **found.answers}
    for rule in program.rules:
        explain(program, rule, NOBODY, results, known)


def _quoted(data: bytes) -> str:
    return json.dumps(data.decode("utf-8", "replace"))


@cache
def _shared() -> doc.Pack:
    """The header and the shared names of the pack that comes with the product, without its rules."""
    folder = next(BUILT_IN.glob("*/pack.yaml")).parent
    problems = Problems()
    vocabularies = [parse_vocabulary(read_file(f), problems) for f in sorted((folder / "valuesets").glob("*.yaml"))]
    pack = parse_pack(read_file(folder / "pack.yaml"), problems)
    return replace(pack, vocabulary=sum(vocabularies, pack.vocabulary))


def _pack(kind: bytes, data: bytes) -> Pack:
    if kind == b"C":
        data = RULE.replace(_CONDITION, f"    - {_quoted(data)}\n").encode()
    if kind == b"E":
        data = RULE.replace(_FACT, f"{_FACT}  made:\n    value: {_quoted(data)}\n    round: 2\n").encode()
    problems = Problems()
    rule = parse_rule(read(data), problems)
    if problems.found:
        raise RuleError(problems.found)
    around = _shared() if kind == b"P" else _standalone()
    return _compile(replace(around, rules=(rule,)), BUILT_IN)


# ---------------------------------------------------------------- seeds


def seeds() -> Iterator[bytes]:
    """The shipped rules, the rule without a mistake and each with one, and lines of both kinds."""
    for file in sorted(BUILT_IN.glob("*/rules/*.yaml")):
        yield b"P" + file.read_bytes()
    yield b"F" + RULE.encode()
    for file in sorted(MISTAKES.glob("*.txt")):
        for block in file.read_text(encoding="utf-8").rstrip().split("\n\n"):
            old, new = ("\n".join(line[2:] for line in block.split("\n")[1:] if line[0] == sign) for sign in "-+")
            yield b"F" + RULE.replace(old, new.encode("ascii").decode("unicode_escape"), 1).encode("utf-8", "surrogatepass")
    yield from (b"C" + line for line in CONDITIONS)
    yield from (b"E" + line for line in CALCULATIONS)


CONDITIONS: Final = (
    b"has diabetes",
    b"hba1c > 9 %",
    b"hba1c between 7 and 9.5 %",
    b"food is not at risk",
    b"gap >= 12 months",
    b"age < 65 years",
    b"hba1c is unknown",
    b"sex is female",
)
CALCULATIONS: Final = (
    b"(hba1c - gap) / hba1c * 100",
    b"min(hba1c, max(gap, 0.5))",
    b"141 * min(gap / 0.9, 1) ^ 0.411",
    b"1 + 2 - 3 * 4 / 5",
)
