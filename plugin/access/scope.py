"""Who asks, and what they may do. A `Scope` is made once, where somebody is recognised, and every question to the store takes one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from plugin.translations import marked
from rules.told import Told


class Role(StrEnum):
    """What somebody is here."""

    CLINICIAN = "clinician"
    CARE_MANAGER = "care-manager"
    INFORMATICIAN = "informatician"
    ANALYST = "analyst"
    AGENCY = "agency"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"
    """Almoner itself: a sweep, a timer, a delivery."""


ROLES: Final = {
    Role.CLINICIAN: marked("clinician"),
    Role.CARE_MANAGER: marked("care manager"),
    Role.INFORMATICIAN: marked("informatician"),
    Role.ANALYST: marked("analyst"),
    Role.AGENCY: marked("agency"),
    Role.ADMINISTRATOR: marked("administrator"),
    Role.SYSTEM: marked("system"),
}
"""Each role in words."""


class Right(StrEnum):
    """What can be allowed."""

    SEE_PEOPLE = "see-people"
    SEE_RESTRICTED = "see-restricted"
    """Findings that stand on no shared list, such as those about violence at home."""
    REACH_OUT = "reach-out"
    REFER = "refer"
    ANSWER_REFERRALS = "answer-referrals"
    SEE_REPORTS = "see-reports"
    SEE_AUDIT = "see-audit"
    MANAGE = "manage"


RIGHTS: Final = {
    Right.SEE_PEOPLE: marked("see people"),
    Right.SEE_RESTRICTED: marked("see restricted"),
    Right.REACH_OUT: marked("reach out"),
    Right.REFER: marked("refer"),
    Right.ANSWER_REFERRALS: marked("answer referrals"),
    Right.SEE_REPORTS: marked("see reports"),
    Right.SEE_AUDIT: marked("see audit"),
    Right.MANAGE: marked("manage"),
}
"""Each right in words."""

_RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.CLINICIAN: frozenset({Right.SEE_PEOPLE, Right.SEE_RESTRICTED, Right.REACH_OUT, Right.REFER, Right.SEE_REPORTS}),
    Role.CARE_MANAGER: frozenset({Right.SEE_PEOPLE, Right.REACH_OUT, Right.REFER, Right.SEE_REPORTS}),
    Role.INFORMATICIAN: frozenset({Right.SEE_REPORTS}),
    Role.ANALYST: frozenset({Right.SEE_REPORTS}),
    Role.AGENCY: frozenset({Right.ANSWER_REFERRALS}),
    Role.ADMINISTRATOR: frozenset({Right.SEE_AUDIT, Right.MANAGE}),
    Role.SYSTEM: frozenset({Right.SEE_PEOPLE, Right.SEE_RESTRICTED, Right.REACH_OUT, Right.REFER, Right.ANSWER_REFERRALS}),
}
_BY_BREAKING: Final = frozenset({Right.SEE_PEOPLE, Right.SEE_RESTRICTED})
"""What whoever breaks the glass may see besides."""
_MAY_BREAK: Final = frozenset({Role.CLINICIAN, Role.CARE_MANAGER})


class Forbidden(Exception):
    """This is not for whoever asked. The message names the right that is missing, and nobody."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Somebody who was recognised. Make one where that happens, never further in."""

    user: str
    """The id of the account, or the name of the part of Almoner that acts."""
    role: Role
    agency: str | None = None
    """The key of the agency for which an agency's user works; others have none."""
    glass: str | None = None
    """Why the glass was broken; ``None``: it was not. How long that lasts is for whoever makes the scope."""

    def __post_init__(self) -> None:
        if not self.user or (self.role is Role.AGENCY) != (self.agency is not None):
            raise ValueError("a scope has a user, and an agency if and only if it is an agency's")
        if self.glass is not None and (self.role not in _MAY_BREAK or not self.glass.strip()):
            raise ValueError("only who cares for people may break the glass, and gives a reason")

    @property
    def rights(self) -> frozenset[Right]:
        """Everything that is allowed."""
        return _RIGHTS[self.role] | (_BY_BREAKING if self.glass is not None else frozenset())

    @property
    def may_break_the_glass(self) -> bool:
        """Whether they care for people, and may see in an emergency what they otherwise may not."""
        return self.role in _MAY_BREAK

    def may(self, right: Right) -> bool:
        """Whether ``right`` is among them."""
        return right in self.rights

    def require(self, right: Right) -> None:
        """Raises `Forbidden` unless ``right`` is among them."""
        if not self.may(right):
            role, missing = Told(ROLES[self.role]), Told(RIGHTS[right])
            raise Forbidden(Told("who is here as %(role)s may not %(right)s", role=role, right=missing))
