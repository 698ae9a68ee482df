"""Yes, no, unknown"""

from support.spec import NO, UNKNOWN, YES, Spec, case, diagnosed, event, measured

HAS_BOTH = """
facts:
  a: {exists: conditions, code: diabetes}
  b: {exists: procedures}
"""
YES_A, YES_B = diagnosed(), event("procedures", None, "2026-01-05")
MISSING_A, MISSING_B = ("conditions",), ("procedures",)


def test_missing_is_unknown(spec: Spec) -> None:
    """A rule answers *yes*, *no* or *unknown*. What is not on record is unknown; it is never taken for *no*."""
    spec(
        """
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
        when: hba1c > 9 %
        """,
        case("above the limit", YES, measured(9.6)),
        case("not above it", NO, measured(9.0)),
        case("never measured", UNKNOWN),
    )


def test_and(spec: Spec) -> None:
    """`all` is *no* if any part is *no*, even if another part is unknown; it is *yes* only if every part is."""
    spec(
        HAS_BOTH + "when: {all: [a, b]}",
        case("yes and yes", YES, YES_A, YES_B),
        case("yes and no", NO, YES_A),
        case("yes and unknown", UNKNOWN, YES_A, not_loaded=MISSING_B),
        case("no and yes", NO, YES_B),
        case("no and no", NO),
        case("no and unknown", NO, not_loaded=MISSING_B),
        case("unknown and yes", UNKNOWN, YES_B, not_loaded=MISSING_A),
        case("unknown and no", NO, not_loaded=MISSING_A),
        case("unknown and unknown", UNKNOWN, not_loaded=MISSING_A + MISSING_B),
    )


def test_or(spec: Spec) -> None:
    """`any` is *yes* if any part is *yes*, even if another part is unknown; it is *no* only if every part is."""
    spec(
        HAS_BOTH + "when: {any: [a, b]}",
        case("yes or yes", YES, YES_A, YES_B),
        case("yes or no", YES, YES_A),
        case("yes or unknown", YES, YES_A, not_loaded=MISSING_B),
        case("no or yes", YES, YES_B),
        case("no or no", NO),
        case("no or unknown", UNKNOWN, not_loaded=MISSING_B),
        case("unknown or yes", YES, YES_B, not_loaded=MISSING_A),
        case("unknown or no", UNKNOWN, not_loaded=MISSING_A),
        case("unknown or unknown", UNKNOWN, not_loaded=MISSING_A + MISSING_B),
    )


def test_not(spec: Spec) -> None:
    """`not` turns *yes* and *no* around and leaves *unknown* alone."""
    spec(
        """
        facts:
          a: {exists: conditions, code: diabetes}
        when: {not: a}
        """,
        case("not yes", NO, YES_A),
        case("not no", YES),
        case("not unknown", UNKNOWN, not_loaded=MISSING_A),
    )


def test_none(spec: Spec) -> None:
    """`none` is the contrary of `any`."""
    spec(
        HAS_BOTH + "when: {none: [a, b]}",
        case("neither", YES),
        case("one of them", NO, YES_B),
        case("one surely, of the other nobody knows", NO, YES_B, not_loaded=MISSING_A),
        case("one surely not, of the other nobody knows", UNKNOWN, not_loaded=MISSING_A),
    )


def test_a_list_is_all(spec: Spec) -> None:
    """A plain list of conditions means `all`; groups may stand inside groups."""
    spec(
        HAS_BOTH
        + """
when:
  - a
  - any:
      - b
      - not: b
""",
        case("a, and b", YES, YES_A, YES_B),
        case("a, and not b", YES, YES_A),
        case("a, and nobody knows about b: the language does not guess that one of both must hold", UNKNOWN, YES_A, not_loaded=MISSING_B),
        case("not a", NO),
    )


def test_at_least(spec: Spec) -> None:
    """`at least: 2` with a list under `of` asks for so many of them. It is *no* if, with all that is unknown, it would be too few."""
    spec(
        """
        facts:
          a: {exists: conditions, code: diabetes}
          b: {exists: procedures}
          c: {exists: encounters}
        when: {at least: 2, of: [a, b, c]}
        """,
        case("two of them", YES, YES_A, YES_B),
        case("all of them", YES, YES_A, YES_B, event("encounters", None, "2026-01-05")),
        case("one of them", NO, YES_A),
        case("one of them, of another nobody knows", UNKNOWN, YES_A, not_loaded=MISSING_B),
        case("two of them, of the third nobody knows", YES, YES_A, event("encounters", None, "2026-01-05"), not_loaded=MISSING_B),
        case("of one nobody knows, the others no", NO, not_loaded=MISSING_A),
    )
