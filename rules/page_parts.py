"""Pieces of the pages about rules and measures, in Markdown: conditions as lists, facts as tables."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rules.arithmetic import Arithmetic, Constant, Expression, Reading
from rules.explain import short
from rules.findings import number
from rules.ir import ComputedFact, EventFact, Fact, Program
from rules.logic import All, Any, AtLeast, Condition, Group, Not, leaves
from rules.mutants import said
from rules.reads import Reads, reads

_MARKS: Final = re.compile(r"([\\`*_\[\]<|])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def plain(text: str) -> str:
    """What an author wrote, so that Markdown shows it as it stands, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


# ---------------------------------------------------------------- conditions


def bullets(program: Program, condition: Condition, depth: int) -> Iterator[str]:
    """A condition as nested lists."""
    indent = "  " * depth
    match condition:
        case Not(All() | Any() | AtLeast() as part):
            yield f"{indent}- not {_group(part)} of:"
            for each in part.parts:
                yield from bullets(program, each, depth + 1)
        case All(parts) | Any(parts) | AtLeast(parts) if parts:
            yield f"{indent}- {_group(condition)} of:"
            for each in parts:
                yield from bullets(program, each, depth + 1)
        case All() | Any() | AtLeast():
            yield f"{indent}- always"
        case _:
            yield f"{indent}- {plain(said(program, condition))}"


def _group(group: Group) -> str:
    match group:
        case AtLeast(number=number):
            return f"at least {number}"
        case All():
            return "all"
    return "any"


def derived_behind(program: Program, condition: Condition) -> Iterator[str]:
    """The derived facts that a condition rests on, each once, in the order met."""
    waiting, seen = [condition], set[str]()
    while waiting:
        for leaf in leaves(waiting.pop(0)):
            if leaf.fact in program.conditions and leaf.fact not in seen:
                seen.add(leaf.fact)
                waiting.append(program.conditions[leaf.fact])
                yield leaf.fact


# ---------------------------------------------------------------- facts


def fact_tables(program: Program, names: Sequence[str]) -> Iterator[str]:
    """What facts take from the record, and how those that are computed are."""
    rows = [_row(program.by_name[name], line) for name in names for line in reads(program.by_name[name])]
    yield table(("fact", "is", "from", "codes", "when", "statuses that count"), rows)
    for fact in (program.by_name[name] for name in names):
        if isinstance(fact, ComputedFact):
            yield f"*{plain(short(fact.name))}* is computed{f', in {plain(fact.unit)}' if fact.unit else ''}:\n"
            for branch in fact.branches:
                when = said(program, branch.when)
                yield f"- {plain(_formula(branch.value))}{f' if {plain(when)}' if when else ''}"
            yield ""


def _row(fact: Fact, line: Reads) -> tuple[str, ...]:
    asks = plain(_asks(fact)) if isinstance(fact, EventFact) else ""
    return plain(line.fact), asks, line.what, _codes(line), line.window, ", ".join(line.statuses)


def _asks(fact: EventFact) -> str:
    """The aggregate with its unit, and the answers and tests that narrow it."""
    series = fact.series
    tests = [f"value {t.op} {number(t.number)}" for t in series.values] + [f"answer {a}" for a in sorted(series.answers or ())]
    tests += [f"with a given {test.role}" for test in series.tags]
    unit = fact.told_in
    return ", ".join([f"{fact.aggregate}{f' in {unit}' if unit else ''}", *tests])


def _codes(line: Reads) -> str:
    more = f" and {line.more_codes} more" if line.more_codes else ""
    return plain(", ".join(line.codes) + more)


def _formula(expression: Expression | str) -> str:
    match expression:
        case str(word):
            return word
        case Constant(value):
            return str(number(value))
        case Reading(fact):
            return short(fact)
        case Arithmetic("min" | "max" | "log" as function, left, right):
            return f"{function}({_formula(left)}, {_formula(right)})"
        case Arithmetic(op, left, right):
            return f"({_formula(left)} {op} {_formula(right)})"
