"""Spellings and conversions of units, against pairs that anybody can check."""

from dataclasses import FrozenInstanceError

import pytest

from rules.facts import Coding
from rules.units import CONVERSIONS, HBA1C, LOINC, Conversion, canonical, conversions

WEIGHT = frozenset({Coding(LOINC, "29463-7")})


@pytest.mark.parametrize(
    ("codes", "source", "value", "target", "expected"),
    [
        (HBA1C, "mmol/mol", 48.0, "%", 6.543),
        (HBA1C, "%", 6.5, "mmol/mol", 47.545),
        (HBA1C, "%", 10.0, "mmol/mol", 85.8),
        (HBA1C, "%", 9.0, "%", 9.0),
        (WEIGHT, "g", 70_500.0, "kg", 70.5),
        (WEIGHT, "[lb_av]", 100.0, "kg", 45.359237),
        (WEIGHT, "[in_i]", 70.0, "cm", 177.8),
        (WEIGHT, "m", 1.75, "cm", 175.0),
        (WEIGHT, "1", 12.0, "{score}", 12.0),
        (WEIGHT, None, 12.0, "{score}", 12.0),
    ],
)
def test_converted(codes: frozenset[Coding], source: str | None, value: float, target: str, expected: float) -> None:
    (row,) = [row for row in conversions(codes, target) if row.source == source]
    assert value * row.factor + row.offset == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("row", CONVERSIONS, ids=lambda row: f"{row.source} to {row.target}")
def test_nothing_converts_into_another_unit(row: Conversion) -> None:
    """Only rows of the wanted unit, after the identity; units that sort before or after it are none of them."""
    for codes in (row.codes, row.codes or HBA1C):
        found = conversions(codes, row.target)
        assert [r.target for r in found] == [row.target] * len(found)
        assert (found[0].source, found[0].factor, found[0].offset) == (row.target, 1.0, 0.0)
        assert row in found


def test_an_analytes_row_needs_that_only_its_codes_are_asked_for() -> None:
    sources = {name: {r.source for r in conversions(codes, "%")} for name, codes in GROUPS.items()}
    assert sources == {"one": {"%", "mmol/mol"}, "all": {"%", "mmol/mol"}, "mixed": {"%"}, "none": {"%"}, "other": {"%"}}


GROUPS = {"one": sorted(HBA1C)[:1], "all": HBA1C, "mixed": HBA1C | WEIGHT, "none": (), "other": WEIGHT}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (" mg/dl ", "mg/dL"),
        ("MG/DL", "mg/dL"),
        ("mmHg", "mm[Hg]"),
        ("lbs", "[lb_av]"),
        ("percent", "%"),
        ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}"),
        ("Parsec", "Parsec"),
    ],
)
def test_spellings(written: str | None, read: str | None) -> None:
    assert canonical(written) == read


def test_a_conversion_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CONVERSIONS[0].factor = 2.0  # type: ignore[misc]
