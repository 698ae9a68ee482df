"""A log of each export in the form that the reference client of SMART Health IT writes, one JSON object a line.

No address is written with its query, which may hold a signature or name people, and nothing that a server says in words.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import orjson

from fhir_adapters.errors import EhrUnavailable


def plain(url: str) -> str:
    """``url`` without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else parts.path


def went_wrong(error: EhrUnavailable) -> dict[str, Any]:
    """What the log says of a failure: not the body, which may speak of people."""
    return {"body": None, "code": error.status, "message": str(error), "responseHeaders": None}


class EventLog:
    """Adds lines to one file. Each line is written at once: a process that ends in the middle leaves whole lines."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._now, self._lock = now, Lock()

    def write(self, export_id: str, event: str, **detail: Any) -> None:
        """One event of one export."""
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"exportId": export_id, "timestamp": moment, "eventId": event, "eventDetail": detail}
        with self._lock:
            os.write(self._file, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
