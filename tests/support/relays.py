"""An EHR that refers to us, an agency with a server of its own, and we between them."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select
from support.referral_ehr import MemoryEhr, policy
from support.referrals import ASSISTANCE, NEED, NOON

from fhir_adapters.gravity import category
from fhir_adapters.referral_states import Status
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox
from plugin.referrals.carrying import carry_out
from plugin.referrals.polling import poll
from plugin.referrals.relaying import Post, carry_back, receive
from plugin.referrals.withholding import Withholding
from plugin.store import Store
from plugin.store.tables.referrals import REFERRALS

US, BANK = {"reference": "Organization/us"}, {"reference": "Organization/bank"}
MRN = {"system": "urn:oid:1.2.3", "value": "4711"}
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "order",
    "status": "active",
    "intent": "order",
    "category": [{"coding": [category(NEED)]}],
    "code": {"coding": [{"system": ASSISTANCE.system, "code": ASSISTANCE.code, "display": "Assistance"}]},
    "subject": {"reference": "Patient/ann"},
}
TASK: dict[str, Any] = {
    "resourceType": "Task",
    "id": "asked",
    "status": "requested",
    "intent": "order",
    "focus": {"reference": "ServiceRequest/order"},
    "for": {"reference": "Patient/ann"},
    "owner": US,
}
ASKED = "Task/asked"


class Two:
    """An EHR that refers to us, the agency's server, and the operator's cron between them."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.at = store, NOON
        self.ehr, self.bank = MemoryEhr(), MemoryEhr()
        self.bank.base_url = "http://bank.example/fhir/"
        self.outbox = Outbox.at(folder / "outbox.sqlite", clock=lambda: self.at.timestamp())
        self.ehr.store({"resourceType": "Patient", "id": "ann", "identifier": [MRN]})
        self.bank.store({"resourceType": "Patient", "id": "7", "identifier": [MRN]})
        self.bank.store({"resourceType": "Organization", "id": "bank", "name": "Food bank"})
        self.post = Post(
            cast(FhirServer, self.ehr), "clinic", "Organization/us", cast(FhirServer, self.bank), "bank", "Organization/bank", "food bank"
        )

    def ask(self, **more: Any) -> None:
        self.ehr.store(ORDER)
        self.ehr.store(TASK | more)

    def ask_for_another(self, order: dict[str, Any] | None = None, there: str = "8") -> None:
        """Somebody else; ``order``: what it says besides, ``there``: their id at the agency's server."""
        number = {"system": "urn:oid:1.2.3", "value": "4712"}
        self.ehr.store({"resourceType": "Patient", "id": "bob", "identifier": [number]})
        self.bank.store({"resourceType": "Patient", "id": there, "identifier": [number]})
        theirs = {"id": "before", "for": {"reference": "Patient/bob"}, "focus": {"reference": "ServiceRequest/other"}}
        self.ehr.store(TASK | theirs)
        self.ehr.store(ORDER | {"id": "other", "subject": {"reference": "Patient/bob"}} | (order or {}))

    def received(self) -> Counter[str]:
        return receive(self.store, self.post, self.at)

    def states(self) -> dict[str, str]:
        """The place of the Task above → how ours stands."""
        with self.store.read() as connection:
            return {row.origin_id: row.state for row in connection.execute(select(REFERRALS))}

    def cron(self, times: int = 1) -> Counter[str]:
        done: Counter[str] = Counter()
        for _ in range(times):
            self.at += timedelta(hours=1)
            done += receive(self.store, self.post, self.at) + carry_back(self.store, self.post, self.outbox, self.at)
            poll(self.store, self.post.target, "bank", self.at)
            carry_out(self.store, self.outbox, self.at)
            self.deliver()
            carry_out(self.store, self.outbox, self.at)
        return done

    def deliver(self) -> None:
        for server, tenant in ((self.post.target, "bank"), (self.post.source, "clinic")):
            self.outbox.deliver(server, policy(tenant), gate=Withholding(lambda: self.store, tenant, lambda: self.at), commit=True)

    @property
    def asked(self) -> dict[str, Any]:
        """The Task of which we are the owner."""
        return self.ehr.held[ASKED]

    @property
    def ours(self) -> dict[str, Any]:
        """The only one at the agency."""
        (task,) = self.bank.of("Task")
        return task

    def agency(self, *steps: Status, **more: Any) -> None:
        for to in steps:
            self.bank.agency(f"Task/{self.ours['id']}", to, **more)

    def calls_off(self, status: str = "cancelled") -> None:
        self.ehr.store(self.asked | {"status": status, "statusReason": {"text": "No longer wanted"}})
