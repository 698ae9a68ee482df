"""QuestionnaireResponse: every answered item is an observation.

The code of an item is a LOINC code if its link id or definition names one (as in US Core and Gravity), else the questionnaire's
canonical URL with the link id.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from fhir_adapters.codes import loinc_item, read_status
from fhir_adapters.dates import Moment, at, before, read_instant
from fhir_adapters.mapping.tags import read_absence
from fhir_adapters.quarantine import Json, Reading, Reason
from fhir_adapters.values import read_value
from rules.facts import Coding, Event
from rules.units import LOINC

_LOINC_URLS: Final = ("http://loinc.org/", "https://loinc.org/")


def questionnaire_answers(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """An event for each item that is answered or holds other items, in the order of the form; several answers, several events.

    An item with neither says nothing. If the items cannot be read at all, one opaque event stands for them.
    """
    authored = read_instant(reading, resource, "authored")
    when = at(authored) if authored else before(updated)
    blank = Event(
        "observations",
        reading.source,
        status=read_status(reading, resource.get("status"), "status"),
        start=when.start,
        instant=when.instant,
        issued=when.instant,
        updated=updated.instant if updated else None,
    )
    items = resource.get("item")
    if not (items is None or isinstance(items, list | dict)):
        reading.bad("item", Reason.NOT_A_LIST)
        yield replace(blank, opaque=True)
        return
    form = _canonical(resource, reading)
    for part, item in _items(items):
        if isinstance(item, dict):
            yield from _answers(item, reading, replace(blank, part=part, codes=_code(item, form)))
        else:
            reading.bad(part, Reason.NOT_AN_OBJECT)
            yield replace(blank, part=part, opaque=True)


def _items(items: Any) -> Iterator[tuple[str, Any]]:
    """All items, readable or not, depth first in the order of the form, each with its part; a repeated link id gets its number."""
    seen: Counter[str] = Counter()
    waiting = [items]
    while waiting:
        item = waiting.pop()
        if item is None:
            continue
        if isinstance(item, list):
            waiting.extend(reversed(item))
            continue
        link = item.get("linkId") if isinstance(item, dict) else None
        part = f"item[{link if isinstance(link, str) else '?'}]"
        seen[part] += 1
        yield part if seen[part] == 1 else f"{part}[{seen[part]}]", item
        if isinstance(item, dict):
            waiting.append(item.get("item"))
            waiting.extend(answer.get("item") for answer in reversed(_answer_list(item)) if isinstance(answer, dict))


def _answer_list(item: Json) -> list[Any]:
    answers = item.get("answer")
    if answers is None:
        return []
    return answers if isinstance(answers, list) else [answers]


def _answers(item: Json, reading: Reading, asked: Event) -> Iterator[Event]:
    answers = _answer_list(item)
    if not answers and item.get("item"):
        yield asked
    for i, answer in enumerate(answers):
        part = asked.part if len(answers) == 1 else f"{asked.part}.answer[{i}]"
        if not isinstance(answer, dict):
            reading.bad(part, Reason.NOT_AN_OBJECT)
            yield replace(asked, part=part)
            continue
        found = read_value(reading, answer, f"{part}.")
        yield replace(
            asked,
            part=part,
            answers=found.answers,
            tags=read_absence(reading, answer, f"{part}.", found),
            value=found.value,
            unit=found.unit,
        )


def _canonical(resource: Json, reading: Reading) -> str | None:
    form = resource.get("questionnaire")
    if form is None:
        return None
    if not isinstance(form, str):
        reading.bad("questionnaire", Reason.WRONG_TYPE)
        return None
    return form.split("|", 1)[0].strip()


def _code(item: Json, form: str | None) -> tuple[Coding, ...]:
    link, definition = item.get("linkId"), item.get("definition")
    named = loinc_item(link) if isinstance(link, str) else None
    if named is None and isinstance(definition, str) and definition.startswith(_LOINC_URLS):
        named = loinc_item(definition)
    if named is not None:
        return (Coding(LOINC, named),)
    if form is not None and isinstance(link, str):
        return (Coding(form, link),)
    return ()
