"""Whoever is relayed is somebody whom we do not know, although an id of the agency's server may be one of ours, too."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select
from support.referrals import CARE
from support.relays import Two

from plugin.access import verify
from plugin.access.exporting import audit_events
from plugin.agency.seeing import Seen, person_of
from plugin.api.telling import referral
from plugin.outreach.restricting import restrict
from plugin.outreach.words import Restriction
from plugin.referrals.reading import names, one
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import PEOPLE
from plugin.store.tables.referrals import REFERRALS

MARK = "ZZ" + "CANARY"


@pytest.fixture
def two(store: Store, tmp_path: Path) -> Two:
    return Two(store, tmp_path)


def test_whoever_has_the_same_id_here_is_somebody_else(two: Two) -> None:
    """Of ours the id 7 means one person, of the agency's server another."""
    two.ask()
    two.received()
    ours = {"patient": "7", "name": MARK, "phone": MARK, "language": "es", "age": 40, "sex": "female", "sweep": "s1"}
    with two.store.write() as connection:
        connection.execute(insert(PEOPLE), ours)
        restrict(connection, CARE, "7", Restriction.UNSAFE, two.at)
        restrict(connection, CARE, "7", Restriction.OPTED_OUT, two.at)
        (row,) = connection.execute(select(REFERRALS)).all()
        seen = person_of(connection, row, two.at.date())
        told = referral(row, names(connection, CARE, [row]))
        one(connection, CARE, row.id, two.at)
        verify(connection)
        entries = connection.execute(select(AUDIT.c.action, AUDIT.c.patient).where(AUDIT.c.entity == f"referral/{row.id}")).all()
        about = [each["entity"][0]["what"] for each in audit_events(connection, None) if f"referral/{row.id}" in str(each)]
    assert seen == Seen("", None, None, None, None, None, unsafe=False, message="")
    assert (told["patient"], told["name"]) == ("bank#7", None)
    assert set(entries) == {("referral.relay", "bank#7"), ("referral.see", "bank#7")}
    assert about == [{"type": "Patient", "identifier": {"value": "bank#7"}}] * 2


def test_what_staff_do_with_it_is_recorded_about_them_too(two: Two) -> None:
    two.ask()
    two.cron(2)
    two.calls_off()
    two.cron()
    with two.store.read() as connection:
        assert set(connection.scalars(select(AUDIT.c.patient).where(AUDIT.c.action.like("referral.%")))) == {"bank#7"}
