"""Questionnaires: what each question of a form is about, so that the answers of a response can be understood."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from fhir_adapters.codes import read_coding
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Coding, Event
from rules.units import canonical

_SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
_EXTRACT: Final = f"{_SDC}sdc-questionnaire-observationExtract"
_CATEGORY: Final = f"{_SDC}sdc-questionnaire-observation-extract-category"
_UNIT: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
_NO_UNIT: Final = "1"
_ANSWER: Final = re.compile(r"\.answer\[\d+\]$", re.ASCII)
_AGAIN: Final = re.compile(r"\]\[\d+\]$", re.ASCII)
_PARTS: Final = frozenset({"component", "member"})


class Question(NamedTuple):
    """One item of a form."""

    link: str
    codes: tuple[Coding, ...]
    """What it is about (``item.code``)."""
    coded: tuple[Json, ...]
    """The same as written, with displays."""
    type: str
    unit: Json | None
    """The Coding of the unit in which numbers are answered."""
    extract: str | None
    """``observation``, ``component`` or ``member`` if an Observation is to be made of its answer (SDC); else ``None``."""
    category: tuple[Json, ...]
    """The categories of that Observation."""


@dataclass(frozen=True, slots=True)
class Form:
    """A Questionnaire: its canonical URL, its version if it has one, and its items by link id."""

    url: str
    version: str
    questions: dict[str, Question] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What a response may call it."""
        return (self.url, f"{self.url}|{self.version}") if self.version else (self.url,)

    @property
    def coded(self) -> bool:
        """Whether it says of any item what it is about."""
        return any(question.codes for question in self.questions.values())


def read_form(resource: Json, reading: Reading) -> Form | None:
    """The form; ``None`` if it has no canonical URL: then no response can name it."""
    url, version = resource.get("url"), resource.get("version")
    if not isinstance(url, str) or not url.strip():
        return None
    top = _Inherited(_extract(resource, None), _categories(resource, ()))
    questions = {question.link: question for question in _questions(resource.get("item"), top, reading)}
    return Form(url.strip(), version.strip() if isinstance(version, str) else "", questions)


class _Inherited(NamedTuple):
    """What holds for the items of a group unless they say otherwise."""

    extract: str | None
    category: tuple[Json, ...]


def _questions(items: Any, top: _Inherited, reading: Reading) -> Iterator[Question]:
    waiting = [(items, top)]
    while waiting:
        listed, above = waiting.pop()
        if listed is None:
            continue
        if not isinstance(listed, list):
            reading.bad("item", Reason.NOT_A_LIST)
            continue
        for item in listed:
            if not isinstance(item, dict):
                reading.bad("item", Reason.NOT_AN_OBJECT)
                continue
            here = _Inherited(_extract(item, above.extract), _categories(item, above.category))
            waiting.append((item.get("item"), here))
            if isinstance(item.get("linkId"), str):
                yield _question(item, here, reading)


def _question(item: Json, here: _Inherited, reading: Reading) -> Question:
    listed = item.get("code")
    given = listed if isinstance(listed, list) else [] if listed is None else [listed]
    read = [(read_coding(reading, code, "item.code"), code) for code in given]
    units = [extension.get("valueCoding") for extension in _extensions(item, _UNIT)]
    return Question(
        item["linkId"],
        tuple(coding for coding, _ in read if coding),
        tuple(code for coding, code in read if coding),
        str(item.get("type")),
        next((unit for unit in units if isinstance(unit, dict)), None),
        here.extract,
        here.category,
    )


def _extensions(element: Json, url: str) -> list[Json]:
    listed = element.get("extension")
    return [item for item in listed if isinstance(item, dict) and item.get("url") == url] if isinstance(listed, list) else []


def _extract(element: Json, above: str | None) -> str | None:
    """Yes or no (SDC 3), or how it becomes part of the Observation of its group (SDC 4). Said of a group it holds for its items."""
    for extension in _extensions(element, _EXTRACT):
        code = extension.get("valueCode")
        if code in _PARTS:
            return str(code)
        return "observation" if code == "observation" or extension.get("valueBoolean") is True else None
    return above


def _categories(element: Json, above: tuple[Json, ...]) -> tuple[Json, ...]:
    found = [extension.get("valueCodeableConcept") for extension in _extensions(element, _CATEGORY)]
    return tuple(concept for concept in found if isinstance(concept, dict)) or above


def named(forms: Mapping[str, Form], canonical: str) -> Form | None:
    """Of the forms by their names the one in the version that a response names, else the one at hand."""
    return forms.get(canonical) or forms.get(canonical.partition("|")[0])


def understood(events: tuple[Event, ...], form: Form) -> tuple[Event, ...]:
    """The answers of a response with what their form says of them: the codes of the questions, and the unit of plain numbers."""
    return tuple(_understood(event, form) for event in events)


def _understood(event: Event, form: Form) -> Event:
    question = _asked(event.part, form)
    if question is None:
        return event
    unit = question.unit.get("code") if question.unit and event.value is not None and event.unit == _NO_UNIT else None
    codes = tuple(dict.fromkeys((*event.codes, *question.codes)))
    return replace(event, codes=codes, unit=canonical(unit) if isinstance(unit, str) else event.unit)


def _asked(part: str, form: Form) -> Question | None:
    """The question that ``item[link]``, ``item[link][2]`` or ``item[link].answer[0]`` is about; a link id may itself hold brackets."""
    whole = part.removeprefix("item[")
    one_of_several = _ANSWER.sub("", whole)
    for written in (whole, one_of_several, _AGAIN.sub("]", one_of_several)):
        question = form.questions.get(written.removesuffix("]"))
        if question is not None:
            return question
    return None
