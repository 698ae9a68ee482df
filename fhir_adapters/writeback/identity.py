"""Names that follow from what is written, so that the same suggestion has the same name whoever makes it, and however often."""

import json
import re
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from fhir_adapters.errors import NotWritable

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:almoner")
_TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_FORMS: Final = {
    "tenant": _TENANT,
    "rule": re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}", re.ASCII),
    "version": re.compile(r"\d{1,6}(?:\.[A-Za-z0-9.+-]{1,40})?", re.ASCII),
    "patient": re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII),
    "episode": re.compile(r"\S(?:[^\x00-\x1f]{0,126}\S)?"),
    "type": re.compile(r"[A-Z][A-Za-z]{1,39}", re.ASCII),
}


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two suggestions the same one. Whatever else differs (texts, evidence, the day, the run), it is written once."""

    tenant: str
    """The connection: lower-case letters, digits and hyphens."""
    rule: str
    version: str
    """Of the rule, ``2.3.1``. Only the major number counts: a rule that means something else suggests anew."""
    patient: str
    """The Patient's id on the server."""
    episode: str
    """For which period or episode: ``2026``, ``2026-W12``, ``Encounter/7``. The next one is suggested anew."""
    type: str
    """The type of the resource: one decision may write a ServiceRequest and its Task."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not _FORMS[field.name].fullmatch(getattr(self, field.name)):
                raise NotWritable(f"the {field.name} of a key is not in a form that can be used")

    @property
    def system(self) -> str:
        """The system of our identifiers at this connection."""
        return f"urn:almoner:{self.tenant}"

    @property
    def id(self) -> str:
        """A UUIDv5: the id of the resource where the server allows us to choose it, and the name of the row in the outbox."""
        return str(uuid5(_NAMESPACE, self._text))

    @property
    def value(self) -> str:
        """The value of the business identifier: a digest that says nothing about the patient."""
        return sha256(self._text.encode()).hexdigest()

    @property
    def identifier(self) -> dict[str, str]:
        """The business identifier, as the resource carries it."""
        return {"system": self.system, "value": self.value}

    @property
    def _text(self) -> str:
        return json.dumps([self.tenant, self.rule, self.version.partition(".")[0], self.patient, self.episode, self.type])


def provenance_id(id: str) -> str:
    """The id of the Provenance of what is written under ``id``."""
    return str(uuid5(_NAMESPACE, f"{id} Provenance"))
