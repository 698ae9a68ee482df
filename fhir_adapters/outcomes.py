"""What a server said is wrong (OperationOutcome), in words for people."""

from typing import Any, Final

from fhir_adapters.quarantine import Json

_ISSUES: Final = {
    "too-costly": "it is too large for the server: use a narrower set, or ask the server's operator for a higher limit",
    "not-found": "the server does not know it, or not in this version",
    "not-supported": "the server cannot expand a set like this one",
    "code-invalid": "the server does not know one of the codes",
    "invalid": "the server calls the request invalid",
    "timeout": "it took the server too long: use a narrower set",
}
"""Issue types of FHIR → what they mean for somebody who asked for an expansion."""
_NO_ACCESS: Final = "the server refuses access: name a file with a valid token (--token-file)"
_STATUSES: Final = {
    400: "the server calls the request invalid",
    401: _NO_ACCESS,
    403: _NO_ACCESS,
    404: "the server does not know it, or is no terminology server",
    405: "the server cannot expand value sets: it is no terminology server",
    413: _ISSUES["too-costly"],
    422: "the server cannot expand it",
    501: "the server cannot expand value sets: it is no terminology server",
}
_LONGEST: Final = 200


def plain_words(outcome: Json | None, status: int) -> str:
    """Why a terminology server did not expand a set. For such servers only: what an EHR says may name a patient."""
    issues = [issue for issue in (outcome or {}).get("issue") or [] if isinstance(issue, dict)]
    worst = [issue for issue in issues if issue.get("severity") in ("fatal", "error")] or issues
    known = [_ISSUES[issue["code"]] for issue in worst if issue.get("code") in _ISSUES]
    reason = _STATUSES[status] if status in (401, 403) else next(iter(known), _STATUSES.get(status, f"the server failed (HTTP {status})"))
    said = next((text for issue in worst if (text := _text(issue))), "")
    return f"{reason} (it says: {said})" if said else reason


def _text(issue: Json) -> str:
    details: Any = issue.get("details")
    text = (details.get("text") if isinstance(details, dict) else None) or issue.get("diagnostics")
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
