"""Check digits of codes: they catch every single wrong digit, and two neighbours in the wrong order."""

import re

import pytest

from rules.pack import BUILT_IN, load_packs
from rules.valuesets import SYSTEMS, problem_with

# Of HbA1c, PHQ-9 and GAD-7, Hunger Vital Sign, PRAPARE and AHC-HRSN, blood pressure and kidney tests.
LOINC = [
    "4548-4",
    "17856-6",
    "17855-8",
    "97506-0",
    "85354-9",
    "8480-6",
    "8462-4",
    "39156-5",
    "98979-8",
    "62238-1",
    "9318-7",
    "32294-1",
    "2089-1",
    "72166-2",
    "54588-9",
    "88121-9",
    "88122-7",
    "88123-5",
    "88124-3",
    "93025-5",
    "71802-3",
    "93033-9",
    "82589-3",
    "67875-5",
    "76437-3",
    "63586-2",
    "93031-3",
    "93030-5",
    "93029-7",
    "93038-8",
    "93028-9",
    "93027-1",
    "93026-3",
    "76501-6",
    "54899-0",
    "93034-7",
    "93035-4",
    "96777-8",
    "96778-6",
    "96779-4",
    "95618-5",
    "95617-7",
    "95616-9",
    "95615-1",
    "95614-4",
    "76513-1",
    "96780-2",
    "96781-0",
    "93159-2",
    "97027-7",
    "96782-8",
    "89555-7",
    "68516-4",
    "68517-2",
    "96842-0",
    "95530-2",
    "68524-8",
    "44250-9",
    "44255-8",
    "69858-9",
    "69861-3",
    "44249-1",
    "44259-0",
    "44254-1",
    "44251-7",
    "44258-2",
    "44252-5",
    "44253-3",
    "44260-8",
    "69722-7",
    "44261-6",
    "55757-9",
    "55758-7",
    "89204-2",
    "69737-5",
    "69725-0",
    "68509-9",
    "69733-4",
    "69734-2",
    "69735-9",
    "69689-8",
    "69736-7",
    "70274-6",
    "73832-8",
    "73831-0",
]
SNOMED = [
    "195967001",
    "233678006",
    "13645005",
    "185086009",
    "87433001",
    "10509002",
    "44054006",
    "46635009",
    "73211009",
    "733423003",
    "75516001",
    "88848003",
    "410223002",
    "228557008",
    "405792009",
    "308440001",
    "1078229009",
    "710911006",
    "467771000124109",
    "428171000124102",
    "428181000124104",
    "871731000000106",
]


@pytest.mark.parametrize(("system", "codes"), [("loinc", LOINC), ("snomed", SNOMED)])
def test_true_codes_pass(system: str, codes: list[str]) -> None:
    assert {code: problem for code in codes if (problem := problem_with(system, code))} == {}


@pytest.mark.parametrize(("system", "codes"), [("loinc", LOINC), ("snomed", SNOMED)])
def test_every_single_wrong_digit_is_found(system: str, codes: list[str]) -> None:
    missed = [wrong for code in codes for wrong in one_digit_wrong(code) if not problem_with(system, wrong)]
    assert missed == []


def one_digit_wrong(code: str) -> list[str]:
    return [code[:i] + d + code[i + 1 :] for i, c in enumerate(code) if c.isdigit() for d in "0123456789" if d != c]


def test_snomed_finds_every_pair_of_neighbours_in_the_wrong_order() -> None:
    swapped = [c[:i] + c[i + 1] + c[i] + c[i + 2 :] for c in SNOMED for i in range(len(c) - 1) if c[i] != c[i + 1]]
    assert [code for code in swapped if not problem_with("snomed", code)] == []


def test_loinc_finds_all_but_one_such_pair() -> None:
    """Mod 10 cannot tell 09 from 90; it finds every other pair."""
    bodies = [(c, i) for c in LOINC for i in range(len(c.partition("-")[0]) - 1) if c[i] != c[i + 1]]
    missed = [c[i : i + 2] for c, i in bodies if not problem_with("loinc", c[:i] + c[i + 1] + c[i] + c[i + 2 :])]
    assert set(missed) <= {"09", "90"}


def test_a_wrong_code_seen_in_public() -> None:
    """GAD-7 item 6 is 69689-8."""
    assert problem_with("loinc", "69689-6") == "the check digit of LOINC 69689-6 is wrong"


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("loinc", "4548"),
        ("loinc", "4548-44"),
        ("loinc", "LP4548-4"),
        ("loinc", " 4548-4"),
        ("loinc", "４548-4"),
        ("snomed", "４4054006"),
        ("snomed", "12345"),
        ("snomed", "1234567890123456789"),
        ("snomed", "4405400a"),
        ("snomed", "44054006 "),
        ("icd10", "U07.1x"),
        ("icd10", "e11.9"),
        ("icd10", "E11."),
        ("icd10", "E11.99999"),
    ],
)
def test_shapes(system: str, code: str) -> None:
    assert "is not shaped like" in problem_with(system, code)


@pytest.mark.parametrize(
    ("system", "code"), [("loinc", "LA28397-0"), ("icd10", "Z59.41"), ("icd10", "J44.89"), ("icd10", "E10.37X1"), ("rxnorm", "x")]
)
def test_codes_without_a_check(system: str, code: str) -> None:
    assert problem_with(system, code) == ""


def test_systems_are_canonical_uris() -> None:
    assert all(re.fullmatch(r"http://\S+[^/]", uri) for uri in SYSTEMS.values())
    assert len(set(SYSTEMS.values())) == len(SYSTEMS)


def test_every_code_of_the_shipped_packs() -> None:
    short = {uri: name for name, uri in SYSTEMS.items()}
    codes = {c for pack in load_packs(BUILT_IN) for s in pack.program.series() for c in s.codes or ()}
    assert len(codes) > 100
    assert [c for c in codes if problem_with(short[c.system], c.code)] == []
