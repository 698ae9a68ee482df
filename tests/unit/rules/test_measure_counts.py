"""Rates from outcomes, and the rows that may be shown."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.spec import write_measure

from rules.engines.reference import ReferenceEngine
from rules.episodes import Membership, memberships
from rules.facts import DateRange, Event, Person, PersonRecord
from rules.fingerprint import measure_fingerprint
from rules.grammar import OUTCOMES
from rules.lock import changes, locked
from rules.measure_counts import divisions, rows, stratum_of
from rules.measure_reasons import reasons
from rules.measures import Measure, Rate, rate
from rules.pack import Pack, load_packs
from rules.pages import pages
from rules.parse.facts import period
from rules.parse.fields import Problems

AS_OF = date(2026, 6, 30)
SEEN = """
period: last year
facts:
  age: {patient: age}
  seen: {exists: encounters, during: measurement period}
population: age >= 18
groups: {seen: {met: seen}}
stratify by: {age group: {up to 64: age < 65, 65 and over: age >= 65}}
"""


def pack(folder: Path, snippet: str = SEEN) -> Pack:
    folder.mkdir(exist_ok=True)
    (loaded,) = load_packs(write_measure(folder / "pack", snippet))
    return loaded


def people(*groups: tuple[int, int, bool, str]) -> list[PersonRecord]:
    """So many people, born in a year, seen or not, of a sex."""
    day = DateRange(date(2025, 5, 5), date(2025, 5, 5))
    found = []
    for number, born, seen, sex in groups:
        for _ in range(number):
            person = Person(id=f"p{len(found)}", birth=DateRange(date(born, 1, 1), date(born, 1, 1)), sex=sex)
            visit = Event("encounters", f"Encounter/{len(found)}", status="finished", start=day)
            found.append(PersonRecord(person, (visit,) if seen else (), frozenset()))
    return found


def members(measure: Measure, records: list[PersonRecord]) -> list[Membership]:
    return list(memberships(measure, records, AS_OF, ReferenceEngine()))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"met": 30, "not met": 10}, Rate(0.75, 0.75, 0.75)),
        ({"met": 30, "not met": 10, "unknown": 10}, Rate(0.75, 0.6, 0.8)),
        ({"met": 30, "not met": 10, "excluded": 7, "excepted": 7, "not eligible": 7}, Rate(0.75, 0.75, 0.75)),
        ({"unknown": 4}, Rate(None, 0.0, 1.0)),
        ({"excluded": 4}, Rate(None, None, None)),
    ],
)
def test_the_rate_and_what_it_might_be(counts: dict[str, int], expected: Rate) -> None:
    assert rate({outcome: counts.get(outcome, 0) for outcome in OUTCOMES}) == expected


def test_rows_by_stratum(tmp_path: Path) -> None:
    measure = pack(tmp_path).measures[0]
    found = members(
        measure, people((40, 1990, True, "female"), (20, 1990, False, "male"), (30, 1950, True, "male"), (15, 2020, True, "male"))
    )
    placed = [(stratum_of(member, AS_OF, ["age group"]), member) for member in found]
    first, second, together = rows(measure, "seen", placed)
    assert (first.stratum, first.cells["met"], first.cells["not eligible"], first.cells["people"]) == ("65 and over", "30", "0", "30")
    assert (second.stratum, second.cells["not met"], second.cells["not eligible"]) == ("up to 64", "20", "15")
    assert second.rate == Rate(40 / 60, 40 / 60, 40 / 60)
    assert (together.stratum, together.rate) == ("everybody", Rate(70 / 90, 70 / 90, 70 / 90))


def test_a_rate_is_withheld_with_the_numbers_that_it_comes_from(tmp_path: Path) -> None:
    measure = pack(tmp_path).measures[0]
    found = members(measure, people((40, 1990, True, "female"), (5, 1990, False, "female")))
    (row,) = rows(measure, "seen", [("everybody", member) for member in found])
    assert (row.cells["not met"], row.rate) == ("<11", None)


def test_what_people_are_divided_by(tmp_path: Path) -> None:
    measure = pack(tmp_path).measures[0]
    (member,) = members(measure, people((1, 1990, True, "female")))
    assert stratum_of(member, AS_OF, ["sex", "age group"]) == "female, up to 64"
    assert {"sex", "age band", "age group"} <= set(divisions([measure]))


def test_reasons_of_the_population_that_decided(tmp_path: Path) -> None:
    measure = pack(tmp_path).measures[0]
    met, not_met, child = members(measure, people((1, 1990, True, "female"), (1, 1990, False, "female"), (1, 2020, True, "female")))
    (group,) = measure.groups
    assert [(r.asks, [e.resource for e in r.evidence]) for r in reasons(measure, group, met, AS_OF)] == [("seen", ["Encounter/0"])]
    assert [(r.asks, r.value) for r in reasons(measure, group, not_met, AS_OF)] == [("seen", False)]
    assert [(r.asks, [e.resource for e in r.evidence]) for r in reasons(measure, group, child, AS_OF)] == [("age >= 18", ["Patient/p2"])]


def test_evidence_of_an_episode_names_the_patient(tmp_path: Path) -> None:
    each = SEEN.replace("population:", "each: {events: encounters, during: measurement period}\npopulation:")
    measure = pack(tmp_path, each).measures[0]
    (member,) = members(measure, people((1, 2020, True, "female")))
    (reason,) = reasons(measure, measure.groups[0], member, AS_OF)
    assert [e.resource for e in reason.evidence] == ["Patient/p0"]


# ---------------------------------------------------------------- the same measure in another period


def test_another_period(tmp_path: Path) -> None:
    loaded = pack(tmp_path)
    chosen = period(loaded.document.measures[0].id._replace(text="2026-01-01 to 2026-06-30"), Problems())
    assert chosen is not None
    (measure,) = loaded.measures_in(chosen)
    records = people((1, 1990, True, "female"))
    assert [m.outcomes["seen"] for m in members(measure, records)] == ["not met"]
    assert [m.outcomes["seen"] for m in members(loaded.measures[0], records)] == ["met"]


# ---------------------------------------------------------------- fingerprints, the lock, pages


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("met: seen", "met: {not: seen}"),
        ("age >= 18", "age > 18"),
        ("period: last year", "period: this year"),
        ("up to 64: age < 65", "up to 65: age < 65"),
        ("up to 64: age < 65", "up to 64: age < 64"),
        ("groups:", "each: {events: encounters}\ngroups:"),
        ("{met: seen}", "{met: seen, excepted: age > 90}"),
    ],
)
def test_another_meaning_has_another_fingerprint(old: str, new: str, tmp_path: Path) -> None:
    assert old in SEEN
    before, after = (pack(tmp_path / name, text).measures[0] for name, text in (("a", SEEN), ("b", SEEN.replace(old, new))))
    assert measure_fingerprint(before) != measure_fingerprint(after)


def test_other_names_and_texts_have_the_same(tmp_path: Path) -> None:
    before = pack(tmp_path / "a").measures[0]
    after = pack(tmp_path / "b", SEEN.replace("  seen:", "  visited:").replace("met: seen", "met: visited")).measures[0]
    assert measure_fingerprint(before) == measure_fingerprint(after)


def test_the_lock_notices_a_measure_that_means_something_else(tmp_path: Path) -> None:
    before, after = pack(tmp_path / "a"), pack(tmp_path / "b", SEEN.replace("age >= 18", "age >= 12"))
    lock = locked([before], {})
    assert list(changes([before], lock, tmp_path / "lock.json")) == []
    (change,) = changes([replace(after)], lock, tmp_path / "lock.json")
    assert "'spec' has another meaning" in change.diagnostic.message
    assert not change.allowed


def test_a_page_says_who_counts(tmp_path: Path) -> None:
    written = pages([pack(tmp_path)])
    assert "[A specification](spec.md) | Almoner maintainers | higher is better" in written["README.md"]
    page = written["spec.md"]
    assert "### Who counts (denominator)\n\n- age >= 18\n" in page
    assert "### Who has what is wanted (numerator)\n\n- seen\n" in page
    assert "| measurement period | last year |" in page
    assert "## By age group" in page
