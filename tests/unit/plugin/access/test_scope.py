"""Who may do what."""

import pytest

from plugin.access import Forbidden, Right, Role, Scope


def test_an_agency_sees_no_people_and_no_reports() -> None:
    scope = Scope("a", Role.AGENCY, agency="pantry")
    assert scope.rights == {Right.ANSWER_REFERRALS}
    with pytest.raises(Forbidden, match="who is here as agency may not see people"):
        scope.require(Right.SEE_PEOPLE)


def test_whoever_writes_rules_or_reports_sees_nobody() -> None:
    for role in (Role.INFORMATICIAN, Role.ANALYST, Role.ADMINISTRATOR):
        assert not Scope("a", role).rights & {Right.SEE_PEOPLE, Right.SEE_RESTRICTED, Right.REACH_OUT, Right.REFER}


def test_only_an_administrator_sees_who_did_what() -> None:
    assert [role for role in Role if role is not Role.AGENCY and Scope("a", role).may(Right.SEE_AUDIT)] == [Role.ADMINISTRATOR]


def test_breaking_the_glass_shows_more_and_lets_nobody_do_more() -> None:
    usual, broken = Scope("a", Role.CARE_MANAGER), Scope("a", Role.CARE_MANAGER, glass="she called and was in danger")
    assert broken.rights - usual.rights == {Right.SEE_RESTRICTED}


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.CLINICIAN, Role.CARE_MANAGER, Role.AGENCY)])
def test_the_glass_is_for_those_who_care_for_people(role: Role) -> None:
    with pytest.raises(ValueError, match="break the glass"):
        Scope("a", role, glass="curious")


@pytest.mark.parametrize(
    "fields", [{"role": Role.AGENCY}, {"role": Role.CLINICIAN, "agency": "pantry"}, {"user": "", "role": Role.ANALYST}]
)
def test_a_scope_that_belongs_to_nobody_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a scope has a user"):
        Scope(**({"user": "a"} | fields))  # type: ignore[arg-type]


def test_a_reason_that_says_nothing_breaks_no_glass() -> None:
    with pytest.raises(ValueError, match="gives a reason"):
        Scope("a", Role.CLINICIAN, glass="  ")
