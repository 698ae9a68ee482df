"""How values, dates and languages are written for people."""

from datetime import date

import pytest

from plugin.wording import LANGUAGES, amount, asked, counted, day, language, language_names, moment
from rules.facts import Value


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "%", ""),
        (9.6, "%", "9.6 %"),
        (16.0, "{score}", "16"),
        (16, None, "16"),
        (1.0, "days", "1 day"),
        (103.0, "days", "103 days"),
        (140.0, "mm[Hg]", "140 mmHg"),
        (45.0, "mL/min/{1.73_m2}", "45 mL/min/1.73 m2"),
        (True, None, "yes"),
        (False, None, "no"),
        ("at risk", None, "at risk"),
        (0.1 + 0.2, None, "0.3"),
    ],
)
def test_amounts(value: Value, unit: str | None, expected: str) -> None:
    assert amount(value, unit).replace("\N{NARROW NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (True, None, "sí"),
        (False, None, "no"),
        (1.0, "days", "1 día"),
        (103.0, "days", "103 días"),
        (2.0, "months", "2 meses"),
        (9.6, "%", "9.6 %"),
        (16.0, "{score}", "16"),
        ("at risk", None, "at risk"),
        (None, "days", ""),
    ],
)
def test_amounts_in_spanish(value: Value, unit: str | None, expected: str) -> None:
    assert amount(value, unit, "es").replace("\N{NARROW NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-14", "14 Mar 2026"),
        ("2026-03-04", "4 Mar 2026"),
        ("2026-03", "Mar 2026"),
        ("2026", "2026"),
        ("", ""),
        (None, ""),
        (date(2026, 3, 14), "14 Mar 2026"),
        ("by 2016-06-27", "by 27 Jun 2016"),
        ("2026-03-14 to 2026-03-20", "14 Mar 2026 to 20 Mar 2026"),
        ("2026-99-99", "2026-99-99"),
        ("0001-01-01", "1 Jan 0001"),
        ("soon", "soon"),
    ],
)
def test_days(written: str | date | None, expected: str) -> None:
    assert day(written) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("es", "Spanish"), ("es-MX", "Spanish (MX)"), ("EN", "English"), ("xx", "xx"), ("", ""), (None, "")],
)
def test_languages(code: str | None, expected: str) -> None:
    assert language(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"), [("es-MX", "español (MX)"), ("ase", "lengua de signos estadounidense"), ("xx", "xx"), ("", "")]
)
def test_languages_in_spanish(code: str, expected: str) -> None:
    assert language(code, "es") == expected


def test_every_language_that_we_know_has_a_name_in_spanish() -> None:
    names = language_names("es")
    assert names.keys() == LANGUAGES.keys()
    assert {code for code, name in names.items() if name == LANGUAGES[code]} == set()


def test_moments_say_their_time_zone() -> None:
    assert moment("2026-11-22T02:01:59+00:00") == "22 Nov 2026, 02:01 UTC"
    assert moment("2026-11-22T02:01:59+02:00") == "22 Nov 2026, 02:01+02:00"


def test_conditions_lose_only_annotations() -> None:
    assert asked("phq9 >= 10 {score}") == "phq9 >= 10"
    assert asked("hba1c > 9 %") == "hba1c > 9 %"
    assert asked("egfr < 60 mL/min/{1.73_m2}") == "egfr < 60 mL/min/{1.73_m2}"


def test_one_and_many() -> None:
    assert [counted(n, "person", "people") for n in (0, 1, 2000)] == ["0 people", "1 person", "2,000 people"]
    assert counted(2, "rule") == "2 rules"
