"""Exceptions"""

from support.spec import NO, UNKNOWN, YES, Spec, case, diagnosed, event

RULE = """
facts:
  diabetes: {exists: conditions, code: diabetes}
  open referral: {exists: referrals, status: [active]}
  seen: {exists: encounters, within: 1 month}
when: diabetes
unless:
  - open referral
  - seen
"""
REFERRED = event("referrals", None, "2026-06-01", "active")
SEEN = event("encounters", None, "2026-06-15")


def test_unless(spec: Spec) -> None:
    """A rule says *yes* only if `when` is *yes* and every line under `unless` is definitely *no*. An exception that is
    unknown keeps the rule from firing.
    """
    spec(
        RULE,
        case("no exception", YES, diagnosed()),
        case("the first exception", NO, diagnosed(), REFERRED),
        case("the second exception", NO, diagnosed(), SEEN),
        case("nobody knows about an exception", UNKNOWN, diagnosed(), not_loaded=("referrals",)),
        case("one exception is unknown, another holds", NO, diagnosed(), SEEN, not_loaded=("referrals",)),
        case("it does not apply anyway", NO, not_loaded=("referrals",)),
    )
