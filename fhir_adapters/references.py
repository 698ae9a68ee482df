"""Who a resource is about: the forms in which a reference to a Patient is written."""

import re
from collections.abc import Mapping
from typing import Any, Final

_PATIENT: Final = re.compile(r"(?:https?://[^?#\s]+/)?Patient/([A-Za-z0-9\-._]{1,128})(?:/_history/[A-Za-z0-9\-._]+)?", re.ASCII)

NO_URLS: Final[Mapping[str, str]] = {}


def patient_id(subject: Any, urls: Mapping[str, str] = NO_URLS) -> str | None:
    """The Patient's id from a Reference; ``None`` if there is none that can be used.

    ``urls`` gives, for the ``fullUrl`` of each entry of the same Bundle, its ``Type/id``. References to a Group, to a contained
    resource, by identifier or by search are not usable: they do not say who it is.
    """
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str):
        return None
    reference = reference.strip()
    found = _PATIENT.fullmatch(urls.get(reference, reference))
    return found[1] if found else None


def patient_among(participants: Any, urls: Mapping[str, str] = NO_URLS) -> str | None:
    """The id of the one Patient among the participants of an Appointment; ``None`` if there is none, or more than one."""
    listed = participants if isinstance(participants, list) else []
    found = {patient_id(item.get("actor"), urls) for item in listed if isinstance(item, dict)} - {None}
    return found.pop() if len(found) == 1 else None
