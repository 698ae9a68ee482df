"""Several new resources in one transaction: what comes up while all else is looked up keeps one of them back, and only that one."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import orjson
from support.referral_ehr import MemoryEhr, policy
from support.writeback import TENANT, task

from fhir_adapters.transport import Answer, FhirServer
from fhir_adapters.writeback import Claim, Outbox, Report, State

Json = dict[str, Any]


class Ehr(MemoryEhr):
    """It takes transactions, too."""

    def __init__(self) -> None:
        super().__init__()
        self.together: list[list[str]] = []
        """The places in each transaction."""

    def get(self, link: str, *, strict: bool = False) -> Json:
        found = super().get(link, strict=strict)
        if link != "metadata":
            return found
        return found | {"rest": [found["rest"][0] | {"interaction": [{"code": "transaction"}]}]}

    def ask(
        self, method: str, link: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None, repeatable: bool = False
    ) -> Answer:
        if link:
            return super().ask(method, link, body, headers=headers, repeatable=repeatable)
        entries = orjson.loads(body)["entry"]
        self.together.append([each["request"]["url"] for each in entries])
        done = [{"response": {"status": "201"}, "resource": self.store(each["resource"]).body} for each in entries]
        return Answer(200, {}, {"resourceType": "Bundle", "entry": done})


class Gate:
    """Nothing stands against anything when it is asked first; from then on something does for some."""

    def __init__(self, *withheld: str) -> None:
        self.withheld = withheld
        self.asked: Counter[str] = Counter()

    def __call__(self, claim: Claim) -> str | None:
        self.asked[claim.patient] += 1
        return "deceased" if self.asked[claim.patient] > 1 and claim.patient in self.withheld else None


def delivered(folder: Path, gate: Gate) -> tuple[Ehr, Report]:
    ehr, outbox = Ehr(), Outbox.at(folder / "outbox.sqlite")
    for person in ("ann", "bob", "eve"):
        outbox.add(task(person))
    report = outbox.deliver(cast(FhirServer, ehr), policy(TENANT), gate=gate, commit=True)
    assert isinstance(report, Report)
    return ehr, report


def people(ehr: Ehr) -> set[str]:
    return {each["for"]["reference"] for each in ehr.of("Task")}


def test_what_may_go_goes_in_one_transaction(tmp_path: Path) -> None:
    ehr, report = delivered(tmp_path, Gate())
    assert [len(places) for places in ehr.together] == [3]
    assert (report.settled, people(ehr)) == ({(State.SENT, None): 3}, {"Patient/ann", "Patient/bob", "Patient/eve"})


def test_what_came_up_right_before_a_transaction_keeps_one_back_and_the_others_go(tmp_path: Path) -> None:
    gate = Gate("ann")
    ehr, report = delivered(tmp_path, gate)
    assert report.settled == {(State.PARKED, "withheld-deceased"): 1, (State.SENT, None): 2}
    assert people(ehr) == {"Patient/bob", "Patient/eve"}
    assert ehr.together == []
