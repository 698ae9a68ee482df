"""One change of a resource on the server: read it afresh, edit its text, write it back only if nobody else did meanwhile."""

from typing import Final

import orjson

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.references import patient_id
from fhir_adapters.transport import Answer
from fhir_adapters.writeback.authored import problems
from fhir_adapters.writeback.bindings import WRITABLE
from fhir_adapters.writeback.creating import vouched
from fhir_adapters.writeback.desk import Desk, Later, Park
from fhir_adapters.writeback.edits import Edit, Edited, EditRefused, applied, dumped, holds
from fhir_adapters.writeback.rawjson import NotJson
from fhir_adapters.writeback.states import Claim, Settled

_TRIES: Final = 3
_JSON_PATCH: Final = "application/json-patch+json"


def update(desk: Desk, claim: Claim) -> Settled:
    """Have the edits of ``claim`` done, on whatever the resource has become by then."""
    for _ in range(_TRIES):
        current, edited = edit(desk, claim)
        if not edited.operations or _written(desk, claim, current, edited):
            desk.landed(claim, [claim.body["target"]])
            return vouched(desk, claim, claim.body["target"])
    raise Later("conflict")


def edit(desk: Desk, claim: Claim) -> tuple[Answer, Edited]:
    """The resource as it is now, and what the edits make of it. Raises `Park` if they no longer fit."""
    current = _read(desk, claim.body["target"])
    resource = current.body or {}
    if resource.get("resourceType") != claim.type or patient_id(resource.get(WRITABLE[claim.type])) != claim.patient:
        raise Park("other-patient")
    text = current.content.decode()
    edits = [Edit(act, tuple(path), value) for act, path, value in claim.body["edits"]]
    try:
        edited = applied(text, edits)
        if edited.operations and not holds(text, claim.body["only_if"]):
            raise Park("no-longer-fits")
    except (EditRefused, NotJson):
        raise Park("not-editable") from None
    return current, edited


def version(answer: Answer) -> str:
    """What If-Match says. Raises `Park` if the server does not tell versions: then nobody can know what would be overwritten."""
    meta = (answer.body or {}).get("meta")
    number = meta.get("versionId") if isinstance(meta, dict) else None
    etag = answer.etag or (f'W/"{number}"' if isinstance(number, str) else None)
    if etag is None:
        raise Park("no-version")
    return etag


def _read(desk: Desk, target: str) -> Answer:
    try:
        return desk.server.ask("GET", target)
    except EhrUnavailable as error:
        if error.status in (404, 410):
            raise Park("deleted-there" if error.status == 410 else "missing") from None
        raise


def _written(desk: Desk, claim: Claim, current: Answer, edited: Edited) -> bool:
    """Whether the server took it; not if somebody else was faster."""
    _check(current.body or {}, edited.text)
    condition = {"If-Match": version(current)}
    try:
        if claim.type in desk.abilities.patches:
            desk.write("PATCH", claim.body["target"], dumped(edited.operations), [claim], condition | {"Content-Type": _JSON_PATCH})
        else:
            desk.write("PUT", claim.body["target"], edited.text, [claim], condition)
    except EhrUnavailable as error:
        if error.status not in (409, 412):
            raise
        return False
    return True


def _check(before: Json, text: str) -> None:
    """Whatever was odd about the resource before is not ours to judge; the edits must not add to it."""
    if set(problems(orjson.loads(text))) - set(problems(before)):
        raise Park("not-valid")
