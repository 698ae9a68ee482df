"""Decision tables"""

from support.spec import AT_RISK, DECLINED, NO, NO_RISK, STRANGE, UNKNOWN, YES, Spec, answered, case, diagnosed, event, measured

from rules.facts import Coding, Event

POINTS = """
facts:
  age: {patient: age}
  points:
    table:
      - {when: age >= 75, value: 2}
      - {when: age >= 65, value: 1}
      - {otherwise: 0}
when: points >= 1
"""
LIMIT = """
facts:
  diabetes: {exists: conditions, code: diabetes}
  hba1c: {latest: observations, code: HbA1c, unit: "%"}
  over:
    table:
      - {when: diabetes, value: hba1c - 7}
      - {when: hba1c >= 6.5 %, value: hba1c - 6}
    unit: "%"
when: over > 1 %
"""
RISK = """
facts:
  age: {patient: age}
  diabetes: {exists: conditions, code: diabetes}
  risk:
    table:
      - {when: diabetes, value: very high}
      - {when: age >= 65, value: high}
      - {otherwise: low}
when: risk is high
"""


def visited(kind: str | None, on: str = "2026-06-01") -> Event:
    tags = (("class", Coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", kind)),) if kind else ()
    return event("encounters", None, on, tags=tags)


def test_first_line(spec: Spec) -> None:
    """A `table` has lines from top to bottom; the first whose condition is yes gives the value. `otherwise` always holds."""
    spec(
        POINTS,
        case("75: the second line would hold as well", YES, patient={"birth": "1951-06-30"}, facts={"spec/points": 2.0}),
        case("74", YES, patient={"birth": "1951-07-01"}, facts={"spec/points": 1.0}),
        case("64", NO, patient={"birth": "1961-07-01"}, facts={"spec/points": 0.0}),
    )


def test_unknown_line(spec: Spec) -> None:
    """A line whose condition is unknown, before one that holds, makes the fact unknown; `otherwise` does not catch it."""
    spec(POINTS, case("no date of birth", UNKNOWN, facts={"spec/points": None}))
    spec(
        LIMIT,
        case("diabetes unknown", UNKNOWN, diagnosed(status=None), measured(9)),
        case("the first line holds: the second is not asked", YES, diagnosed(), measured(9), facts={"spec/over": 2.0}),
        case("the first line does not hold, the second is unknown", UNKNOWN, measured(None, None)),
    )


def test_no_line(spec: Spec) -> None:
    """If no line holds, the fact is unknown."""
    spec(
        LIMIT,
        case("no diabetes, 6.4 %", UNKNOWN, measured(6.4), facts={"spec/over": None}),
        case("no diabetes, 6.5 %", NO, measured(6.5), facts={"spec/over": 0.5}),
    )


def test_arithmetic_in_a_line(spec: Spec) -> None:
    """The value of a line is a number or arithmetic, in the table's unit; if that is unknown, so is the fact."""
    spec(
        LIMIT,
        case("diabetes, 8.5 %", YES, diagnosed(), measured(8.5), facts={"spec/over": 1.5}),
        case("diabetes, never measured", UNKNOWN, diagnosed(), facts={"spec/over": None}),
    )


def test_groups_in_a_line(spec: Spec) -> None:
    """A line's condition may be any condition over facts that are not themselves conditions. `round` rounds whichever line gave
    the value.
    """
    spec(
        """
        facts:
          age: {patient: age}
          sex: {patient: sex}
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
          share:
            table:
              - {when: {all: [sex is female, age between 40 and 60]}, value: hba1c / 3}
              - {when: {not: sex is known}, value: 1}
              - {otherwise: hba1c / 6}
            round: 1
        when: share > 2
        """,
        case("a woman of 50", YES, measured(8), patient={"sex": "female", "birth": "1976-01-01"}, facts={"spec/share": 2.7}),
        case("a man", NO, measured(8), patient={"sex": "male"}, facts={"spec/share": 1.3}),
        case("sex unknown, age outside: the first line is surely no", NO, measured(8), patient={"birth": "2000-01-01"}),
        case("sex unknown, age inside", UNKNOWN, measured(8), patient={"birth": "1976-01-01"}),
    )


def test_words_to_numbers(spec: Spec) -> None:
    """Lines over words give each answer its score; without a line for a word the score is unknown."""
    spec(
        """
        facts:
          food: {latest: observations, question: hunger}
          score:
            table:
              - {when: food is at risk, value: 3}
              - {when: food is no risk, value: 0}
        when: score >= 1
        """,
        case("at risk", YES, answered(AT_RISK), facts={"spec/score": 3.0}),
        case("no risk", NO, answered(NO_RISK), facts={"spec/score": 0.0}),
        case("declined has no line", UNKNOWN, answered(DECLINED)),
        case("a strange answer", UNKNOWN, answered(STRANGE)),
        case("never asked", UNKNOWN),
    )


def test_words(spec: Spec) -> None:
    """The values of a table may be words: the fact is then a word, and is compared as one. What is unknown makes it unknown as it does a
    number. A word begins with a letter and is not the name of a fact, which is read as that fact; a table does not give both words and
    numbers.
    """
    spec(
        RISK,
        case("the second line", YES, patient={"birth": "1950-01-01"}, facts={"spec/risk": "high"}),
        case("the first line counts", NO, diagnosed(), patient={"birth": "1950-01-01"}, facts={"spec/risk": "very high"}),
        case("neither", NO, patient={"birth": "1990-01-01"}, facts={"spec/risk": "low"}),
        case("the second line is unknown", UNKNOWN, facts={"spec/risk": None}),
        case("the second line is not asked", NO, diagnosed(), facts={"spec/risk": "very high"}),
    )
    spec(
        """
        facts:
          food: {latest: observations, question: hunger}
          answer:
            table:
              - {when: food is at risk, value: hungry}
              - {when: food is no risk, value: not hungry}
        when: answer is not hungry
        """,
        case("`not hungry` is one of the words", YES, answered(NO_RISK), facts={"spec/answer": "not hungry"}),
        case("hungry", NO, answered(AT_RISK), facts={"spec/answer": "hungry"}),
        case("no line for the answer", UNKNOWN, answered(DECLINED), facts={"spec/answer": None}),
    )


def test_tables_over_tables(spec: Spec) -> None:
    """A table may look at what another table gives, word or number."""
    spec(
        """
        facts:
          age: {patient: age}
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
          group: {table: [{when: age >= 65, value: older}, {otherwise: younger}]}
          goal: {table: [{when: group is older, value: 8}, {otherwise: 7}], unit: "%"}
          over: {value: hba1c - goal, unit: "%"}
          control: {table: [{when: over <= 0 %, value: in range}, {when: group is younger, value: far out}, {otherwise: out of range}]}
        when: control is out of range
        """,
        case("70 years, 8.1 %", YES, measured(8.1), patient={"birth": "1956-01-01"}, facts={"spec/control": "out of range"}),
        case("70 years, 8 %", NO, measured(8), patient={"birth": "1956-01-01"}, facts={"spec/control": "in range"}),
        case("40 years, 8 %", NO, measured(8), patient={"birth": "1986-01-01"}, facts={"spec/control": "far out"}),
        case("age unknown", UNKNOWN, measured(5), facts={"spec/group": None, "spec/goal": None, "spec/control": None}),
    )


def test_which_set_the_latest_is_in(spec: Spec) -> None:
    """Which value set the code (class, reason …) of the latest event is in is said by a fact for each set, counted since the day of that
    event; a table makes one word of them. Of several events on that day the first line that holds counts.
    """
    spec(
        """
        facts:
          last: {latest: encounters}
          stay: {exists: encounters, class: {act-code: [IMP]}, since: last}
          emergency: {exists: encounters, class: {act-code: [EMER]}, since: last}
          setting: {table: [{when: emergency, value: emergency room}, {when: stay, value: ward}, {otherwise: elsewhere}]}
        when: setting is ward
        """,
        case("a stay", YES, visited("IMP"), facts={"spec/setting": "ward"}),
        case("a stay, then a visit", NO, visited("IMP", "2026-01-01"), visited("AMB"), facts={"spec/setting": "elsewhere"}),
        case("a stay that began as an emergency", NO, visited("IMP"), visited("EMER"), facts={"spec/setting": "emergency room"}),
        case("nobody says what it was", UNKNOWN, visited(None), facts={"spec/setting": None}),
        case("never seen", UNKNOWN, facts={"spec/setting": None}),
    )
