"""Status"""

from support.spec import NO, UNKNOWN, YES, Case, Spec, case, diagnosed, event, measured

from rules.facts import TABLES

DIABETES_FACT = "facts: {diabetes: {exists: conditions, code: diabetes}}\nwhen: diabetes"


def test_defaults(spec: Spec) -> None:
    """Each table has statuses that count by default; the table below lists them. Every other status does not count."""
    for table in TABLES.values():
        cases: list[Case] = [case(f"{table.singular}: {s}", YES, event(table.name, None, "2026-06-01", s)) for s in sorted(table.counted)]
        cases += [case(f"{table.singular}: {s}", NO, event(table.name, None, "2026-06-01", s)) for s in sorted(table.known - table.counted)]
        spec(f"facts: {{seen: {{exists: {table.name}}}}}\nwhen: seen", *cases)


def test_entered_in_error(spec: Spec) -> None:
    """What was entered in error, refuted or cancelled never counts by default, not even as the latest."""
    spec(
        'facts: {hba1c: {latest: observations, code: HbA1c, unit: "%"}}\nwhen: hba1c > 9 %',
        case("an error after a result", YES, measured(10, on="2026-05-01"), measured(7, status="entered-in-error")),
        case("only an error", UNKNOWN, measured(10, status="entered-in-error")),
    )
    spec(
        DIABETES_FACT,
        case("refuted", NO, diagnosed(status="refuted")),
        case("refuted, and diagnosed again", YES, diagnosed(status="refuted"), diagnosed()),
    )


def test_missing_status(spec: Spec) -> None:
    """Without a status an event only possibly counts."""
    spec(
        DIABETES_FACT,
        case("no status", UNKNOWN, diagnosed(status=None)),
        case("no status, but another counts", YES, diagnosed(status=None), diagnosed()),
        case("no status, and surely too late", NO, diagnosed("2026-07-01", None)),
    )


def test_override(spec: Spec) -> None:
    """`status` lists the statuses that count instead of the usual ones."""
    spec(
        "facts: {open: {exists: referrals, status: [draft, active]}}\nwhen: open",
        case("draft", YES, event("referrals", None, "2026-06-01", "draft")),
        case("active", YES, event("referrals", None, "2026-06-01", "active")),
        case("completed counts usually, but not here", NO, event("referrals", None, "2026-06-01", "completed")),
        case("no status", UNKNOWN, event("referrals", None, "2026-06-01", None)),
    )
