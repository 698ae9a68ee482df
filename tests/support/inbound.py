"""People who are referred to us, and whom staff know already."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from support.referrals import CARE, NOON, agency

from fhir_adapters.referral_states import Status
from plugin.access import Scope
from plugin.inbound.acting import Saying, answer, take
from plugin.inbound.asking import Asked
from plugin.inbound.keeping import Grip, receive
from plugin.store import Store
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import PEOPLE

ID = "6f1a2c34-0000-4000-8000-000000000001"
BANK = agency(1)


def asked(**fields: Any) -> Asked:
    """Food for José, born in March 1980, who agreed."""
    usual: dict[str, Any] = {
        "id": ID,
        "name": "José Bell",
        "birth_date": date(1980, 3, 4),
        "phone": "555 0177",
        "postcode": "00001",
        "need": "food-insecurity",
        "given_by": "patient",
        "safe": True,
        "message": "three children",
    }
    return Asked(**(usual | fields))


def received(store: Store, scope: Scope = BANK, **fields: Any) -> str:
    """The id of one that came in."""
    with store.write() as connection:
        return receive(connection, scope, asked(**fields), "Food bank 1" if scope.agency else "", NOON)


def stored(store: Store, id: str = ID) -> Row[Any]:
    """As it stands."""
    with store.read() as connection:
        return connection.execute(select(INBOUND).where(INBOUND.c.id == id)).one()


def grip(store: Store, id: str = ID) -> Grip:
    """As whoever looks at it now sees it."""
    return Grip(id, stored(store, id).version)


def known(connection: Connection, patient: str, **fields: Any) -> None:
    """Somebody of whom a sweep told: José, as the record has him."""
    usual = {"name": "BELL, Jose", "age": 46, "phone": "555-0177", "language": "es", "sweep": "s1"}
    connection.execute(insert(PEOPLE), {"patient": patient} | usual | fields)


def taken(store: Store, patient: str = "p1", scope: Scope = CARE, at: datetime = NOON, id: str = ID, sure: bool = True) -> str:
    """It is ``patient``, staff say; the episode."""
    with store.write() as connection:
        return take(connection, scope, grip(store, id), patient, at, sure=sure)


def answered(store: Store, to: Status, scope: Scope = CARE, id: str = ID, **said: str) -> None:
    """Staff answer whoever referred."""
    with store.write() as connection:
        answer(connection, scope, grip(store, id), Saying(to, **said), NOON)
