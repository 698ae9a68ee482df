"""Canonical JSON: the same findings, the same bytes."""

import json
from dataclasses import replace
from datetime import date

import pytest

from rules.facts import Value
from rules.findings import Evidence, Finding, number, plain, to_json

FINDING = Finding(
    "p1",
    "demo",
    "yes",
    {"hba1c": 9.0, "food": "at risk", "age": None, "diabetes": True},
    (Evidence("hba1c", "Observation/1", "2026-05", 9.6, "%"), Evidence("age", "Patient/p1", "")),
    date(2026, 7, 1),
)


def test_one_line() -> None:
    assert to_json(FINDING) == (
        '{"patient":"p1","rule":"demo","status":"yes","facts":{"age":null,"diabetes":true,"food":"at risk","hba1c":9},'
        '"evidence":[{"fact":"hba1c","resource":"Observation/1","date":"2026-05","value":9.6,"unit":"%"},'
        '{"fact":"age","resource":"Patient/p1","date":""}],"next_flip":"2026-07-01"}'
    )


def test_the_order_of_facts_does_not_matter() -> None:
    turned = replace(FINDING, facts=dict(reversed(FINDING.facts.items())))
    assert to_json(turned) == to_json(FINDING)


def test_no_flip_and_other_scripts() -> None:
    line = to_json(replace(FINDING, next_flip=None, facts={"language": "中文\n\u2028"}))
    assert "\n" not in line
    assert json.loads(line)["next_flip"] is None
    assert json.loads(line)["facts"] == {"language": "中文\n\u2028"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(9.0, "9"), (-0.0, "0"), (0.1 + 0.2, "0.30000000000000004"), (1e15, "1000000000000000"), (1e300, "1e+300")],
)
def test_numbers(value: float, shown: str) -> None:
    assert json.dumps(number(value)) == shown


@pytest.mark.parametrize("value", [True, False, None, "1"])
def test_what_is_no_number_stays(value: Value) -> None:
    assert plain(value) is value
