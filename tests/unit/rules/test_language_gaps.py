"""What cannot be meant is refused, and what is refused is told once."""

from pathlib import Path

import pytest

from rules.errors import RuleError
from rules.pack import load_packs

RULE = (Path(__file__).parent / "mistakes" / "rule.yaml").read_text(encoding="utf-8")

ODD = {
    "a line with when and otherwise: the condition is dropped": "{table: [{when: has diabetes, otherwise: 0}]}",
    "a line after otherwise: it never counts": "{table: [{otherwise: 0}, {when: has diabetes, value: 1}]}",
    "a table without lines: always unknown": "{table: []}",
    "usable only, without the unit that makes a value usable: always 0": "{count: observations, code: HbA1c, usable only: yes}",
    "a unit in a relation that compares no value": '{exists: observations, followed by: {events: observations, unit: "%"}}',
    "at least more than within: never": "{exists: observations, followed by: {events: procedures, at least: 30 days, within: 7 days}}",
    "since after until: never": "{exists: observations, since: 2026-01-01, until: 2025-01-01}",
    "since after until, both counted from today: never": "{exists: observations, since: 1 month ago, until: 32 days ago}",
    "the year after the year before: never": "{exists: observations, since: start of this year, until: end of last year}",
    "both counted from one event: never": "{exists: procedures, since: 2 months after hba1c, until: 58 days after hba1c}",
}


@pytest.mark.parametrize("fact", ODD.values(), ids=ODD)
def test_refused(fact: str, tmp_path: Path) -> None:
    with pytest.raises(RuleError):
        load_packs(written(tmp_path, RULE.replace("  gap: {", f"  odd: {fact}\n  gap: {{", 1)))


SOMETIMES = {
    "one day": "since: 2026-01-01, until: 2026-01-01",
    "months that may be longer than so many days": "since: 1 month ago, until: 31 days ago",
    "counted from different events": "since: 30 days after hba1c, until: birth",
    "a fixed day will come": "since: 2030-01-01, until: 3 months ago",
}


@pytest.mark.parametrize("window", SOMETIMES.values(), ids=SOMETIMES)
def test_what_is_open_on_some_day_is_not_refused(window: str, tmp_path: Path) -> None:
    facts = f"  birth: {{patient: birth}}\n  some: {{exists: procedures, {window}}}\n  gap: {{"
    load_packs(written(tmp_path, RULE.replace("  gap: {", facts, 1)))


def test_a_unit_tells_which_values_of_what_is_counted_or_related_can_be_used(tmp_path: Path) -> None:
    some = "{events: observations, unit: '%', usable only: yes}"
    fact = f"{{count: observations, code: HbA1c, unit: '%', usable only: yes, followed by: {some}}}"
    load_packs(written(tmp_path, RULE.replace("  gap: {", f"  some: {fact}\n  gap: {{", 1)))


def test_an_example_can_end_nobody_knows_when(tmp_path: Path) -> None:
    """``end: unknown`` says that it ended, as ``date: unknown`` says that it began; only ``end`` left out says that it goes on."""
    text = RULE.replace("{condition: diabetes}", "{condition: diabetes, status: resolved, end: unknown}")
    (pack,) = load_packs(written(tmp_path, text))
    assert pack.cases[0].record.events[0].end is not None


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        load_packs(written(tmp_path, RULE.replace("within: 12 months", "within: 3 days after hba1d")))
    assert [d.code for d in caught.value.diagnostics] == ["ALM210"]


def written(folder: Path, text: str) -> Path:
    path = folder / "demo.yaml"
    path.write_text(text, encoding="utf-8")
    return path
