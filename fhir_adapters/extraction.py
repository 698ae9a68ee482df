"""Observations from a QuestionnaireResponse, as SDC's observation-based extraction makes them.

The form says of which items (``observationExtract``) and what they are about (``item.code``). Extraction by StructureMap, by definition
or by template is not supported.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from fhir_adapters.forms import Form, Question
from fhir_adapters.quarantine import Json

_SURVEY: Final = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}
_STATUSES: Final = {"completed": "final", "amended": "amended"}


class Extracted(NamedTuple):
    """What was made of a response."""

    observations: tuple[Json, ...]
    skipped: tuple[str, ...]
    """Link ids of answered items that could not become Observations: without a code, or with a value that has no place in one."""


def extract(form: Form, response: Json) -> Extracted:
    """An Observation for each answer to each item that is marked for it; none from a response that is not completed.

    Its ids are made from those of the response and the item, so that the same response gives the same Observations.
    """
    status = _STATUSES.get(str(response.get("status")))
    source = response.get("id")
    if status is None or not isinstance(source, str):
        return Extracted((), ())
    work = _Extraction(form, _shared(response, status, source), source)
    work.items(response.get("item"))
    return Extracted(tuple(work.made), tuple(dict.fromkeys(work.skipped)))


def _shared(response: Json, status: str, source: str) -> Json:
    """What every Observation of this response says."""
    authored = response.get("authored")
    about: Json = {name: response[name] for name in ("subject", "encounter") if name in response}
    when: Json = {"effectiveDateTime": authored} if authored is not None else {}
    by: Json = {"performer": [response["author"]]} if _may_perform(response.get("author")) else {}
    return {"status": status, **about, **when, **by, "derivedFrom": [{"reference": f"QuestionnaireResponse/{source}"}]}


def _may_perform(author: Any) -> bool:
    """A Device may author a response, and perform no Observation."""
    reference = author.get("reference") if isinstance(author, dict) else None
    return isinstance(reference, str) and "Device/" not in reference


class _Extraction:
    def __init__(self, form: Form, shared: Json, source: str) -> None:
        self.form, self.shared, self.source = form, shared, source
        self.found: list[Json] = []
        self.skipped: list[str] = []

    def items(self, top: Any) -> None:
        """Every item with the Observation of the nearest group above it that became one."""
        waiting: list[tuple[Any, Json | None]] = [(top, None)]
        while waiting:
            listed, above = waiting.pop()
            for item in listed if isinstance(listed, list) else []:
                if isinstance(item, dict):
                    here = self.item(item, above)
                    waiting.extend((inside, here) for inside in _inside(item))

    def item(self, item: Json, above: Json | None) -> Json | None:
        """The Observation that parts of the items inside this one belong to."""
        question = self.form.questions.get(str(item.get("linkId")))
        if question is None or question.extract is None:
            return above
        values = list(self._values(question, item))
        if not question.codes:
            self.skipped.extend([question.link] if values else [])
            return above
        if question.extract == "component" and above is not None:
            above.setdefault("component", []).extend({"code": _code(question), **value} for value in values)
            return above
        made = [self._observation(question, value) for value in values or ([{}] if question.type == "group" else [])]
        if question.extract == "member" and above is not None:
            above.setdefault("hasMember", []).extend({"reference": f"Observation/{one['id']}"} for one in made)
        return made[0] if made else above

    def _observation(self, question: Question, value: Json) -> Json:
        count = sum(1 for one in self.found if one["code"] == _code(question))
        id = str(uuid5(NAMESPACE_URL, f"QuestionnaireResponse/{self.source}#{question.link}#{count}"))
        category = [dict(concept) for concept in question.category] or [_SURVEY]
        made = {"resourceType": "Observation", "id": id, **self.shared, "category": category, "code": _code(question), **value}
        self.found.append(made)
        return made

    def _values(self, question: Question, item: Json) -> Iterator[Json]:
        listed = item.get("answer")
        for answer in listed if isinstance(listed, list) else []:
            value = _value(question, answer) if isinstance(answer, dict) else None
            if value is None:
                self.skipped.append(question.link)
            else:
                yield value

    @property
    def made(self) -> Iterator[Json]:
        """A group that nothing was put into says nothing."""
        return (one for one in self.found if any(name.startswith(("value", "component", "hasMember")) for name in one))


def _inside(item: Json) -> Iterator[Any]:
    """The items inside an item and inside its answers."""
    yield item.get("item")
    answers = item.get("answer")
    yield from (answer.get("item") for answer in (answers if isinstance(answers, list) else []) if isinstance(answer, dict))


def _code(question: Question) -> Json:
    return {"coding": [dict(code) for code in question.coded]}


def _value(question: Question, answer: Json) -> Json | None:
    """``value[x]`` of the Observation; ``None`` if the answer is none, or of a type that has no place in one."""
    name = next((name for name in answer if name.startswith("value") and answer[name] is not None), "")
    make = _VALUES.get(name)
    return None if make is None else make(question, answer[name])


def _measured(question: Question, number: Any) -> Json:
    """A number in the unit of its question; a whole number without one stays a whole number."""
    if question.unit is None and isinstance(number, int):
        return {"valueInteger": number}
    unit = {new: question.unit[old] for old, new in _UNIT if question.unit and old in question.unit}
    return {"valueQuantity": {"value": number, **unit}}


_UNIT: Final = (("display", "unit"), ("system", "system"), ("code", "code"))


def _text(question: Question, text: Any) -> Json:
    """A choice that was written in is a concept without a code."""
    return {"valueCodeableConcept": {"text": text}} if question.type in ("choice", "open-choice", "coding") else {"valueString": text}


_VALUES: Final[dict[str, Callable[[Question, Any], Json]]] = {
    "valueCoding": lambda _, coding: {"valueCodeableConcept": {"coding": [coding]}},
    "valueBoolean": lambda _, value: {"valueBoolean": value},
    "valueQuantity": lambda _, value: {"valueQuantity": value},
    "valueDecimal": _measured,
    "valueInteger": _measured,
    "valueString": _text,
    "valueDate": lambda _, day: {"valueDateTime": day},
    "valueDateTime": lambda _, moment: {"valueDateTime": moment},
    "valueTime": lambda _, time: {"valueTime": time},
    "valueUri": _text,
}
