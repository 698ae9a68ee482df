"""Trying a draft: its mistakes, its examples, and whom it would reach. Pure work on a text; runs in a process of its own.

What comes out is plain data (`Trial`), which `plugin.playground.bench` carries to the web process as JSON.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from plugin.findings.catalogue import patient_facts
from plugin.playground.cohort import cohort
from plugin.playground.reach import Reach, reach
from rules.checks import lint
from rules.engines import engine
from rules.errors import Diagnostic, EngineError, RuleError
from rules.example_runs import CaseRun, run_cases, shown
from rules.pack import DRAFT, Pack, load_draft

MOST_WORDS: Final = 400
"""Characters of a message: a mistake can quote a line of any length."""
ENGINES: Final = ("reference", "durable", "columnar")


@dataclass(frozen=True, slots=True)
class Message:
    """A mistake, a warning, or an example that fails, with its place in the text."""

    line: int
    column: int
    severity: str
    code: str
    text: str
    hint: str = ""
    elsewhere: str = ""
    """The file of the pack that the message is about, if it is not the draft."""


@dataclass(frozen=True, slots=True)
class Example:
    """An example and what each engine says about it."""

    name: str
    line: int
    as_of: str
    expected: str
    answers: Mapping[str, str]
    """By engine."""
    as_expected: bool
    facts: Mapping[str, str]
    """What the facts behind the rule are, in words."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that is to be said about a draft."""

    loads: bool
    messages: tuple[Message, ...]
    title: str = ""
    examples: tuple[Example, ...] = ()
    engines: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Engines that could not answer, and why."""
    patient_facts: tuple[str, ...] = ()
    """The draft's facts about the patient (age, sex); the others are about events."""
    reach: Reach | None = None


def check(folder: Path, text: str) -> Trial:
    """The mistakes of a draft in the pack at ``folder``; if it loads, its warnings and its examples on the reference engine."""
    return _tried(folder, text, ("reference",))


def run(folder: Path, text: str, people: int, as_of: date) -> Trial:
    """As `check`, with the examples on every engine, and if the draft loads, its answers about so many made-up people."""
    trial = _tried(folder, text, ENGINES)
    return replace(trial, reach=reach(load_draft(folder, text), cohort(people, as_of), as_of)) if trial.loads else trial


def _tried(folder: Path, text: str, engines: Sequence[str]) -> Trial:
    try:
        pack = load_draft(folder, text)
        warnings = lint([pack], whole=False)
    except RuleError as error:
        return Trial(loads=False, messages=tuple(_message(each, folder) for each in error.diagnostics))
    runs, without = _on_engines(pack, engines)
    (rule,) = pack.document.rules
    return Trial(
        loads=True,
        messages=(*(_message(each, folder) for each in warnings), *_failures(runs)),
        title=rule.title,
        examples=tuple(_example(one) for one in zip(*runs.values(), strict=True)),
        engines=tuple(runs),
        without=tuple(without),
        patient_facts=tuple(sorted(patient_facts([pack])[rule.id.text])),
    )


def _message(found: Diagnostic, folder: Path) -> Message:
    """Places and texts without the folders of this machine."""
    base = f"{folder}/"
    place, own = found.span, found.span.path == DRAFT
    message, hint = (_brief(part.replace(base, "").replace(f"{DRAFT}:", "line ")) for part in (found.message, found.hint))
    if own:
        return Message(place.line, place.column, found.severity, found.code, message, hint)
    return Message(1, 1, found.severity, found.code, message, hint, str(place).removeprefix(base))


def _brief(text: str) -> str:
    return text if len(text) <= MOST_WORDS else text[:MOST_WORDS] + " …"


# ---------------------------------------------------------------- examples


def _on_engines(pack: Pack, names: Sequence[str]) -> tuple[dict[str, list[CaseRun]], list[str]]:
    runs: dict[str, list[CaseRun]] = {}
    without: list[str] = []
    for name in names:
        try:
            chosen = engine(name)
            try:
                runs[name] = run_cases(pack, chosen)
            finally:
                chosen.close()
        except EngineError as reason:
            without.append(f"{name}: {reason}")
    return runs, without


def _failures(runs: Mapping[str, Sequence[CaseRun]]) -> Iterator[Message]:
    """Each wrong example once; what only another engine says differently, too."""
    told: set[str] = set()
    for name, every in runs.items():
        for one in every:
            for message in one.messages():
                if (what := message.replace(name, "…")) not in told:
                    told.add(what)
                    yield Message(
                        one.case.span.line, one.case.span.column, "error", "", _brief(message.replace(", reference ", ", the rule "))
                    )


def _example(runs: Sequence[CaseRun]) -> Example:
    first = runs[0]
    return Example(
        name=first.case.name,
        line=first.case.span.line,
        as_of=first.case.as_of.isoformat(),
        expected=first.case.expect,
        answers={one.engine: one.answer for one in runs},
        as_expected=all(one.as_expected for one in runs),
        facts={name: shown(value) for name, value in first.facts.items()},
    )
