"""The measurement period"""

from support.spec import Spec, case, event

TAKEN = """
facts:
  seen: {exists: encounters, during: measurement period}
  ever before: {exists: procedures, before: start of measurement period}
  soon after: {exists: procedures, within: 30 days after end of measurement period}
groups:
  seen: {met: seen}
  before: {met: ever before}
  after: {met: soon after}
"""


def test_period(measure: Spec) -> None:
    """`period` stands in the measure or in pack.yaml, never in both: two days, `last year` or `this year`. Facts say
    `during: measurement period`, and count from `start of measurement period` and `end of measurement period` as from any day.
    """
    measure(
        TAKEN,
        case("on the first day", "seen: met, before: not met, after: not met", event("encounters", None, "2025-01-01")),
        case("on the last day", "seen: met, before: not met, after: not met", event("encounters", None, "2025-12-31")),
        case("the day after", "seen: not met, before: not met, after: not met", event("encounters", None, "2026-01-01")),
        case("the day before it began", "seen: not met, before: met, after: not met", event("procedures", None, "2024-12-31")),
        case("the day on which it began", "seen: not met, before: not met, after: not met", event("procedures", None, "2025-01-01")),
        case("30 days after its end", "seen: not met, before: not met, after: met", event("procedures", None, "2026-01-30")),
        case("31 days after its end", "seen: not met, before: not met, after: not met", event("procedures", None, "2026-01-31")),
        pack="period: 2025-01-01 to 2025-12-31",
    )


def test_last_year(measure: Spec) -> None:
    """`last year` and `this year` are counted from the day of evaluation."""
    measure(
        "period: last year\nfacts: {seen: {exists: encounters, during: measurement period}}\ngroups: {seen: {met: seen}}",
        case("last year", "met", event("encounters", None, "2025-07-01")),
        case("this year", "not met", event("encounters", None, "2026-02-01")),
        case("this year, asked next year", "met", event("encounters", None, "2026-02-01"), as_of="2027-01-10"),
    )
