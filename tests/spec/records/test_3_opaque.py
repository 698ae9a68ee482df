"""What could not be understood"""

from support.spec import NO, UNKNOWN, YES, Spec, case, diagnosed, event, measured

OPAQUE = {"opaque": True, "codes": ()}


def test_opaque(spec: Spec) -> None:
    """A resource that belongs to the person but cannot be understood might be anything in its table: it possibly matches
    every fact there.
    """
    spec(
        "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes",
        case("a condition that makes no sense", UNKNOWN, event("conditions", None, None, None, **OPAQUE)),
        case("beside one that does", YES, event("conditions", None, None, None, **OPAQUE), diagnosed()),
        case("an observation that makes no sense", NO, event("observations", None, None, None, **OPAQUE)),
    )


def test_opaque_with_a_date(spec: Spec) -> None:
    """What is understood of it is used: with a date it matters only where that date does."""
    spec(
        'facts: {hba1c: {latest: observations, code: HbA1c, within: 12 months, unit: "%"}}\nwhen: hba1c > 9 %',
        case("outside the window", YES, measured(10), event("observations", None, "2020-01-01", None, **OPAQUE)),
        case("earlier than a certain one", YES, measured(10), event("observations", None, "2026-05-01", None, **OPAQUE)),
        case("later than a certain one", UNKNOWN, measured(10), event("observations", None, "2026-06-15", None, **OPAQUE)),
        case("after the day of evaluation", YES, measured(10), event("observations", None, "2026-07-15", None, **OPAQUE)),
    )


def test_opaque_status(spec: Spec) -> None:
    """Its status is not believed."""
    spec(
        "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes",
        case("said to be active", UNKNOWN, event("conditions", None, "2026-05-01", "active", **OPAQUE)),
        case("said to be entered in error", UNKNOWN, event("conditions", None, "2026-05-01", "entered-in-error", **OPAQUE)),
    )
