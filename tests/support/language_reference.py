"""``docs/reference/language.md`` from the specifications in ``tests/spec``: what it says is what the engines were seen to do.

From the top of the checkout: ``PYTHONPATH=tests python -m support.language_reference``.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Final

from support.spec import AS_OF, NOTHING, VOCABULARY, Case, Fetched

from rules import days, grammar
from rules.facts import TABLES, Event
from rules.findings import number
from rules.grammar import Shape
from rules.valuesets import SYSTEMS

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "language.md"
CHAPTERS: Final = {
    "answers": "Answers",
    "facts": "Facts",
    "time": "Time",
    "meaning": "Answers and units",
    "records": "What records are like",
    "rules": "Rules",
    "measures": "Measures",
}
"""Folder of ``tests/spec`` → title, in the order of the page."""
SHAPES: Final = (
    grammar.PACK,
    grammar.IMPORT,
    grammar.VOCABULARY,
    grammar.RULE,
    grammar.EVIDENCE,
    grammar.CITATION,
    grammar.EXPANSION,
    grammar.PUBLISHED,
    grammar.HIERARCHY,
    grammar.QUESTION,
    grammar.PATIENT_FACT,
    grammar.DERIVED_FACT,
    grammar.EVENT_FACT,
    grammar.RELATED,
    grammar.COMPUTED_FACT,
    grammar.TABLE_FACT,
    grammar.BRANCH,
    grammar.THEN,
    grammar.CARD,
    grammar.REFER,
    grammar.MEASURE,
    grammar.EPISODES,
    grammar.GROUP,
    grammar.EXAMPLES,
    grammar.CASE,
    grammar.MEASURE_CASE,
    grammar.MEMBER,
    Shape("event of an example, after its table and what it is", grammar.EVENT_DETAILS),
)
_INTRODUCTION: Final = f"""\
# The rule language

Generated from the specifications in `tests/spec`, each of which runs on every engine. Do not edit.

Unless an example says otherwise the day of evaluation is {AS_OF}, everything was read, and the person lives alone.
Every snippet may use these names:

```yaml
{VOCABULARY.rstrip()}
```
"""


@dataclass(slots=True)
class Recorder:
    """Takes the place of the runner: keeps what a specification says instead of checking it."""

    blocks: list["Block"] = field(default_factory=list)

    def __call__(self, snippet: str, *cases: Case, pack: str = "", library: str = "", fetched: Fetched = NOTHING) -> None:
        files = {"../library/pack.yaml (version 1.2.0)": library, "pack.yaml": pack}
        shared = "".join(f"# {name}\n{dedent(text).strip()}\n" for name, text in files.items() if text)
        told = "".join(f"# fetched: {name} has {' '.join(code.code for code in codes)}\n" for name, codes in fetched.items())
        self.blocks.append((dedent(snippet).strip(), cases, shared + told))


Block = tuple[str, tuple[Case, ...], str]
"""A snippet of a rule, its cases, and what stands around it: the pack, what it imports, what was fetched for it."""


def blocks(specifications: Path) -> Iterator[Block]:
    """Everything that the specifications say, in the order of the page."""
    for folder in CHAPTERS:
        for file in sorted((specifications / folder).glob("test_*.py")):
            for name, test in vars(_load(file)).items():
                if name.startswith("test_"):
                    recorder = Recorder()
                    test(recorder)
                    yield from recorder.blocks


def page(specifications: Path) -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for folder, title in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for file in sorted((specifications / folder).glob("test_*.py")):
            parts += _section(_load(file))
    parts.append("## Grammar\n")
    parts += [_shape(shape) for shape in SHAPES]
    parts += [_tables(), _systems()]
    return "\n".join(parts)


def _load(file: Path) -> ModuleType:
    described = importlib.util.spec_from_file_location(f"specification_{file.parent.name}_{file.stem}", file)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def _section(module: ModuleType) -> Iterator[str]:
    yield f"### {cleandoc(module.__doc__ or '')}\n"
    for name, test in vars(module).items():
        if name.startswith("test_"):
            yield from _paragraph(test)


def _paragraph(test: Callable[[Recorder], None]) -> Iterator[str]:
    text = cleandoc(test.__doc__ or "")
    reasons = [mark.kwargs["reason"] for mark in getattr(test, "pytestmark", ()) if mark.name == "xfail"]
    yield "".join([text, *(f"\n\n**Not so yet:** {reason}." for reason in reasons), "\n"])
    recorder = Recorder()
    test(recorder)
    for snippet, cases, around in recorder.blocks:
        rule = f"# the {'measure' if 'groups:' in snippet else 'rule'}\n" if around.startswith(("../", "# ../", "# pack.yaml")) else ""
        yield f"```yaml\n{around}{rule}{snippet}\n```\n"
        yield _table(
            "| | on record | answer |\n|---|---|---|", (f"| {_cell(c.name)} | {_cell(_record(c))} | {_cell(_answer(c))} |" for c in cases)
        )


# ---------------------------------------------------------------- records in words


def _record(case: Case) -> str:
    parts = [_event(e) for e in case.events]
    parts += [
        f"{key}: {'contradictory' if value is None else str(value).lower() if value is True else value}"
        for key, value in case.patient.items()
    ]
    for member in case.household or ():
        parts.append(f"another member: {'; '.join(map(_event, member)) or 'nothing'}")
    parts += ["household unknown"] if case.household is None else []
    parts += [f"not loaded: {', '.join(case.not_loaded)}"] if case.not_loaded else []
    parts += [f"as of {case.as_of}"] if case.as_of != AS_OF else []
    return "; ".join(parts)


def _answer(case: Case) -> str:
    """The answer, and what the facts are where that says more."""
    values = {name.rpartition("/")[2]: value for name, value in case.facts.items() if not isinstance(value, bool)}
    told = [
        f"`{name}` is {'unknown' if value is None else value if isinstance(value, str) else number(value)}"
        for name, value in values.items()
    ]
    return "; ".join([case.answer, *told])


def _event(event: Event) -> str:
    table = TABLES[event.table]
    status = "" if event.status == table.usual else f" ({event.status or 'no status'})"
    said = [_value(event), *(f"answer {a.code}" for a in event.answers), *(f"{role} {tag.code}" for role, tag in event.tags)]
    said += [*_moment(event), "not understood" if event.opaque else ""]
    codes = " + ".join(c.code for c in event.codes) or ("" if event.opaque else "without code")
    return ", ".join(part for part in [f"{table.singular} {codes}".strip() + status, *said] if part)


def _value(event: Event) -> str:
    return "" if event.value is None else f"{number(event.value)} {event.unit or '(no unit)'}"


def _moment(event: Event) -> Iterator[str]:
    yield (f"from {days.shown(event.start)}" if event.end and event.start else days.shown(event.start)) or "no date"
    if event.start and event.instant and event.instant != days.midnight(event.start.low):
        yield f"{(event.instant - days.midnight(event.start.low)) // 3_600_000_000}:00"
    if event.end:
        yield "ended, nobody knows when" if event.end.high == date.max else f"ended {days.shown(event.end)}"
    if event.issued is not None:
        yield f"issued {event.issued}"
    if event.updated is not None:
        yield f"updated {event.updated}"


# ---------------------------------------------------------------- grammar


def _shape(shape: Shape) -> str:
    rows = (f"| `{key.name}`{' (required)' if key.required else ''} | {_cell(key.help)} |" for key in shape.keys)
    return f"### Keys: {shape.title}\n\n" + _table("| key | |\n|---|---|", rows)


def _tables() -> str:
    rows = (
        f"| `{t.name}` | {', '.join(t.resource_types)} | {', '.join(sorted(t.counted))} | {', '.join(sorted(t.known - t.counted))} |"
        for t in TABLES.values()
    )
    return "### Tables of events, and their statuses\n\n" + _table(
        "| table | FHIR resources | counts by default | does not |\n|---|---|---|---|", rows
    )


def _systems() -> str:
    return "### Code systems\n\n" + _table("| name | URI |\n|---|---|", (f"| `{name}` | `{uri}` |" for name, uri in SYSTEMS.items()))


def _table(head: str, rows: Iterator[str]) -> str:
    return "\n".join([head, *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(ROOT / "tests" / "spec"), encoding="utf-8")
