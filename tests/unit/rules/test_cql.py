"""CQL text: what is said as declared, and what cannot be said is named. That it *means* the same is for the engines of others to show."""

import re
from datetime import date
from pathlib import Path

import pytest
from support.spec import write_pack

from rules import ir, logic
from rules.arithmetic import ARITHMETIC, Arithmetic, Constant
from rules.cql import library_text
from rules.cql.conditions import expression_text
from rules.cql.matching import in_window
from rules.cql.places import days_of
from rules.cql.text import identifier, literal, moved, number
from rules.days import Duration
from rules.errors import ExportGap
from rules.facts import ROLES, TABLES, Coding
from rules.grammar import AGGREGATES, SCALED_AGGREGATES, TIMINGS, VALUE_AGGREGATES
from rules.pack import BUILT_IN, load_packs


def exported(tmp_path: Path, snippet: str) -> str:
    (pack,) = load_packs(write_pack(tmp_path / "pack", snippet))
    return library_text(pack.program, "Specification", "1.0.0", {})


def test_everything_that_cannot_be_said_is_named_at_once(tmp_path: Path) -> None:
    snippet = """
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%", where: value > 6.123456789}
          exact: {value: hba1c / 3, round: 9}
          rise: {trend: observations, code: HbA1c, unit: "%", in: days}
        when: hba1c > 0.0000000001 %
    """
    with pytest.raises(ExportGap) as caught:
        exported(tmp_path, snippet)
    assert [gap.fact for gap in caught.value.gaps] == ["spec/hba1c", "spec/exact", "spec/rise", "spec"]
    assert "the number 6.123456789" in str(caught.value)
    assert "round: 9" in str(caught.value)
    assert "trend: " in str(caught.value)


def test_a_name_that_the_library_needs_is_a_gap() -> None:
    program = ir.Program((ir.PatientFact("As Of", "age", "number"),), (ir.Derived("r", logic.Known("As Of")),), ("r",))
    with pytest.raises(ExportGap, match="the name 'As Of'"):
        library_text(program, "L", "1.0.0", {})


def test_every_fact_and_rule_of_the_shipped_packs_has_an_expression() -> None:
    for pack in load_packs(BUILT_IN):
        text = library_text(pack.program, "L", "1.0.0", {})
        for name in (*pack.program.by_name, *pack.program.conditions):
            assert f"define {identifier(name)}:\n" in text


def test_no_clock_no_other_library_no_terminology_server() -> None:
    for pack in load_packs(BUILT_IN):
        text = library_text(pack.program, "L", "1.0.0", {})
        assert not [word for word in ("Today(", "Now(", "\ninclude ", "\nvalueset ") if word in text]


def test_the_same_program_gives_the_same_text() -> None:
    (first,), (second,) = (load_packs(BUILT_IN) for _ in range(2))
    assert library_text(first.program, "L", "1.0.0", {}) == library_text(second.program, "L", "1.0.0", {})


def test_sets_of_codes_carry_the_names_of_the_pack(tmp_path: Path) -> None:
    (pack,) = load_packs(write_pack(tmp_path / "pack", "facts: {a: {exists: observations, code: HbA1c}}\nwhen: a"))
    codes = frozenset({Coding("http://loinc.org", "4548-4")})
    text = library_text(pack.program, "L", "1.0.0", {codes: ("HbA1c", "http://example.org/ValueSet/a1c")})
    assert '// ValueSet http://example.org/ValueSet/a1c\nconcept "set: HbA1c": {\n  "loinc 4548-4"\n}' in text
    assert "codesystem \"system: loinc\": 'http://loinc.org'" in text


def test_only_the_tables_that_are_asked_about_are_mapped(tmp_path: Path) -> None:
    text = exported(tmp_path, "facts: {a: {exists: conditions}}\nwhen: a")
    assert "[Condition]" in text
    assert "[Observation]" not in text


_ELEMENTS = (
    *("table", "order", "code", "answer", "value", "unit", "status", "begun", "ended", "instant"),
    *("kind" if role == "class" else role for role in sorted(ROLES)),
    "opaque",
)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_mapped_with_every_role(table: str, tmp_path: Path) -> None:
    """What the language gains, the export must not leave out; and rows of another shape could not be read together with these."""
    text = exported(tmp_path, f"facts: {{a: {{exists: {table}}}}}\nwhen: a")
    rows = re.findall(r'^( +)"table": (.*?)^\1opaque: ', text, re.MULTILINE | re.DOTALL)
    assert rows
    for indent, row in rows:
        elements = re.findall(rf'^{indent}"?(\w+)"?: ', f'{indent}"table": {row}{indent}opaque: ', re.MULTILINE)
        assert sorted(elements) == sorted(_ELEMENTS)


@pytest.mark.parametrize("timing", TIMINGS)
def test_each_timing_says_something_else(timing: ir.Timing) -> None:
    said = {other: in_window(ir.Window(timing=other), "event", "low", "high") for other in TIMINGS}
    assert [other for other, text in said.items() if text == said[timing]] == [timing]


@pytest.mark.parametrize("op", sorted(ARITHMETIC))
def test_each_operation_of_arithmetic_is_one_of_cql(op: str) -> None:
    text = expression_text(Arithmetic(op, Constant(2.0), Constant(3.0)))
    assert text in ("(2.0 + 3.0)", "(2.0 - 3.0)", "(2.0 * 3.0)", "(2.0 / 3.0)") or re.fullmatch(
        r"(Lesser|Greater|Raised|Logarithm)\(2\.0, 3\.0\)", text
    )


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_each_aggregate_is_said_or_named(aggregate: str, tmp_path: Path) -> None:
    measured = aggregate in VALUE_AGGREGATES or aggregate == "all"
    keys = [f"{aggregate}: observations", "code: HbA1c", *(["unit: '%'"] if measured else [])]
    keys += ["in: days"] if aggregate in SCALED_AGGREGATES else ["where: value > 3"] if aggregate == "all" else []
    keys += ["during: last year"] if aggregate == "days covered" else []
    snippet = f"facts: {{a: {{{', '.join(keys)}}}}}\nwhen: a is known"
    if aggregate == "trend":
        with pytest.raises(ExportGap, match="trend: "):
            exported(tmp_path, snippet)
    else:
        assert 'define "spec/a":\n' in exported(tmp_path, snippet)


def test_a_year_is_moved_as_any_day_is() -> None:
    """*After the end of last year* begins a day later."""
    bound = ir.Bound(year=-1, last=True, offset=Duration(1, "day"))
    assert days_of(bound) == 'Interval[Date(year from "As Of" - 1, 12, 31) + 1 day, Date(year from "As Of" - 1, 12, 31) + 1 day]'
    strict = days_of(ir.Bound(year=-1, offset=Duration(3, "month"), days=-1))
    assert strict == 'Interval[Date(year from "As Of" - 1, 1, 1) + 3 months - 1 day, Date(year from "As Of" - 1, 1, 1) + 3 months - 1 day]'


def test_a_strict_bound_lies_a_day_beyond_its_length() -> None:
    text = days_of(ir.Bound("hba1c", offset=Duration(1, "month"), days=1))
    edges = (
        moved(moved(f'{edge} of "hba1c: day"', Duration(1, "month"), backwards=False), Duration(1, "day"), backwards=False)
        for edge in ("start", "end")
    )
    assert text == f"Interval[{', '.join(edges)}]"


def test_an_age_on_a_day_that_is_not_known_is_not_known(tmp_path: Path) -> None:
    snippet = """
        facts:
          first: {earliest: observations, code: HbA1c, unit: "%"}
          then: {patient: age, on: first}
        when: then >= 18
    """
    text = exported(tmp_path, snippet)
    assert 'if "spec/first: day" is null then null else AgeOn("person: birth", Interval[start of "spec/first: day"' in text


def test_names_and_words_are_quoted() -> None:
    assert identifier('a "b" \\ c') == '"a \\"b\\" \\\\ c"'
    assert literal("it's O'Brien's\n") == "'it\\'s O\\'Brien\\'s\\u000a'"


@pytest.mark.parametrize(("value", "text"), [(9.0, "9.0"), (0.00001, "0.00001"), (-2.5, "(-2.5)"), (1e15, "1000000000000000.0")])
def test_numbers_are_decimals(value: float, text: str) -> None:
    assert number(value) == text


def test_a_date_moves_no_further_than_the_calendar_goes() -> None:
    back = moved("day", Duration(1, "month"), backwards=True)
    assert back == f"(if day < @0001-02-01 then @{date.min.isoformat()} else day - 1 month)"
    assert moved("day", Duration(2, "week"), backwards=False) == "(if day > @9999-12-17 then @9999-12-31 else day + 2 weeks)"
