"""Specifications of the language: a piece of YAML, small records, and the answer that every engine must give.

``tests/spec`` runs them; `support.language_reference` prints them as the reference page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Final, Protocol

from rules import days
from rules.engines import Engine
from rules.episodes import memberships
from rules.facts import TABLES, Coding, DateRange, Event, Person, PersonRecord, Value
from rules.findings import ANSWERS
from rules.measure_runs import outcomes_shown
from rules.pack import Pack, load_packs
from rules.pins import EXPANSIONS, PINS_FILE, Definition, Pin, digest_of, expansion_file, pins_text
from rules.units import LOINC, canonical

AS_OF: Final = "2026-06-30"
YES, NO, UNKNOWN = "yes", "no", "unknown"

A1C: Final = Coding(LOINC, "4548-4")
PHQ9: Final = Coding(LOINC, "44261-6")
DIABETES: Final = Coding("http://snomed.info/sct", "44054006")
DIABETES_ICD: Final = Coding("http://hl7.org/fhir/sid/icd-10-cm", "E11.9")
HUNGER: Final = Coding(LOINC, "88122-7")
AT_RISK, NO_RISK, DECLINED = (Coding(LOINC, code) for code in ("LA28397-0", "LA28398-8", "LA15775-2"))
STRANGE: Final = Coding(LOINC, "LA32-8")

VOCABULARY: Final = """\
valuesets:
  HbA1c: {loinc: [4548-4]}
  PHQ-9 total: {loinc: [44261-6]}
  diabetes: {snomed: ["44054006"], icd10: [E11.9]}
questions:
  hunger:
    code: {loinc: [88122-7]}
    answers:
      at risk: {loinc: [LA28397-0]}
      no risk: {loinc: [LA28398-8]}
      declined: {loinc: [LA15775-2]}
"""
"""The names that every snippet may use."""

_BOILERPLATE: Final = """\
title: A specification
status: live
level: act
priority: 1
why: It shows what the language means.
evidence: {grade: expert opinion, citations: [{title: The reference, url: "https://example.org/"}]}
released: 2026-01-01
limitations: None.
then: {card: {summary: Look, indicator: info}}
examples: {as_of: 2026-01-01, cases: []}
"""
_MEASURE: Final = """\
measure: spec
title: A specification
why: It shows what the language means.
steward: Almoner maintainers
citations: [{title: The reference, url: "https://example.org/"}]
released: 2026-01-01
limitations: None.
improvement: higher is better
examples: {as_of: 2026-01-01, cases: []}
"""
_HEADER: Final = "pack: specification\nversion: 1.0.0\ntitle: Specifications\nowner: Almoner maintainers\n"
_LIBRARY: Final = "pack: library\nversion: 1.2.0\ntitle: Shared names\nowner: Almoner maintainers\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A small record and the answer."""

    name: str
    answer: str
    events: tuple[Event, ...] = ()
    patient: Mapping[str, object] = field(default_factory=dict)
    household: tuple[tuple[Event, ...], ...] | None = ()
    """The events of each other member; ``None``: nobody knows who lives there."""
    not_loaded: tuple[str, ...] = ()
    as_of: str = AS_OF
    facts: Mapping[str, Value] = field(default_factory=dict)
    """Expected values of facts, by their names inside the program."""


Fetched = Mapping[Definition, Sequence[Coding]]
"""What a terminology server said: the expansions that the pack holds."""
NOTHING: Final[Fetched] = {}


class Spec(Protocol):
    """What a specification calls: a snippet of a rule, the cases, and perhaps what the pack around it and ``../library`` say."""

    def __call__(self, snippet: str, *cases: Case, pack: str = "", library: str = "", fetched: Fetched = NOTHING) -> None:
        """Check the cases, or print them."""


def case(name: str, answer: str, *events: Event, **details: object) -> Case:
    """A case from its events; ``details`` are the other fields of `Case`."""
    return replace(Case(name, answer, events), **details)  # type: ignore[arg-type]


# ---------------------------------------------------------------- events


def event(table: str, code: Coding | None, on: str | None, status: str | None = "", *, hour: int = 0, **details: object) -> Event:
    """An event of a table; ``on`` may be partial; the usual status if none is given."""
    start = None if on is None else days.partial(on) if on.count(" to ") == 0 else DateRange(*map(date.fromisoformat, on.split(" to ")))
    made = Event(
        table=table,
        source=f"{TABLES[table].resource_types[0]}/1",
        codes=() if code is None else (code,),
        status=TABLES[table].usual if status == "" else status,
        start=start,
        instant=None if start is None else days.midnight(start.low) + hour * 3_600_000_000,
    )
    return replace(made, **details)  # type: ignore[arg-type]


def measured(
    value: float | None, unit: str | None = "%", on: str | None = "2026-06-01", status: str | None = "", **details: object
) -> Event:
    """An observation with a number: an HbA1c unless told otherwise."""
    code = details.pop("code", A1C)
    assert isinstance(code, Coding)
    return event("observations", code, on, status, value=value, unit=canonical(unit), **details)  # type: ignore[arg-type]


def answered(*answers: Coding, on: str | None = "2026-06-01", status: str | None = "", **details: object) -> Event:
    """An answer to the question about hunger."""
    return event("observations", HUNGER, on, status, answers=answers, **details)  # type: ignore[arg-type]


def diagnosed(on: str | None = "2026-01-05", status: str | None = "", code: Coding = DIABETES, **details: object) -> Event:
    """A condition: diabetes unless told otherwise."""
    return event("conditions", code, on, status, **details)  # type: ignore[arg-type]


# ---------------------------------------------------------------- checking


def write_pack(folder: Path, snippet: str, pack: str = "", library: str = "", fetched: Fetched = NOTHING) -> Path:
    """A pack on disk whose one rule is the snippet; beside it the library that it imports, inside it what was fetched."""
    folder.mkdir(exist_ok=True)
    if library:
        (folder.parent / "library").mkdir(exist_ok=True)
        (folder.parent / "library" / "pack.yaml").write_text(_LIBRARY + dedent(library), encoding="utf-8")
    if fetched:
        write_expansions(folder, fetched)
    return write_rules(folder, {"spec": snippet}, pack)


def write_rules(folder: Path, snippets: Mapping[str, str], pack: str = "") -> Path:
    """A pack on disk with a rule for each snippet, by its id."""
    return _write(folder, "rules", {name: f"rule: {name}\n{_BOILERPLATE}{dedent(snippet)}" for name, snippet in snippets.items()}, pack)


def write_measure(folder: Path, snippet: str, pack: str = "") -> Path:
    """A pack on disk whose one measure is the snippet."""
    return _write(folder, "measures", {"spec": _MEASURE + dedent(snippet)}, pack)


def _write(folder: Path, kind: str, texts: Mapping[str, str], pack: str) -> Path:
    folder.mkdir(exist_ok=True)
    for part in ("valuesets", kind):
        (folder / part).mkdir(exist_ok=True)
    (folder / "pack.yaml").write_text(_HEADER + dedent(pack), encoding="utf-8")
    (folder / "valuesets" / "common.yaml").write_text(VOCABULARY, encoding="utf-8")
    for name, text in texts.items():
        (folder / kind / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def write_expansions(folder: Path, fetched: Fetched) -> None:
    """The expansions as ``almoner pack expand`` would leave them."""
    pins = {}
    for definition, codes in fetched.items():
        file = expansion_file(folder, definition)
        file.parent.mkdir(parents=True, exist_ok=True)
        contains = [code._asdict() for code in codes]
        file.write_text(json.dumps({"resourceType": "ValueSet", "expansion": {"contains": contains}}), encoding="utf-8")
        pins[definition.slug] = Pin(str(definition), definition.version or "", len(codes), digest_of(codes), "2026-01-01")
    (folder / EXPANSIONS / PINS_FILE).write_text(pins_text(pins), encoding="utf-8")


def check(engine: Engine, folder: Path, cases: Sequence[Case]) -> None:
    """Whether the engine gives every expected answer and fact; all that is wrong is told at once."""
    (loaded,) = load_packs(folder)
    wrong = [text for day in sorted({c.as_of for c in cases}) for text in _wrong(engine, loaded, day, [c for c in cases if c.as_of == day])]
    assert not wrong, "\n".join(wrong)


def _wrong(engine: Engine, pack: Pack, day: str, cases: Sequence[Case]) -> list[str]:
    records = [record_of(number, c) for number, c in enumerate(cases)]
    found = []
    for expected, got in zip(cases, engine.evaluate(pack.program, records, date.fromisoformat(day)), strict=True):
        answer = ANSWERS[got.answers["spec"]]
        if answer != expected.answer:
            found.append(f"{expected.name}: expected {expected.answer}, {engine.name} says {answer}; facts {dict(got.facts)}")
        values = {**got.facts, **got.answers}
        found += [f"{expected.name}: {n} is {values[n]!r}, not {v!r}" for n, v in expected.facts.items() if values[n] != v]
    return found


def check_measure(engine: Engine, folder: Path, snippet: str, cases: Sequence[Case], pack: str = "") -> None:
    """As `check`, for a measure. The answer is the outcome; by group, if there are several; one for each episode, in brackets.

    ``facts`` are the expected strata.
    """
    (loaded,) = load_packs(write_measure(folder, snippet, pack))
    (measure,) = loaded.measures
    wrong = []
    for number, expected in enumerate(cases):
        found = list(memberships(measure, [record_of(number, expected)], date.fromisoformat(expected.as_of), engine))
        answer = outcomes_shown(member.outcomes for member in found)
        if answer != expected.answer:
            wrong.append(f"{expected.name}: expected {expected.answer}, {engine.name} says {answer}")
        strata = [dict(member.strata) for member in found if expected.facts]
        wrong += [f"{expected.name}: strata {each}" for each in strata if each != dict(expected.facts)]
    assert not wrong, "\n".join(wrong)


def record_of(number: int, case: Case) -> PersonRecord:
    """The person of a case."""
    person = Person(id=f"p{number}", household=f"home {number}", deceased=False)
    others = [
        PersonRecord(replace(person, id=f"p{number}-{i}"), _own(f"{number}-{i}", e), frozenset())
        for i, e in enumerate(case.household or ())
    ]
    missing = frozenset(case.not_loaded) | (frozenset({"household"}) if case.household is None else frozenset())
    return PersonRecord(_with(person, case.patient), _own(str(number), case.events), missing, tuple(others))


def _own(owner: str, events: Sequence[Event]) -> tuple[Event, ...]:
    """The events with ids of their own: the later in the list, the greater the id."""
    return tuple(replace(e, source=f"{e.source.partition('/')[0]}/{owner}-{i}") for i, e in enumerate(events))


def _with(person: Person, attributes: Mapping[str, object]) -> Person:
    read = {k: days.partial(v) if k in ("birth", "died") and isinstance(v, str) else v for k, v in attributes.items()}
    return replace(person, **read)  # type: ignore[arg-type]
