"""Messages from the desk to a real mail server and to a real chart: each person gets one, and what nobody knows is said."""

import json
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from functools import partial
from operator import add
from pathlib import Path

import pytest

pytest.importorskip("aiosmtpd", reason="aiosmtpd is not installed: make dev")

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select
from support.databases import database_of, opened
from support.ehr_server import Ehr
from support.mail_server import Mailbox, hang_up, serving
from support.messages import NOON, TODAY, Desk
from support.outreach import REFERS, person, published
from support.sweeping import FIRST, current, lines_of, sweep, town
from support.writeback import TENANT, on_server, server

from fhir_adapters.writeback import Outbox, Policy
from plugin.access import verify
from plugin.messages.carrying import carry_out
from plugin.messages.gateways.chart import Chart
from plugin.messages.gateways.smtp import Smtp
from plugin.messages.settings import SmtpSettings
from plugin.messages.withholding import Withholding
from plugin.outreach.acting import NotNow
from plugin.outreach.taking import take
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import PEOPLE as KNOWN

pytestmark = pytest.mark.slow

FATES = ("takes", "refuses", "puts off", "puts off twice", "falls silent", "is full")
PEOPLE = [f"p{number}" for number in range(24)]
ON_THE_SERVER = [{"resourceType": "Patient", "id": PEOPLE[0]}]


class Moody(Mailbox):
    """To each address it is as its fate says."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        self.asked[address] += 1
        fate = fate_of(address)
        if fate == "refuses":
            return "550 5.1.1 no such user"
        if self.asked[address] <= {"puts off": 1, "puts off twice": 2}.get(fate, 0):
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        (address,) = envelope.rcpt_tos
        assert isinstance(envelope.content, bytes)
        if fate_of(address) == "is full" and self.asked[address] == 1:
            return "452 4.3.1 try again"
        self.taken.append(envelope.content)
        if fate_of(address) == "falls silent":
            hang_up(server)
        return "250 OK"


def fate_of(address: str) -> str:
    return FATES[int(address.partition("@")[0].removeprefix("p")) % len(FATES)]


def seated(desk: Desk, folder: Path) -> Desk:
    take(desk.store, published(folder / "state", "s1", [person(id, {REFERS: "yes"}) for id in PEOPLE]), TODAY, clock=lambda: NOON)
    return desk


def test_each_gets_one_mail_and_what_nobody_knows_is_said(tmp_path: Path) -> None:
    with opened(database_of(tmp_path)) as store:
        desk, box = seated(Desk(store, tmp_path), tmp_path), Moody()
        for id in PEOPLE:
            desk.agree(id, "email", f"{id}@example.org")
            desk.send(id, f"m-{id}")
        with serving(box) as port:
            own = SmtpSettings(host="127.0.0.1", port=port, security="none", sender="post@north.example.org", seconds=5)
            for minutes in range(0, 120, 5):
                carry_out(store, {"smtp": Smtp(own, None, "Northside")}, partial(add, NOON, timedelta(minutes=minutes)))
        with store.read() as connection:
            states = {row.address: row.state for row in connection.execute(select(MESSAGES.c.address, MESSAGES.c.state))}
            assert verify(connection) > 0
    known = {"refuses": "failed", "falls silent": "unknown"}
    assert states == {f"{id}@example.org": known.get(fate_of(id), "sent") for id in PEOPLE}
    mails = [message_from_bytes(each, policy=default) for each in box.taken]
    assert Counter(mail["To"] for mail in mails) == Counter(address for address in states if states[address] != "failed")
    assert len({mail["Message-ID"] for mail in mails}) == len(mails)


def test_an_address_in_the_chart_is_known_after_a_sweep_and_written_to_once_they_agreed(tmp_path: Path) -> None:
    source, state = town(tmp_path / "town", 12), tmp_path / "state"
    old = {"system": "email", "value": "old@example.org", "use": "old", "rank": 1}
    patients = lines_of(source / "Patient.ndjson")
    charted = {each["id"]: f"somebody{number}@example.org" for number, each in enumerate(patients)}
    for each in patients:
        each["name"] = [{"text": "Somebody"}]  # a mail server that is under test logs what it takes
        each["telecom"] = [old, {"system": "email", "value": charted[each["id"]], "rank": 2}]
    (source / "Patient.ndjson").write_text("".join(json.dumps(each) + "\n" for each in patients), encoding="utf-8")
    ran = sweep(source, state, FIRST)
    assert ran.code == 0, ran.err
    assert "@example.org" not in ran.out + ran.err
    with opened(database_of(tmp_path)) as store:
        take(store, current(state), TODAY, clock=lambda: NOON)
        desk, box = Desk(store, state), Mailbox()
        with store.read() as connection:
            known = {row.patient: row.email for row in connection.execute(select(KNOWN))}
        assert known == {id: charted[id] for id in known}
        patient, address = next(iter(known.items()))
        with pytest.raises(NotNow, match="not agreed"):
            desk.send(patient)
        desk.agree(patient, "email", address)
        desk.send(patient)
        with serving(box) as port:
            own = SmtpSettings(host="127.0.0.1", port=port, security="none", sender="post@north.example.org", seconds=5)
            assert carry_out(store, {"smtp": Smtp(own, None, "Northside")}, lambda: NOON) == {"sent": 1}
    (mail,) = (message_from_bytes(each, policy=default) for each in box.taken)
    assert mail["To"] == address


def test_a_portal_message_stands_in_the_chart_once_the_outbox_is_delivered(tmp_path: Path, ehr: Ehr) -> None:
    with opened(database_of(tmp_path)) as store:
        desk, outbox = seated(Desk(store, tmp_path), tmp_path), Outbox.at(tmp_path / "outbox.sqlite")
        gateways = {"fhir": Chart(outbox, TENANT)}
        desk.send(PEOPLE[0], by="fhir", channel="portal")
        assert carry_out(store, gateways, lambda: NOON) == {"handed": 1}
        outbox.deliver(server(ehr.base_url), Policy(TENANT), commit=True)
        assert on_server(ehr.base_url, "Communication") == []
        gate = Withholding(lambda: store, TENANT, lambda: NOON)
        outbox.deliver(server(ehr.base_url), Policy(TENANT, frozenset({"Communication"})), gate=gate, commit=True)
        assert carry_out(store, gateways, lambda: NOON + timedelta(hours=1)) == {"sent": 1}
        assert desk.outcome() == "sent"
        (found,) = on_server(ehr.base_url, "Communication")
    assert found["subject"] == {"reference": f"Patient/{PEOPLE[0]}"}
    assert found["topic"] == {"text": "Help with getting food"}
    assert found["payload"][0]["contentString"].startswith("Dear Person p0,")
