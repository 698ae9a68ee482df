"""The record of who did what as FHIR R4 AuditEvents, for the archive where an organisation keeps those of all its systems.

Codes are those of FHIR's own value sets for AuditEvent (DICOM's, as far as DICOM has a word for it).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row

from plugin.access.audit import entries
from plugin.access.scope import Role

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
_ACTIVITY: Final = ("110100", "Application Activity")
_LOG_USED: Final = ("110101", "Audit Log Used")
_RECORD: Final = ("110110", "Patient Record")
_ALERT: Final = ("110113", "Security Alert")
_AUTHENTICATION: Final = ("110114", "User Authentication")
_LOGIN: Final = ("110122", "Login")
_ATTRIBUTES: Final = ("110137", "User security Attributes Changed")
_MINOR_FAILURE: Final = "4"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What kind of event an action is."""

    type: tuple[str, str]
    action: str
    """C, R, U, D or E, as FHIR has them."""
    subtype: tuple[str, str] | None = None
    outcome: str = "0"


_KINDS: Final[Mapping[str, _Kind]] = {
    "session.start": _Kind(_AUTHENTICATION, "E", _LOGIN),
    "session.refuse": _Kind(_AUTHENTICATION, "E", _LOGIN, _MINOR_FAILURE),
    "session.end": _Kind(_AUTHENTICATION, "E", ("110123", "Logout")),
    "token.refuse": _Kind(_AUTHENTICATION, "E", _LOGIN, _MINOR_FAILURE),
    "token.make": _Kind(_ALERT, "C", _ATTRIBUTES),
    "token.revoke": _Kind(_ALERT, "U", _ATTRIBUTES),
    "account.add": _Kind(_ALERT, "C", _ATTRIBUTES),
    "account.disable": _Kind(_ALERT, "U", _ATTRIBUTES),
    "account.enable": _Kind(_ALERT, "U", _ATTRIBUTES),
    "account.password": _Kind(_ALERT, "U", _ATTRIBUTES),
    "account.role": _Kind(_ALERT, "U", ("110136", "Security Roles Changed")),
    "glass.break": _Kind(_ALERT, "E", ("110127", "Emergency Override Started")),
    "glass.end": _Kind(_ALERT, "E", ("110138", "Emergency Override Stopped")),
    "audit.forget": _Kind(_LOG_USED, "D"),
}


def audit_events(connection: Connection, site: str | None, since: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Each entry from ``since`` on as an AuditEvent, in order; ``site``: the address of this installation, if it is known."""
    return (_event(row, site) for row in entries(connection, since))


def _event(row: Row[Any], site: str | None) -> dict[str, Any]:
    kind = _KINDS.get(row.action) or _usual(row)
    return {
        "resourceType": "AuditEvent",
        "id": f"almoner-{row.seq}",
        "type": _dicom(kind.type),
        **({"subtype": [_dicom(kind.subtype)]} if kind.subtype else {}),
        "action": kind.action,
        "recorded": row.at.isoformat(timespec="microseconds"),
        "outcome": kind.outcome,
        "agent": [_agent(row)],
        "source": {
            **({"site": site} if site else {}),
            "observer": {"display": "Almoner"},
            "type": [{"system": f"{_HL7}security-source-type", "code": "4", "display": "Application Server"}],
        },
        "entity": [*([_patient(row.patient)] if row.patient else []), _thing(row)],
    }


def _usual(row: Row[Any]) -> _Kind:
    """What was seen is a reading, whatever else was done is a change; about a person, or not."""
    return _Kind(_RECORD if row.patient else _ACTIVITY, "R" if row.action.endswith(".see") else "U" if row.patient else "E")


def _agent(row: Row[Any]) -> dict[str, Any]:
    human = {"system": f"{_HL7}extra-security-role-type", "code": "humanuser", "display": "human user"}
    breaking = {"system": f"{_HL7}v3-ActReason", "code": "BTG", "display": "break the glass"}
    return {
        "type": {"coding": [_dicom(("110150", "Application")) if row.role == Role.SYSTEM else human]},
        "role": [{"text": row.role}],
        "who": {"identifier": {"value": row.user}, **({"display": f"of {row.agency}"} if row.agency else {})},
        "requestor": True,
        **({"purposeOfUse": [{"coding": [breaking], "text": row.glass}]} if row.glass else {}),
    }


def _patient(id: str) -> dict[str, Any]:
    """``id`` with the server before it (``bank#7``): whom we do not know ourselves."""
    what = {"type": "Patient", "identifier": {"value": id}} if "#" in id else {"reference": f"Patient/{id}"}
    return {
        "what": what,
        "type": {"system": f"{_HL7}audit-entity-type", "code": "1", "display": "Person"},
        "role": {"system": f"{_HL7}object-role", "code": "1", "display": "Patient"},
    }


def _thing(row: Row[Any]) -> dict[str, Any]:
    details = {"action": row.action, **{name: str(value) for name, value in sorted(row.detail.items())}, "hash": row.hash}
    return {
        "what": {"identifier": {"value": row.entity}},
        "type": {"system": f"{_HL7}audit-entity-type", "code": "2", "display": "System Object"},
        "detail": [{"type": name, "valueString": value} for name, value in details.items() if value],
    }


def _dicom(code: tuple[str, str]) -> dict[str, str]:
    return {"system": _DCM, "code": code[0], "display": code[1]}
