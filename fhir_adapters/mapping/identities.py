"""Patient: which record of a person this is, and whether it is one of a real person at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_adapters.quarantine import Json, Reading, Reason
from fhir_adapters.references import NO_URLS, Identifier, identifiers, patient_id

_TEST: Final = "HTEST"
"""Test health data: in ActReason, as a tag or as a security label."""
_TEST_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_REPLACED_BY: Final = "replaced-by"
_REPLACES: Final = "replaces"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a Patient resource says about itself. Ids only: ``seealso`` and ``refer`` links merge nothing."""

    identifiers: tuple[Identifier, ...] = ()
    replaced_by: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    active: bool = True
    """False only if the record says so."""
    test: bool = False
    """Made up, for testing."""


def identity(resource: Json, reading: Reading, urls: Mapping[str, str] = NO_URLS) -> Identity:
    """The identity of a Patient. A link or flag that cannot be understood is reported and says nothing."""
    links = resource.get("link")
    if not (links is None or isinstance(links, list)):
        reading.bad("link", Reason.NOT_A_LIST)
        links = None
    active = resource.get("active")
    if not (active is None or isinstance(active, bool)):
        reading.bad("active", Reason.WRONG_TYPE)
    found = [_linked(item, reading, urls) for item in links or []]
    return Identity(
        identifiers=identifiers(resource.get("identifier")),
        replaced_by=tuple(id for kind, id in found if kind == _REPLACED_BY),
        replaces=tuple(id for kind, id in found if kind == _REPLACES),
        active=active is not False,
        test=_is_test(resource.get("meta")),
    )


def _linked(item: Any, reading: Reading, urls: Mapping[str, str]) -> tuple[str, str]:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind not in (_REPLACED_BY, _REPLACES):
        return "", ""
    other = patient_id(item.get("other"), urls)
    if other is None:
        reading.bad("link.other", Reason.NO_SUBJECT)
        return "", ""
    return kind, other


def _is_test(meta: Any) -> bool:
    labels = [label for name in ("tag", "security") for label in _list(meta, name)]
    return any(isinstance(label, dict) and label.get("code") == _TEST and label.get("system") in (None, _TEST_SYSTEM) for label in labels)


def _list(parent: Any, name: str) -> list[Any]:
    value = parent.get(name) if isinstance(parent, dict) else None
    return value if isinstance(value, list) else []
