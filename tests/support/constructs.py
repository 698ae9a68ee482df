"""``docs/reference/constructs.md``: what measure logic needs, how it is written here, and the specification that shows it.

From the top of the checkout: ``PYTHONPATH=tests python -m support.constructs``.
"""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "constructs.md"
TESTS: Final = ROOT / "tests"
NOT_YET: Final = "not yet"


@dataclass(frozen=True, slots=True)
class Construct:
    """One thing that authors need to say."""

    name: str
    written: str
    """How it is written: a fact (``x: {…}``) or a key of a rule (``when: …``); for what is not there yet, what to do instead."""
    shown: str = ""
    """``file::test`` in ``tests``; empty: not yet."""
    note: str = ""
    """What the snippet leaves open."""


SHARED_FACTS: Final = """\
  age: {patient: age}
  birth: {patient: birth}
  sex: {patient: sex}
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  baseline: {earliest: observations, code: HbA1c, unit: "%"}
  food: {latest: observations, question: hunger}
  has diabetes: {exists: conditions, code: diabetes}
  visits: {count: encounters}
"""
"""The facts that a snippet may name."""

MEASURES: Final = (
    Construct("age on the day of evaluation", "when: age between 18 and 75", "spec/facts/test_3_patient.py::test_age"),
    Construct(
        "age at the start or the end of a measurement period",
        "x: {patient: age, on: start of last year}",
        "spec/facts/test_3_patient.py::test_age_on_another_day",
    ),
    Construct(
        "any coding of the event in a value set", "x: {exists: conditions, code: diabetes}", "spec/facts/test_1_aggregates.py::test_codes"
    ),
    Construct("a code written out", "x: {exists: observations, code: {loinc: [4548-4]}}", "spec/facts/test_1_aggregates.py::test_codes"),
    Construct(
        "status; for conditions clinical status and refutation",
        "x: {exists: conditions, code: diabetes, status: [active, resolved]}",
        "spec/records/test_1_status.py::test_override",
    ),
    Construct(
        "verification status: provisional, differential, unconfirmed",
        "x: {exists: conditions, code: diabetes, verification: {condition-ver-status: [confirmed]}}",
        "spec/facts/test_6_which_events.py::test_verification",
        note="`refuted` and `entered-in-error` never count unless `status` names them",
    ),
    Construct(
        "intent of a request",
        'x: {exists: referrals, intent: {"http://hl7.org/fhir/request-intent": [order]}}',
        "spec/facts/test_6_which_events.py::test_class_and_intent",
    ),
    Construct(
        "category of an event; class of an encounter",
        "x: {exists: encounters, class: {act-code: [IMP, EMER]}}",
        "spec/facts/test_6_which_events.py::test_class_and_intent",
    ),
    Construct("starts during", "x: {exists: procedures, during: last year}", "spec/time/test_4_bounds.py::test_during_a_year"),
    Construct(
        "a fixed measurement period",
        "x: {exists: procedures, during: 2025-01-01 to 2025-12-31}",
        "spec/time/test_4_bounds.py::test_during_a_period",
    ),
    Construct("ends during", "x: {exists: encounters, during: last year, timing: ends}", "spec/time/test_5_timing.py::test_ends"),
    Construct("lies inside", "x: {exists: encounters, during: last year, timing: inside}", "spec/time/test_5_timing.py::test_inside"),
    Construct("overlaps", "x: {exists: conditions, during: last year, timing: overlaps}", "spec/time/test_5_timing.py::test_overlaps"),
    Construct(
        "overlaps after: goes on beyond the end; overlaps before",
        "x: {exists: conditions, during: last year, timing: overlaps after}",
        "spec/time/test_5_timing.py::test_overlaps_after",
    ),
    Construct(
        "before, after, on or before, on or after",
        "x: {exists: procedures, before: hba1c}",
        "spec/time/test_4_bounds.py::test_until_and_before",
    ),
    Construct(
        "prevalence interval: onset to abatement",
        "x: {exists: conditions, code: diabetes, status: [active, resolved], during: last year, timing: overlaps}",
        "spec/time/test_5_timing.py::test_overlaps",
    ),
    Construct(
        "recurrence",
        "x: {exists: conditions, during: last year, timing: overlaps}",
        "spec/time/test_5_timing.py::test_recurrence",
        "each occurrence is a condition of its own",
    ),
    Construct("most recent", 'x: {latest: observations, code: HbA1c, unit: "%"}', "spec/facts/test_1_aggregates.py::test_latest"),
    Construct("ties within a day decided by hour, issue, update, id", "always so", "spec/facts/test_2_latest.py::test_ties"),
    Construct(
        "ties within a day decided by the value, the lowest of the last day",
        'x: {latest: observations, code: HbA1c, unit: "%", ties: lowest}',
        "spec/facts/test_2_latest.py::test_ties_by_value",
    ),
    Construct("first", 'x: {earliest: observations, code: HbA1c, unit: "%"}', "spec/facts/test_5_values.py::test_earliest"),
    Construct(
        "highest and lowest", 'x: {highest: observations, code: HbA1c, unit: "%"}', "spec/facts/test_5_values.py::test_highest_and_lowest"
    ),
    Construct("mean and sum", 'x: {mean: observations, code: HbA1c, unit: "%"}', "spec/facts/test_5_values.py::test_mean_and_sum"),
    Construct(
        "how many, on different days", "x: {count: encounters, different days: yes}", "spec/facts/test_5_values.py::test_different_days"
    ),
    Construct(
        "so many, at least so long apart",
        "x: {count: encounters, not preceded by: {events: encounters, within: 30 days}}",
        "spec/time/test_6_relations.py::test_never_itself",
        "counts groups of events, each a month after the one before",
    ),
    Construct(
        "A within so many days after, or before, some B",
        "x: {exists: observations, code: PHQ-9 total, followed by: {events: procedures, within: 30 days}}",
        "spec/time/test_6_relations.py::test_relation_within",
    ),
    Construct(
        "A within so many days of the last (first, highest) B",
        "x: {exists: procedures, within: 30 days after hba1c}",
        "spec/time/test_4_bounds.py::test_within_after",
    ),
    Construct(
        "first or last before a date",
        'x: {latest: observations, code: HbA1c, unit: "%", before: 2026-01-01}',
        "spec/time/test_4_bounds.py::test_latest_before",
    ),
    Construct(
        "absence in a window",
        "when: {none: [has diabetes, visits > 0]}",
        "spec/time/test_1_windows.py::test_closed",
        "a fact with `exists` and a window, under `none` or `not`",
    ),
    Construct(
        "A without B afterwards",
        "x: {exists: observations, code: PHQ-9 total, not followed by: {events: procedures, within: 14 days}}",
        "spec/time/test_6_relations.py::test_the_time_is_not_over",
    ),
    Construct(
        "relations of related events",
        "x: {exists: observations, followed by: {events: referrals, not followed by: {events: tasks, within: 60 days}}}",
        "spec/time/test_6_relations.py::test_nested",
    ),
    Construct(
        "during the period of another event: a procedure in the stay",
        "x: {exists: procedures, during: {events: encounters}}",
        "spec/time/test_6_relations.py::test_during_an_event",
    ),
    Construct("look-back of a year", "x: {exists: procedures, within: 1 year}", "spec/time/test_1_windows.py::test_units"),
    Construct(
        "days counted from birth",
        "x: {exists: procedures, within: 2 years after birth}",
        "spec/time/test_4_bounds.py::test_counting_from_birth",
    ),
    Construct(
        "percent change from baseline",
        "x: {value: (hba1c - baseline) / baseline * 100}",
        "spec/facts/test_7_arithmetic.py::test_change_from_baseline",
    ),
    Construct(
        "sums of items", "x: {value: hba1c + baseline}", "spec/facts/test_7_arithmetic.py::test_sum_of_items", "one fact for each item"
    ),
    Construct(
        "an answer turned into its score",
        "x: {table: [{when: food is at risk, value: 3}, {when: food is no risk, value: 0}]}",
        "spec/facts/test_8_tables.py::test_words_to_numbers",
    ),
    Construct(
        "union across resource types",
        "x: {exists: [encounters, procedures], code: diabetes}",
        "spec/facts/test_1_aggregates.py::test_several_tables",
    ),
    Construct(
        "last status of housing",
        "when: food is at risk",
        "spec/meaning/test_1_questions.py::test_latest_answer",
        "the latest answer to a question",
    ),
    Construct(
        "period of a prescription: cumulative days, gaps, persistence",
        "x: {days covered: medications, code: diabetes, during: last year}",
        "spec/facts/test_5_values.py::test_days_covered",
    ),
    Construct(
        "negation with reason",
        "x: {exists: procedures, status: not-done, reason: diabetes}",
        "spec/facts/test_6_which_events.py::test_not_done_for_a_reason",
    ),
    Construct("definitions shared by rules", "`facts:` in pack.yaml or valuesets/", "spec/facts/test_4_derived.py::test_derived"),
    Construct(
        "definitions shared by packs",
        '`imports: [{pack: ../library, version: ">=1.2, <2"}]` in pack.yaml',
        "spec/rules/test_4_imports.py::test_imports",
    ),
    Construct("exclusions, definite ones only", "unless: [has diabetes]", "spec/rules/test_1_unless.py::test_unless"),
    Construct("initial population of all rules", "`population:` in pack.yaml", "spec/rules/test_2_population.py::test_population"),
    Construct(
        "membership of a programme",
        "x: {exists: programmes, code: diabetes}",
        "spec/records/test_1_status.py::test_defaults",
        note="also `status: waitlist`, and `careplans` for those who record it there",
    ),
    Construct(
        "denominator, exclusions, numerator, exceptions of a rate",
        "`groups: {tested: {eligible: …, excluded: …, met: …, excepted: …}}` in a measure",
        "spec/measures/test_1_populations.py::test_outcomes",
    ),
    Construct(
        "several groups with scores of their own",
        "`groups: {taken: {met: …}, controlled: {eligible: …, met: …}}` in a measure",
        "spec/measures/test_1_populations.py::test_groups",
    ),
    Construct(
        "the measurement period, told once",
        "`period: last year` in pack.yaml or in a measure; facts say `during: measurement period`, `since: start of measurement period`",
        "spec/measures/test_2_periods.py::test_period",
    ),
    Construct(
        "episode-based: each visit, each stay",
        "`each: {events: encounters, during: measurement period}` in a measure; facts count from `episode`",
        "spec/measures/test_3_episodes.py::test_each",
    ),
    Construct(
        "stratifiers",
        "`stratify by: {age group: {up to 64: age < 65, 65 and over: age >= 65}, sex: sex}` in a measure",
        "spec/measures/test_4_strata.py::test_strata",
    ),
    Construct(
        "supplemental sex, race, ethnicity",
        "`almoner measure --by sex,race`",
        "unit/rules/test_measure_counts.py::test_what_people_are_divided_by",
    ),
    Construct(
        "supplemental payer",
        "`payer: {table: [{when: has PPO, value: preferred provider organization}, …]}` over facts such as "
        "`has PPO: {exists: coverages, code: …}`, and `stratify by: {payer: payer}` in a measure",
        "spec/measures/test_4_strata.py::test_by_payer",
        "the payer's kind is the type of the coverage",
    ),
)
"""The constructs that national measure logic uses."""

GRAMMAR: Final = (
    Construct("facts about the person", "x: {patient: language}", "spec/facts/test_3_patient.py::test_sex_language_postcode"),
    Construct(
        "time since the latest", "x: {time since latest: procedures, in: months}", "spec/facts/test_1_aggregates.py::test_time_since_latest"
    ),
    Construct(
        "aggregate *all*: every event passes",
        'x: {all: observations, code: HbA1c, unit: "%", where: value < 8}',
        "spec/facts/test_5_values.py::test_all",
    ),
    Construct(
        "aggregate *trend*",
        'x: {trend: observations, code: HbA1c, unit: "%", in: months}',
        "spec/facts/test_5_values.py::test_trend",
    ),
    Construct(
        "tests of the event's number",
        'x: {exists: observations, code: HbA1c, unit: "%", where: value >= 9}',
        "spec/facts/test_6_which_events.py::test_where",
    ),
    Construct(
        "tests of a component of an observation",
        "x: {exists: observations, code: {loinc: [8480-6]}}",
        "spec/facts/test_6_which_events.py::test_where",
        "a component is an event with its own code",
    ),
    Construct(
        "tests of the performer",
        'x: {exists: procedures, performer: {snomed: ["310512001"]}}',
        "spec/facts/test_6_which_events.py::test_performer",
        "their kind, where the resource itself says it",
    ),
    Construct(
        "tests of the answer",
        "x: {exists: observations, question: hunger, answer: at risk}",
        "spec/facts/test_6_which_events.py::test_answer",
    ),
    Construct(
        "events without a usable value left out",
        'x: {latest: observations, code: HbA1c, unit: "%", usable only: yes}',
        "spec/facts/test_5_values.py::test_usable_only",
    ),
    Construct("arithmetic", 'x: {value: "max(hba1c, 7) * 2"}', "spec/facts/test_7_arithmetic.py::test_precedence"),
    Construct("powers and rounding", "x: {value: hba1c ^ 0.5, round: 2}", "spec/facts/test_7_arithmetic.py::test_powers"),
    Construct(
        "logarithms",
        'x: {value: "log(hba1c, 10)", round: 2}',
        "spec/facts/test_7_arithmetic.py::test_logarithms",
    ),
    Construct(
        "decision tables", "x: {table: [{when: age >= 65, value: 1}, {otherwise: 0}]}", "spec/facts/test_8_tables.py::test_first_line"
    ),
    Construct(
        "decision tables that give words",
        "x: {table: [{when: age >= 65, value: high}, {otherwise: low}]}",
        "spec/facts/test_8_tables.py::test_words",
    ),
    Construct("conditions as facts", "x: {when: {all: [has diabetes, hba1c > 9 %]}}", "spec/facts/test_4_derived.py::test_derived"),
    Construct("all, any, none, not", "when: {any: [has diabetes, not: hba1c > 9 %]}", "spec/answers/test_1_three_answers.py::test_not"),
    Construct(
        "at least n of several conditions",
        "when: {at least: 2, of: [has diabetes, age >= 65, visits > 3]}",
        "spec/answers/test_1_three_answers.py::test_at_least",
    ),
    Construct("comparisons and `between`", "when: hba1c between 7 and 9 %", "spec/answers/test_2_lines.py::test_between"),
    Construct("`is` a word", "when: food is not at risk", "spec/answers/test_2_lines.py::test_words"),
    Construct("`is known`, `is unknown`", "when: hba1c is unknown", "spec/answers/test_2_lines.py::test_known"),
    Construct(
        "a code of the latest event in a value set, as a line",
        "x: {exists: conditions, code: diabetes, since: hba1c}",
        "spec/facts/test_8_tables.py::test_which_set_the_latest_is_in",
        "a fact for each value set, counted since the day of that event; a table makes one word of them",
    ),
    Construct(
        "events of the household",
        "x: {exists: conditions, code: diabetes, of: household}",
        "spec/records/test_4_households.py::test_household",
    ),
    Construct("what was recommended before (`repeat`, `supersedes`, snooze)", ""),
    Construct(
        "value sets in files, of a stated version",
        '`valuesets: {frailty: {file: frailty.json, version: "2"}}`',
        "unit/rules/test_expansions.py::test_an_expansion_gives_its_active_codes",
    ),
    Construct(
        "published value sets, by canonical URL and version",
        '`valuesets: {frailty: {url: "http://example.org/ValueSet/frailty", version: "2"}}`',
        "spec/meaning/test_3_value_sets.py::test_published_value_sets",
        "fetched once by `almoner pack expand`",
    ),
    Construct(
        "descendants of a code, found by a terminology server",
        '`valuesets: {diabetes: {descendants of: {snomed: ["73211009"]}}}`',
        "spec/meaning/test_3_value_sets.py::test_descendants_of",
        "with `is a` instead, the code itself too",
    ),
)
"""The grammar that was planned."""

_INTRODUCTION: Final = """\
# Constructs

Generated by `PYTHONPATH=tests python -m support.constructs`. Do not edit.

What quality measures and guidelines say, how it is written in a rule, and the test in `tests` that shows it: those in `spec` run on
every engine. *{not_yet}* is said plainly. The meaning of each is in [the language](language.md).
"""


def page() -> str:
    """The whole page."""
    sections = (("What measure logic uses", MEASURES), ("The rest of the grammar", GRAMMAR))
    parts = [_INTRODUCTION.format(not_yet=NOT_YET)]
    for title, constructs in sections:
        there = sum(bool(c.shown) for c in constructs)
        rows = [f"## {title}\n\n{there} of {len(constructs)}.\n", "| construct | written | shown by |", "|---|---|---|"]
        parts.append("\n".join(rows + [_row(c) for c in constructs]) + "\n")
    return "\n".join(parts)


def _row(construct: Construct) -> str:
    written = f"`{construct.written}`" if is_snippet(construct) else construct.written
    told = "; ".join(part for part in (written, construct.note) if part)
    return f"| {construct.name} | {told} | {f'`{construct.shown}`' if construct.shown else NOT_YET} |"


def is_snippet(construct: Construct) -> bool:
    """Whether ``written`` is a fact or a key of a rule, not a remark."""
    return construct.written.startswith(("x: ", "when: ", "unless: "))


def rule(construct: Construct) -> str:
    """A rule around the snippet, for `support.spec.write_pack`."""
    if construct.written.startswith("x: "):
        return f"facts:\n{SHARED_FACTS}  {construct.written}\nwhen: x is known\n"
    rest = "" if construct.written.startswith("when: ") else "when: has diabetes\n"
    return f"facts:\n{SHARED_FACTS}{rest}{construct.written}\n"


def specifications() -> set[str]:
    """Every test of the language as ``folder/file.py::test``."""
    return {
        f"{file.relative_to(TESTS).as_posix()}::{node.name}"
        for folder in ("spec", "unit/rules")
        for file in (TESTS / folder).rglob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
