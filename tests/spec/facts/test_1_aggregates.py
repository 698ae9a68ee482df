"""From events to one value"""

from support.spec import DIABETES_ICD, NO, PHQ9, UNKNOWN, YES, Spec, case, diagnosed, event, measured


def test_exists(spec: Spec) -> None:
    """`exists` says whether there is at least one matching event. Where everything was read and nothing matches, the answer is *no*."""
    spec(
        "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes",
        case("one", YES, diagnosed(), facts={"spec/diabetes": True}),
        case("two", YES, diagnosed("2026-01-01"), diagnosed("2026-02-01")),
        case("none", NO, facts={"spec/diabetes": False}),
        case("something else", NO, measured(9)),
    )


def test_count(spec: Spec) -> None:
    """`count` counts matching events; none at all is 0."""
    spec(
        "facts: {visits: {count: encounters, within: 12 months}}\nwhen: visits >= 2",
        case("none", NO, facts={"spec/visits": 0.0}),
        case("one", NO, event("encounters", None, "2026-05-01"), facts={"spec/visits": 1.0}),
        case("two on one day are two", YES, event("encounters", None, "2026-05-01"), event("encounters", None, "2026-05-01")),
        case("one of unknown date may lie within", UNKNOWN, event("encounters", None, "2026-05-01"), event("encounters", None, None)),
    )


def test_latest(spec: Spec) -> None:
    """`latest` takes the value of the last event, not the highest value. Without an event it is unknown."""
    spec(
        'facts: {hba1c: {latest: observations, code: HbA1c, unit: "%"}}\nwhen: hba1c > 9 %',
        case("one", YES, measured(9.6), facts={"spec/hba1c": 9.6}),
        case("the later is lower", NO, measured(11, on="2026-01-02"), measured(7.1, on="2026-05-02"), facts={"spec/hba1c": 7.1}),
        case("the order in the record does not matter", NO, measured(7.1, on="2026-05-02"), measured(11, on="2026-01-02")),
        case("none", UNKNOWN, facts={"spec/hba1c": None}),
    )


def test_time_since_latest(spec: Spec) -> None:
    """`time since latest` counts completed days, weeks, months or years since the last event. Without an event it is unknown."""
    for unit, reached, just_not in (
        ("days", "2026-06-27", "2026-06-28"),
        ("weeks", "2026-06-09", "2026-06-10"),
        ("months", "2026-03-30", "2026-04-01"),
        ("years", "2023-06-30", "2023-07-01"),
    ):
        spec(
            f"facts: {{gap: {{time since latest: procedures, in: {unit}}}}}\nwhen: gap >= 3 {unit}",
            case(f"3 {unit}", YES, event("procedures", None, reached), facts={"spec/gap": 3.0}),
            case(f"a day short of 3 {unit}", NO, event("procedures", None, just_not), facts={"spec/gap": 2.0}),
            case("only the last one counts", NO, event("procedures", None, "2020-01-01"), event("procedures", None, "2026-06-30")),
            case("never", UNKNOWN),
        )


def test_the_last_day_completes_a_month(spec: Spec) -> None:
    """The last day of a month completes a month: from 31 March to 30 June are three months."""
    spec(
        "facts: {gap: {time since latest: procedures, in: months}}\nwhen: gap >= 3",
        case("31 March to 30 June", YES, event("procedures", None, "2026-03-31")),
        case("31 March to 29 June", NO, event("procedures", None, "2026-03-31"), as_of="2026-06-29"),
        case("30 November to 28 February", YES, event("procedures", None, "2025-11-30"), as_of="2026-02-28"),
        case("30 November to 28 February of a leap year", NO, event("procedures", None, "2023-11-30"), as_of="2024-02-28"),
    )


def test_codes(spec: Spec) -> None:
    """`code` names a value set, or writes the codes out. An event with several codings matches if one of them does; code
    *and* system count.
    """
    spec(
        "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes",
        case("another system's code of the same set", YES, diagnosed(code=DIABETES_ICD)),
        case("one of several codings", YES, diagnosed(codes=(PHQ9, DIABETES_ICD))),
        case("no coding", NO, diagnosed(codes=())),
        case("the right code in the wrong system", NO, diagnosed(codes=(DIABETES_ICD._replace(system=PHQ9.system),))),
    )
    spec(
        "facts: {a1c: {exists: observations, code: {loinc: [4548-4]}}}\nwhen: a1c",
        case("written out", YES, measured(5)),
        case("other", NO, measured(5, code=PHQ9)),
    )


def test_without_a_code(spec: Spec) -> None:
    """Without `code`, every event of the table matches."""
    spec(
        "facts: {any visit: {exists: encounters}}\nwhen: any visit",
        case("a visit without a code", YES, event("encounters", None, "2026-05-01")),
        case("none", NO),
    )


def test_several_tables(spec: Spec) -> None:
    """A fact may draw on several tables; each keeps its own usual statuses."""
    spec(
        "facts: {followed: {exists: [encounters, procedures], code: diabetes}}\nwhen: followed",
        case("in the first", YES, event("encounters", DIABETES_ICD, "2026-05-01")),
        case("in the second", YES, event("procedures", DIABETES_ICD, "2026-05-01")),
        case("in another", NO, diagnosed()),
        case("a status that counts in the first only", NO, event("procedures", DIABETES_ICD, "2026-05-01", "finished")),
    )
