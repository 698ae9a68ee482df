"""What could not be read"""

from support.spec import NO, UNKNOWN, YES, Spec, case, diagnosed, event, measured

NOT_LOADED = ("conditions",)


def test_exists(spec: Spec) -> None:
    """If a table failed, was withheld or was only partly read, an event that was read still makes `exists` *yes*; its
    absence is unknown.
    """
    spec(
        "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes",
        case("read in part, and there it is", YES, diagnosed(), not_loaded=NOT_LOADED),
        case("not read", UNKNOWN, not_loaded=NOT_LOADED),
        case("another table was not read", NO, not_loaded=("procedures",)),
    )


def test_numbers(spec: Spec) -> None:
    """`count`, `latest` and `time since latest` over a table that was not wholly read are unknown: more may be there."""
    spec(
        "facts: {n: {count: conditions}}\nwhen: n >= 1",
        case("one was read", UNKNOWN, diagnosed(), not_loaded=NOT_LOADED),
        case("one, and all was read", YES, diagnosed()),
    )
    spec(
        'facts: {hba1c: {latest: observations, code: HbA1c, unit: "%"}}\nwhen: hba1c > 9 %',
        case("a later one may be there", UNKNOWN, measured(10), not_loaded=("observations",)),
    )
    spec(
        "facts: {gap: {time since latest: conditions, in: days}}\nwhen: gap > 1",
        case("a later one may be there", UNKNOWN, diagnosed(), not_loaded=NOT_LOADED),
    )


def test_several_tables(spec: Spec) -> None:
    """A fact over several tables needs all of them."""
    spec(
        "facts: {seen: {exists: [encounters, procedures]}}\nwhen: seen",
        case("one of two was not read", UNKNOWN, not_loaded=("procedures",)),
        case("one of two was not read, the other settles it", YES, event("encounters", None, "2026-06-01"), not_loaded=("procedures",)),
    )
