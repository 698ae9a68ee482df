"""What a server says about an export in its error (or outcome) files: how bad, of what kind, and about which types."""

import gzip
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

_GRAVE: Final = frozenset({"fatal", "error"})
_KNOWN: Final = _GRAVE | {"warning", "information", "success"}
_WORD: Final = re.compile(r"[A-Z][A-Za-z]+")
_CODE: Final = re.compile(r"[a-z-]{1,40}")


class Message(NamedTuple):
    """One issue. Its words are not repeated: they may speak of patients."""

    severity: str
    code: str
    types: frozenset[str]
    """Which of the types asked for it names; empty: none, so it may be about any."""

    @property
    def grave(self) -> bool:
        """Whether something is missing from the export, and not only worth knowing."""
        return self.severity in _GRAVE


def messages(path: Path, types: Collection[str]) -> Iterator[Message]:
    """The issues of all OperationOutcomes in a file; what is none counts as an error about anything."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        for line in stream:
            if line.strip():
                yield from _issues(line, frozenset(types))


def _issues(line: bytes, types: frozenset[str]) -> Iterator[Message]:
    try:
        outcome: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        outcome = None
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    if not isinstance(issues, list) or not issues:
        yield Message("error", "unreadable", frozenset())
        return
    for issue in issues:
        told = issue if isinstance(issue, dict) else {}
        severity, code = told.get("severity"), told.get("code")
        yield Message(
            severity if severity in _KNOWN else "error",
            code if isinstance(code, str) and _CODE.fullmatch(code) else "unknown",
            types & set(_WORD.findall(orjson.dumps(told).decode())),
        )
