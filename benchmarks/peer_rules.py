"""Fifty rules that others can say as well: as a pack, and as CQL in the spelling that each peer reads.

Five shapes, such as quality measures are made of, each with ten windows and limits: a value at or above a limit, the latest value, a
number of visits, a diagnosis without a screening, an age with a sex and a diagnosis. They say *yes* of the same people in two-valued
logic, of what `benchmarks.peer_data.plain` leaves; the CQL asks for neither status nor unit, which the rules do, so a peer has less to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

AS_OF: Final = date(2026, 6, 30)
_SHAPES: Final = 5
_CODES: Final = {
    "bmi": ("LOINC", "39156-5", "kg/m2", 24),
    "phq9": ("LOINC", "44261-6", "{score}", 5),
    "hba1c": ("LOINC", "4548-4", "%", 6),
    "check-up": ("SNOMED", "185349003", "", 0),
    "asthma": ("SNOMED", "195967001", "", 0),
    "copd": ("SNOMED", "13645005", "", 0),
    "diabetes": ("SNOMED", "44054006", "", 0),
}
"""Code system, code, unit, and a limit that some reach."""
_MEASURED: Final = ("bmi", "phq9", "hba1c")
_ILL: Final = ("asthma", "copd", "diabetes")
UNITS: Final = {code: unit for _, code, unit, _ in _CODES.values() if unit}
"""Code → the unit in which it is measured."""
_SYSTEMS: Final = {"LOINC": "http://loinc.org", "SNOMED": "http://snomed.info/sct"}

_PACK: Final = """\
pack: peer-rules
version: 1.0.0
title: Rules that others can say as well
owner: Almoner maintainers
facts:
  age: {patient: age}
  sex: {patient: sex}
"""
_RULE: Final = """\
rule: %s
title: A rule that others can say
status: live
level: act
priority: 1
why: It shows that two programs agree.
evidence: {grade: expert opinion, citations: [{title: The language reference, url: "https://example.org/"}]}
released: 2026-01-01
limitations: None.
then: {card: {summary: Look, indicator: info}}
examples: {as_of: 2026-01-01, cases: []}
"""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one peer wants to be asked for what choice types and primitives hold."""

    at: str
    """When an Observation was made, of ``O``."""
    started: str
    """When an Encounter began, of ``E``."""
    number: str
    """The number of an Observation's quantity, of ``O``."""
    latest: str
    """The number of the latest of ``{found}``."""
    sex: str
    birth: str


CQL_EXECUTION: Final = Spelling(
    at="date from (O.effective as FHIR.dateTime).value",
    started='date from E.period."start".value',
    number="(O.value as FHIR.Quantity).value.value",
    latest="Last({found} O return Tuple {{ at: (O.effective as FHIR.dateTime).value, number: (O.value as FHIR.Quantity).value.value }}"
    " sort by at).number",
    sex="Patient.gender.value",
    birth="Patient.birthDate.value",
)
FHIR4DS: Final = Spelling(
    at="(O.effective as FHIR.dateTime)",
    started="start of E.period",
    number="(O.value as FHIR.Quantity).value",
    latest="(Last({found} O sort by (effective as FHIR.dateTime)).value as FHIR.Quantity).value",
    sex="Patient.gender",
    birth="Patient.birthDate",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``text`` is what its file says beyond the frame of all."""

    name: str
    text: str
    cql: str


def rules(count: int, spelling: Spelling) -> Iterator[Rule]:
    """So many rules, of all shapes in turn."""
    for number in range(count):
        text, cql = (_value, _latest, _visits, _unscreened, _person)[number % _SHAPES](number // _SHAPES, spelling)
        yield Rule(f"rule-{number}", text, cql)


def write_plain_pack(folder: Path, count: int) -> Path:
    """The rules as a pack in ``folder``."""
    (folder / "rules").mkdir(parents=True)
    (folder / "pack.yaml").write_text(_PACK, encoding="utf-8")
    for rule in rules(count, FHIR4DS):
        (folder / "rules" / f"{rule.name}.yaml").write_text(_RULE % rule.name + rule.text, encoding="utf-8")
    return folder


def library(count: int, spelling: Spelling) -> str:
    """The rules as one CQL library."""
    lines = ["library Peers version '1.0.0'", "using FHIR version '4.0.1'"]
    lines += [f"codesystem \"{name}\": '{url}'" for name, url in _SYSTEMS.items()]
    lines += [f'code "{name}": \'{code}\' from "{system}"' for name, (system, code, _, _) in _CODES.items()]
    lines += ["context Patient", *(f'define "{rule.name}":\n  {rule.cql}' for rule in rules(count, spelling))]
    return "\n\n".join(lines) + "\n"


def _value(step: int, spelling: Spelling) -> tuple[str, str]:
    name, first = _MEASURED[step % 3], _first(step)
    _, _, unit, least = _CODES[name]
    limit = least + step
    fact = f'{{exists: observations, code: {_yaml(name)}, unit: "{unit}", where: value >= {limit}, during: {first} to {AS_OF}}}'
    cql = f'exists ([Observation: "{name}"] O where {_within(spelling.at, first)} and {spelling.number} >= {limit})'
    return f"facts: {{seen: {fact}}}\nwhen: seen\n", cql


def _latest(step: int, spelling: Spelling) -> tuple[str, str]:
    name, first = _MEASURED[step % 3], _first(step)
    _, _, unit, least = _CODES[name]
    limit = least + step
    fact = f'{{latest: observations, code: {_yaml(name)}, unit: "{unit}", during: {first} to {AS_OF}}}'
    found = f'([Observation: "{name}"] O where {_within(spelling.at, first)})'
    return f"facts: {{last: {fact}}}\nwhen: last >= {limit}\n", f"{spelling.latest.format(found=found)} >= {limit}"


def _visits(step: int, spelling: Spelling) -> tuple[str, str]:
    first, least = _first(step), 1 + step % 3
    fact = f"{{count: encounters, code: {_yaml('check-up')}, during: {first} to {AS_OF}}}"
    cql = f'Count([Encounter: "check-up"] E where {_within(spelling.started, first)}) >= {least}'
    return f"facts: {{visits: {fact}}}\nwhen: visits >= {least}\n", cql


def _unscreened(step: int, spelling: Spelling) -> tuple[str, str]:
    first, ill, name = _first(step), _ILL[step % 3], _MEASURED[(step + 1) % 3]
    diagnosed = f"{{exists: conditions, code: {_yaml(ill)}}}"
    screened = f"{{exists: observations, code: {_yaml(name)}, during: {first} to {AS_OF}}}"
    text = f"facts:\n  diagnosed: {diagnosed}\n  screened: {screened}\nwhen: {{all: [diagnosed, {{not: screened}}]}}\n"
    return text, f'exists [Condition: "{ill}"] and not exists ([Observation: "{name}"] O where {_within(spelling.at, first)})'


def _person(step: int, spelling: Spelling) -> tuple[str, str]:
    age, sex, ill = 20 + 5 * step, ("female", "male")[step % 2], _ILL[step % 3]
    text = f"facts: {{diagnosed: {{exists: conditions, code: {_yaml(ill)}}}}}\n"
    text += f"when: {{all: [age >= {age}, sex is {sex}, {{not: diagnosed}}]}}\n"
    born = f"@{AS_OF.replace(year=AS_OF.year - age)}"
    return text, f"{spelling.birth} <= {born} and {spelling.sex} = '{sex}' and not exists [Condition: \"{ill}\"]"


def _first(step: int) -> date:
    return AS_OF - timedelta(days=180 + 60 * step)


def _within(moment: str, first: date) -> str:
    return f"{moment} >= @{first} and {moment} < @{AS_OF + timedelta(days=1)}"


def _yaml(name: str) -> str:
    system, code, _, _ = _CODES[name]
    return f'{{{system.lower()}: ["{code}"]}}'
