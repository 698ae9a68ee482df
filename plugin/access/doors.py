"""What each address asks of whoever comes: one table for all. An address that is not in it is for nobody."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from plugin.access.scope import Right


class Door(StrEnum):
    """Doors that ask for no right."""

    OUTSIDE = "outside"
    """It tells nothing about people, or finds out itself who calls."""
    ANYBODY = "anybody"
    """A page for people who are not signed in yet."""
    SIGNED_IN = "signed-in"
    """A page for whoever is signed in."""


DOORS: Final[Mapping[str, Door | Right]] = {
    "static": Door.OUTSIDE,
    "health": Door.OUTSIDE,
    "jwks": Door.OUTSIDE,
    "openapi": Door.OUTSIDE,
    "observe": Door.OUTSIDE,
    "cds": Door.OUTSIDE,
    "subscriptions": Door.OUTSIDE,
    "access": Door.SIGNED_IN,
    "access.sign_in": Door.ANYBODY,
    "access.signed_in": Door.ANYBODY,
    "agency.enter": Door.ANYBODY,
    "agency.entered": Door.ANYBODY,
    "agency": Right.ANSWER_REFERRALS,
    "agency_services": Right.ANSWER_REFERRALS,
    "agency_referring": Right.ANSWER_REFERRALS,
    "asking": Door.ANYBODY,
    "language": Door.ANYBODY,
    "inbound": Right.REFER,
    "listings": Right.REFER,
    "referrals": Right.SEE_PEOPLE,
    "referrals.offer": Right.REFER,
    "referrals.act": Right.REFER,
    "outreach": Right.SEE_PEOPLE,
    "wishes": Right.SEE_PEOPLE,
    "saved": Right.SEE_PEOPLE,
    "messages": Right.SEE_PEOPLE,
    "messages.sent": Right.REACH_OUT,
    "messages.agreed": Right.REACH_OUT,
    "messages.came_back": Right.REACH_OUT,
    "api_conversations": Right.SEE_PEOPLE,
    "api_conversations.act": Right.REACH_OUT,
    "api_conversations.said": Right.REACH_OUT,
    "api_messages": Right.SEE_PEOPLE,
    "api_messages.send": Right.REACH_OUT,
    "api_together": Right.REACH_OUT,
    "api_views": Right.SEE_PEOPLE,
    "api_referrals": Right.SEE_PEOPLE,
    "api_referrals.act": Right.REFER,
    "api_referrals.candidates": Right.REFER,
    "api_referrals.refer": Right.REFER,
    "api_agency": Right.ANSWER_REFERRALS,
    "api_inbound": Right.REFER,
    "api_sent": Right.ANSWER_REFERRALS,
    "identity": Door.ANYBODY,
    "glass": Right.SEE_PEOPLE,
    "glass.uses": Right.SEE_AUDIT,
    "glass.reviewed": Right.SEE_AUDIT,
    "findings": Right.SEE_PEOPLE,
    "findings.home": Door.SIGNED_IN,
    "findings.rules": Right.SEE_REPORTS,
    "findings.rule": Right.SEE_REPORTS,
    "sweeps": Right.SEE_REPORTS,
    "analytics": Right.SEE_REPORTS,
    "cds_preview": Right.SEE_REPORTS,
    "playground": Right.SEE_REPORTS,
}
"""The name of a view (``worklist.rules``), else that of its blueprint (``worklist``) → what it asks for."""


def door(endpoint: str) -> Door | Right | None:
    """What a view asks for; ``None``: nobody may pass."""
    return DOORS.get(endpoint) or DOORS.get(endpoint.partition(".")[0])
