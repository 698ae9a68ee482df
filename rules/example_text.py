"""An example as its author would write it in YAML."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rules import document as doc
from rules.facts import TABLES
from rules.findings import number

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/()'-]*")
_INDENT: Final = " " * 4


def example_text(example: doc.Example) -> str:
    """The example, indented as it stands under ``cases``. Its day is written only if the day of all examples may be another."""
    own_day = [f"  as_of: {example.as_of}"] if example.as_of.span > example.span else []
    lines = [f"- name: {_scalar(example.name)}", *own_day, *_person(example.person, "  ")]
    if example.household is None:
        lines.append("  household: unknown")
    elif example.household:
        lines.append("  household:")
        lines += [line for member in example.household for line in _member(member)]
    if example.not_loaded:
        lines.append(f"  not loaded: [{', '.join(sorted(example.not_loaded))}]")
    return "\n".join(_INDENT + line for line in [*lines, f"  expect: {example.expect}"])


def _member(person: doc.ExamplePerson) -> Iterator[str]:
    """A member of the household as an item of a list; one of whom nothing is known is an empty one."""
    for i, line in enumerate(list(_person(person, "")) or ["{}"]):
        yield ("    - " if i == 0 else "      ") + line


def _person(person: doc.ExamplePerson, indent: str) -> Iterator[str]:
    if person.attributes:
        yield f"{indent}patient: {_flow({key: str(value) for key, value in person.attributes})}"
    if person.events:
        yield f"{indent}events:"
        for event in person.events:
            yield f"{indent}  - {_flow(_event(event))}"


def _event(event: doc.ExampleEvent) -> dict[str, str]:
    written = {TABLES[event.table].singular: str(event.what)}
    if event.value is not None:
        written["value"] = str(number(event.value))
    for key in ("unit", "answer", "status", "date", "end"):
        if (value := getattr(event, key)) is not None:
            written[key] = str(value)
    return written | {role: str(text) for role, text in event.tags}


def _flow(fields: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in fields.items()) + "}"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
