"""What a delivery would send, without sending anything: a transaction Bundle, and the same for people to read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_adapters.capability import read_capability
from fhir_adapters.transport import FhirServer
from fhir_adapters.vendors import GENERIC, Vendor
from fhir_adapters.writeback.abilities import Abilities
from fhir_adapters.writeback.changing import edit, version
from fhir_adapters.writeback.desk import Desk, Park
from fhir_adapters.writeback.edits import Edited, dumped
from fhir_adapters.writeback.gate import Gate, open_gate, withholding
from fhir_adapters.writeback.intent import Suggestion
from fhir_adapters.writeback.ledger import Ledger
from fhir_adapters.writeback.policy import Policy
from fhir_adapters.writeback.rawjson import read, scan
from fhir_adapters.writeback.states import Claim
from fhir_adapters.writeback.together import entries_of


@dataclass(frozen=True, slots=True)
class Preview:
    """Both hold what is on record about patients."""

    bundle: str
    """A transaction Bundle as JSON. In the resources that are changed, every untouched element is as the server gave it."""
    lines: tuple[str, ...]
    """A readable difference: a heading for each write, and lines that begin with + and -."""


def preview(ledger: Ledger, server: FhirServer, policy: Policy, vendor: Vendor = GENERIC, gate: Gate = open_gate) -> Preview:
    """What is due and allowed, and what ``gate`` would keep back. The server is only read from.

    Ceilings are applied when it comes to sending.
    """
    desk = Desk(server, Abilities.of(read_capability(server), vendor), ledger, policy)
    claims = ledger.waiting(policy)
    entries: list[str] = []
    lines: list[str] = []
    for claim in claims:
        new = claim.kind == Suggestion.__name__
        what = f"new {claim.type} for" if new else f"change of {claim.body['target']} of"
        lines.append(f"{what} Patient/{claim.patient}")
        reason = desk.abilities.refusal(claim)
        try:
            if reason is None and (withheld := withholding(desk, claim, gate, tried=claim.attempts > 0)) is not None:
                lines.append(f"  would be kept back: {withheld}")
            elif reason is None:
                entries += _created(desk, claim, claims, lines) if new else _changed(desk, claim, lines)
        except Park as parked:
            reason = parked.reason
        if reason is not None:
            lines.append(f"  cannot be done: {reason}")
    return Preview(f'{{"resourceType":"Bundle","type":"transaction","entry":[{",".join(entries)}]}}', tuple(lines))


def _created(desk: Desk, claim: Claim, claims: Sequence[Claim], lines: list[str]) -> list[str]:
    if claim.type not in desk.abilities.takes:
        raise Park("not-supported")
    found = entries_of(desk, claim, claims)
    lines += _indented("+", found[0]["resource"])
    return [dumped(entry) for entry in found]


def _changed(desk: Desk, claim: Claim, lines: list[str]) -> list[str]:
    current, edited = edit(desk, claim)
    if not edited.operations:
        lines.append("  it is so already")
        return []
    lines += _difference(current.content.decode(), edited, claim)
    request = {"method": "PUT", "url": claim.body["target"], "ifMatch": version(current)}
    return [f'{{"resource":{edited.text},"request":{dumped(request)}}}']


def _difference(before: str, edited: Edited, claim: Claim) -> list[str]:
    """The top-level elements that differ, as they were and as they will be."""
    lines = []
    for name in dict.fromkeys(path[0] for _, path, _ in claim.body["edits"]):
        for sign, text in (("-", before), ("+", edited.text)):
            member = (scan(text).members or {}).get(name)
            if member is not None:
                lines += _indented(sign, {name: read(text, member.value)})
    return lines


def _indented(sign: str, value: Any) -> list[str]:
    return [f"  {sign} {line}" for line in json.dumps(value, indent=2, ensure_ascii=False, default=str).splitlines()[1:-1]]
