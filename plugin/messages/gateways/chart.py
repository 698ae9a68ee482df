"""The patient portal, by way of the chart: a Communication that the outbox writes to the EHR, once, where the settings allow it."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from fhir_adapters.errors import NotWritable
from fhir_adapters.writeback import Author, Key, Outbox, State, suggestion
from plugin import __version__
from plugin.messages.gateways.gateway import Outgoing, Result, Word

_NOT_OPEN: Final = (OSError, sqlite3.Error)
"""What the file of the outbox raises if it cannot be read or written. Whatever is put into it has a key: put again, it is written once."""
_AUTHOR: Final = Author(f"Almoner {__version__}")
TYPE: Final = "Communication"
"""Nothing else of that type is written."""
_UNRULED: Final = ("message", "1")
"""In place of a rule and its version: a person alone decided it."""
_CATEGORY: Final = {"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "notification"}
_ONLINE: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "code": "ONLINEWRIT"}


@dataclass(frozen=True, slots=True)
class Chart:
    """The outbox of a server."""

    outbox: Outbox
    tenant: str

    def send(self, message: Outgoing) -> Result:
        """Put it into the outbox, which knows it if it is there already; see `plugin.messages.gateways.gateway.Gateway`."""
        try:
            run = f"messages-{message.created:%Y-%m-%d}"
            written = suggestion(self.key(message), communication(message), run=run, author=_AUTHOR, recorded=message.created)
            self.outbox.add(written)
        except NotWritable:
            return Result(Word.FAILED, "not writable")
        except _NOT_OPEN as error:
            return Result(Word.LATER, type(error).__name__)
        return Result(Word.HANDED)

    def look(self, message: Outgoing) -> Result:
        """What the outbox knows of it."""
        try:
            status = self.outbox.status(self.key(message))
        except NotWritable:
            return Result(Word.FAILED, "not writable")
        except _NOT_OPEN as error:
            return Result(Word.HANDED, type(error).__name__)  # ask again: it may well lie there
        if status is None:
            return Result(Word.LATER)
        if status.state in (State.SENT, State.CONFIRMED):
            return Result(Word.SENT)
        return Result(Word.HANDED, "parked" if status.state is State.PARKED else "")

    def key(self, message: Outgoing) -> Key:
        """Its name in the outbox. Raises `NotWritable` for the id of a patient that no server has."""
        return key_of(self.tenant, message.patient, message.id)


def key_of(tenant: str, patient: str, id: str) -> Key:
    """The name of a message in the outbox. Raises `NotWritable` for the id of a patient that no server has."""
    return Key(tenant, *_UNRULED, patient, id, TYPE)


def communication(message: Outgoing) -> dict[str, Any]:
    """The Communication. One that says nothing about why refers to nothing, either."""
    patient = {"reference": f"Patient/{message.patient}"}
    found: dict[str, Any] = {
        "resourceType": TYPE,
        "status": "completed",
        "category": [{"coding": [_CATEGORY]}],
        "medium": [{"coding": [_ONLINE]}],
        "subject": patient,
        "sent": message.created.isoformat(timespec="seconds"),
        "recipient": [patient],
        "topic": {"text": message.subject},
        "payload": [{"contentString": message.text}],
    }
    for name, element in (("about", "about"), ("based on", "basedOn")):
        if places := message.refers.get(name):
            found[element] = [{"reference": place} for place in places]
    return found
