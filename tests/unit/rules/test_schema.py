"""The JSON Schemas: current, true of the packs that come along, and strict enough to be of use."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.json_schema import errors

from rules import grammar
from rules.facts import TABLES
from rules.pack import BUILT_IN, load_packs
from rules.schema import KINDS, file_name, schema, schema_text

SHIPPED = Path(BUILT_IN).parent / "schema"
FILES = {"pack": "*/pack.yaml", "rule": "*/rules/*.yaml", "valuesets": "*/valuesets/*.yaml"}
EVERY = [(kind, path) for kind, pattern in FILES.items() for path in sorted(BUILT_IN.glob(pattern))]
RULE = BUILT_IN / "whole-person" / "rules" / "phq9-no-follow-up.yaml"


class EditorLoader(yaml.SafeLoader):
    """Reads YAML as an editor does: numbers and booleans are guessed, days are texts."""


EditorLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str) -> Any:
    return yaml.load(text, Loader=EditorLoader)  # noqa: S506 - a safe loader that guesses less


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_schema_is_current(kind: str) -> None:
    shipped = (SHIPPED / file_name(kind)).read_text(encoding="utf-8")
    assert shipped == schema_text(kind), "out of date: almoner schema --out rules/schema"


@pytest.mark.parametrize(("kind", "path"), EVERY, ids=lambda value: value.name if isinstance(value, Path) else str(value))
def test_shipped_files_conform(kind: str, path: Path) -> None:
    assert errors(schema(kind), read(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("level: act", "level: urgent"),
        ("status: live", "status: alive"),
        ("title:", "titel:"),
        ("priority: 90", "priority: 101"),
        ("released: 2026-11-22", "released: yesterday"),
        ("latest: observations, code: PHQ-9 total", "newest: observations, code: PHQ-9 total"),
        ("latest: observations, code: PHQ-9 total", "latest: observation, code: PHQ-9 total"),
        ("in: days", "in: hours"),
        ("indicator: warning", "indicator: red"),
        ("expect: yes", "expect: maybe"),
        ("    - age >= 12", "    - some: age >= 12"),
        ("not loaded: [procedures]", "not loaded: [operations]"),
        ("within: 6 months, unit", "within: half a year, unit"),
    ],
)
def test_a_broken_rule_does_not_conform(old: str, new: str) -> None:
    text = RULE.read_text(encoding="utf-8")
    assert old in text
    assert errors(schema("rule"), read(text.replace(old, new, 1)))


def test_hover_says_what_the_grammar_says() -> None:
    found = schema("rule")
    assert {key: value["description"] for key, value in found["properties"].items()} == {key.name: key.help for key in grammar.RULE.keys}
    event = found["$defs"]["event fact"]["properties"]
    assert {key: value["description"] for key, value in event.items()} == {key.name: key.help for key in grammar.EVENT_FACT.keys}


def test_the_choices_are_the_grammars() -> None:
    found = schema("rule")
    assert found["properties"]["level"]["enum"] == list(grammar.LEVELS)
    assert found["$defs"]["tables"]["anyOf"][0]["enum"] == list(TABLES)


def test_a_pack_brings_its_names() -> None:
    (pack,) = [each for each in load_packs(BUILT_IN) if each.document.id == "whole-person"]
    found = schema("rule", pack)["$defs"]
    assert {"diabetes", "HbA1c", "hunger vital sign"} <= set(found["code"]["anyOf"][0]["enum"])
    assert "hunger vital sign" in found["question name"]["anyOf"][0]["enum"]
    assert {"age", "phq9"} <= set(found["fact name"]["anyOf"][0]["enum"])
    assert {"has diabetes", "food screen is at risk", "hba1c >= "} <= set(found["condition"]["anyOf"][0]["anyOf"][0]["enum"])


def test_names_of_a_pack_suggest_and_do_not_forbid() -> None:
    (pack,) = [each for each in load_packs(BUILT_IN) if each.document.id == "whole-person"]
    text = RULE.read_text(encoding="utf-8").replace("code: PHQ-9 total", "code: a new set")
    assert errors(schema("rule", pack), read(text)) == []


def test_every_reference_leads_somewhere() -> None:
    for kind in KINDS:
        found = schema(kind)
        text = json.dumps(found)
        assert all(f'"#/$defs/{name}"' in text or name in ("fact", "condition") for name in found["$defs"])
        references = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
        assert references <= set(found["$defs"])
