"""Facts about the person"""

from support.spec import NO, UNKNOWN, YES, Spec, case, measured


def test_age(spec: Spec) -> None:
    """`age` is in whole years by the calendar: it changes on the birthday."""
    spec(
        "facts: {age: {patient: age}}\nwhen: age >= 50",
        case("the 50th birthday", YES, patient={"birth": "1976-06-30"}, facts={"spec/age": 50.0}),
        case("the day before it", NO, patient={"birth": "1976-07-01"}, facts={"spec/age": 49.0}),
        case("no date of birth", UNKNOWN),
    )


def test_leap_day_births(spec: Spec) -> None:
    """Who was born on 29 February turns on 1 March in other years."""
    spec(
        "facts: {age: {patient: age}}\nwhen: age >= 18",
        case("28 February", NO, patient={"birth": "2008-02-29"}, as_of="2026-02-28"),
        case("1 March", YES, patient={"birth": "2008-02-29"}, as_of="2026-03-01"),
        case("29 February of a leap year", YES, patient={"birth": "2008-02-29"}, as_of="2028-02-29"),
    )


def test_partial_birth(spec: Spec) -> None:
    """With a partial date of birth the age is known only where every possible birthday gives the same age."""
    spec(
        "facts: {age: {patient: age}}\nwhen: age >= 16",
        case("born in 2010, on 30 June", UNKNOWN, patient={"birth": "2010"}),
        case("born in 2010, on 31 December", YES, patient={"birth": "2010"}, as_of="2026-12-31"),
        case("born in March 2010", YES, patient={"birth": "2010-03"}),
        case("born in June 2010, on the last day of June", YES, patient={"birth": "2010-06"}),
        case("born in July 2010", NO, patient={"birth": "2010-07"}),
    )


def test_sex_language_postcode(spec: Spec) -> None:
    """`sex`, `language` and `postcode` are words as the record has them; a missing one is unknown."""
    spec(
        "facts: {sex: {patient: sex}}\nwhen: sex is female",
        case("female", YES, patient={"sex": "female"}),
        case("other", NO, patient={"sex": "other"}),
        case("not recorded", UNKNOWN),
    )
    spec(
        "facts: {language: {patient: language}}\nwhen: language is not en",
        case("es", YES, patient={"language": "es"}),
        case("en", NO, patient={"language": "en"}),
        case("not recorded", UNKNOWN),
    )
    spec(
        "facts: {area: {patient: postcode}}\nwhen: area is 02139",
        case("the same", YES, patient={"postcode": "02139"}),
        case("without the zero", NO, patient={"postcode": "2139"}),
        case("none", UNKNOWN),
    )


def test_deceased(spec: Spec) -> None:
    """`deceased` is *no* for a patient without any note of death, and until the day of death; a contradictory record is unknown."""
    spec(
        "facts: {deceased: {patient: deceased}}\nwhen: deceased",
        case("no note", NO),
        case("noted without a date", YES, patient={"deceased": True}),
        case("died today", YES, patient={"deceased": True, "died": "2026-06-30"}),
        case("died tomorrow: at a replay of the past, not yet", NO, patient={"deceased": True, "died": "2026-07-01"}),
        case("died this month or later, seen in mid-month", UNKNOWN, patient={"deceased": True, "died": "2026-06"}, as_of="2026-06-15"),
        case("contradiction", UNKNOWN, patient={"deceased": None}),
    )


AGE_THEN = (
    "facts: {{age then: {{patient: age, on: {day}}}, last a1c: {{latest: observations, code: HbA1c, unit: '%'}}}}\nwhen: age then >= 50"
)


def test_age_on_another_day(spec: Spec) -> None:
    """With `on`, `age` is that on another day: a date, `start of last year`, `end of this year`, `3 months ago`, or that of a fact."""
    spec(
        AGE_THEN.format(day="2025-01-01"),
        case("the 50th birthday", YES, patient={"birth": "1975-01-01"}),
        case("the day before it", NO, patient={"birth": "1975-01-02"}),
        case("no date of birth", UNKNOWN),
    )
    spec(
        AGE_THEN.format(day="start of last year"),
        case("the 50th birthday", YES, patient={"birth": "1975-01-01"}),
        case("the day before it", NO, patient={"birth": "1975-01-02"}),
        case("born in 1975", UNKNOWN, patient={"birth": "1975"}),
    )
    spec(
        AGE_THEN.format(day="end of this year"),
        case("turns 50 on the last day of the year", YES, patient={"birth": "1976-12-31"}),
        case("a day later", NO, patient={"birth": "1977-01-01"}),
    )
    spec(
        AGE_THEN.format(day="3 months ago"),
        case("on 30 March", YES, patient={"birth": "1976-03-30"}),
        case("on 31 March", NO, patient={"birth": "1976-03-31"}),
    )


def test_age_on_the_day_of_a_fact(spec: Spec) -> None:
    """On the day of a fact it is unknown where that day is; with a partial day every possible one must give the same age."""
    spec(
        AGE_THEN.format(day="last a1c"),
        case("50 on that day", YES, measured(7, on="2026-02-01"), patient={"birth": "1976-02-01"}),
        case("49 on that day, 50 since", NO, measured(7, on="2026-02-01"), patient={"birth": "1976-02-02"}),
        case("never measured", UNKNOWN, patient={"birth": "1976-02-01"}),
        case("some time in the month of the birthday", UNKNOWN, measured(7, on="2026-02"), patient={"birth": "1976-02-15"}),
        case("some time in the month after it", YES, measured(7, on="2026-02"), patient={"birth": "1976-01-31"}),
        case("observations not loaded", UNKNOWN, patient={"birth": "1976-02-01"}, not_loaded=("observations",)),
        case("a measurement whose value cannot be used has a day too", YES, measured(None), patient={"birth": "1976-02-01"}),
    )
