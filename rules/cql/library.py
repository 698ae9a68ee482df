"""A program as one CQL library, complete in itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rules.cql.conditions import computed_text, condition_text
from rules.cql.facts import Define, event_defines
from rules.cql.person import patient_text
from rules.cql.terms import Names, Terms, joined
from rules.cql.text import CannotSay, identifier, literal
from rules.errors import ExportGap, Gap
from rules.ir import ComputedFact, EventFact, Fact, PatientFact, Program, rests_on
from rules.units import SPELLINGS

_HERE: Final = Path(__file__).parent
_RESERVED: Final = frozenset({"As Of", "Not Loaded", "Patient"})
_PARAMETERS: Final = """\
// The day for which everything is asked. Nothing here reads a clock.
parameter "As Of" Date

// Names of event tables (observations, conditions …) that could not be read whole: what is not found there is then unknown.
parameter "Not Loaded" List<String>

context Patient

define "as of: day":
  Interval["As Of", "As Of"]

define "tables: not loaded":
  if "Not Loaded" is not null then "Not Loaded" else List<String>{}"""


def library_text(program: Program, name: str, version: str, names: Names) -> str:
    """The library called ``name``: an expression with the name of each fact, derived fact and rule.

    A yes/no expression is true, false or null; a number is a Decimal in the fact's unit; a word is a String. ``names`` says what the
    pack calls its sets of codes.

    Raises:
        ExportGap: with everything that CQL cannot say faithfully.
    """
    terms = Terms(names)
    defines = list(_defines(program, terms))
    return joined(
        [
            f"library {identifier(name)} version {literal(version)}",
            "",
            "using FHIR version '4.0.1'",
            "",
            *terms.declarations(),
            "",
            _PARAMETERS,
            "",
            "// ---------------------------------------------------------------- sets of codes",
            "",
            *terms.defines(),
            "",
            _static("prelude"),
            _unit_names(),
            "",
            _static("person"),
            *_tables(program),
            "// ---------------------------------------------------------------- facts and rules",
            "",
            "\n\n".join(map(str, defines)),
        ]
    )


def _static(name: str) -> str:
    return (_HERE / f"{name}.cql").read_text(encoding="utf-8")


def _tables(program: Program) -> Iterator[str]:
    tables = sorted({table for series in program.series() for table in series.tables})
    for table in tables:
        yield f"// ---------------------------------------------------------------- {table}\n"
        yield _static(f"tables/{table}")


def _unit_names() -> str:
    lines = [f"    when {literal(spelling)} then {literal(unit)}" for spelling, unit in SPELLINGS.items()]
    return joined(
        [
            "// One spelling for each unit. Units are never converted by a general library, only by the tables of the facts below.",
            "define function UnitName(written System.String):",
            "  case Lower(TextOf(written))",
            *lines,
            "    when '' then null",
            "    else TextOf(written)",
            "  end",
        ]
    ).rstrip("\n")


def _defines(program: Program, terms: Terms) -> Iterator[Define]:
    gaps: list[Gap] = []
    for fact in program.facts:
        try:
            yield from _fact_defines(fact, program, terms)
        except CannotSay as reason:
            gaps.append(Gap(fact.name, str(reason)))
    for derived in program.derived:
        try:
            yield Define(_name(derived.name), condition_text(derived.condition))
        except CannotSay as reason:
            gaps.append(Gap(derived.name, str(reason)))
    if gaps:
        raise ExportGap(gaps)


def _name(name: str) -> str:
    if name in _RESERVED:
        raise CannotSay(f"the name '{name}': the library uses it for itself")
    return name


def _fact_defines(fact: Fact, program: Program, terms: Terms) -> Iterator[Define]:
    _name(fact.name)
    if twin := program.twins.get(fact.name):
        yield Define(fact.name, identifier(twin))
        if fact.name in _anchors(program):
            yield Define(f"{fact.name}: day", identifier(f"{twin}: day"))
        return
    match fact:
        case PatientFact():
            yield Define(fact.name, patient_text(fact))
            if fact.attribute == "birth":
                yield Define(f"{fact.name}: day", '"person: birth"')
        case ComputedFact():
            yield Define(fact.name, computed_text(fact))
        case EventFact():
            yield from event_defines(fact, terms)


def _anchors(program: Program) -> frozenset[str]:
    """The facts whose day others count from."""
    return frozenset(anchor for f in program.facts if not isinstance(f, ComputedFact) for anchor in rests_on(f))
