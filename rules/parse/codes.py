"""Codes written out: ``{loinc: [4548-4]}``."""

import re
from typing import Final

from rules.errors import did_you_mean
from rules.facts import Coding
from rules.parse.fields import BLANK, Problems, as_list, as_text
from rules.source import MapNode, Node, TextNode
from rules.valuesets import SYSTEMS, problem_with

_NAMED_ONLY: Final = frozenset({"file", "url", "is a", "descendants of"})
"""Keys of value sets whose codes are in files."""


def codes(node: Node, problems: Problems) -> tuple[Coding, ...]:
    """``{loinc: [4548-4, 17856-6], snomed: …}`` → codings. Check digits are verified."""
    if not isinstance(node, MapNode):
        problems.add(node.span, "ALM110", 'codes are written with their code system: {loinc: ["4548-4"]}')
        return ()
    found = [c for system, value in node.entries for c in _codes_of(system, value, problems)]
    if not found and not problems.found:
        problems.add(node.span, "ALM111", "this set has no codes")
    return tuple(found)


def _codes_of(system: TextNode, value: Node, problems: Problems) -> list[Coding]:
    uri = SYSTEMS.get(system.text, system.text)
    if not re.match(r"[a-z]+:", uri):
        named = "give such a set a name under 'valuesets', and write the name here" if system.text in _NAMED_ONLY else ""
        hint = named or did_you_mean(system.text, SYSTEMS) or f"one of: {', '.join(SYSTEMS)}, or a full URI"
        problems.add(system.span, "ALM112", f"unknown code system '{system}'", hint)
    found = []
    for item in as_list(value):
        code = as_text(item, "a code", problems)
        if code is not BLANK and (wrong := problem_with(system.text, code.text)):
            problems.add(code.span, "ALM113", wrong)
        found.append(Coding(uri, code.text))
    return found
