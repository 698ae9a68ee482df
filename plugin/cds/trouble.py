"""Something of ours went wrong: what the log says, and what the client may know."""

import logging
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final
from uuid import uuid4

LOG = logging.getLogger(__name__)

ERROR_ID_HEADER: Final = "X-Almoner-Error-Id"


def logged(event: str, error: Exception) -> str:
    """Log the kind of error and its place, never its message (that may hold a patient's data). Returns the id to ask for."""
    error_id = uuid4().hex[:12]
    frames = extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    LOG.error("%s error_id=%s type=%s at=%s", event, error_id, type(error).__name__, place)
    return error_id


def operation_outcome(code: str, *messages: str) -> dict[str, Any]:
    """A FHIR OperationOutcome; ``code`` is an issue type such as ``invalid``, ``not-found``, ``exception``."""
    issues = [{"severity": "error", "code": code, "diagnostics": message} for message in messages]
    return {"resourceType": "OperationOutcome", "issue": issues}
