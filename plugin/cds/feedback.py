"""What clients tell about cards, whatever their dialect, read leniently: one entry that cannot be used never loses the others."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

_EPIC: Final = "com.epic.cdshooks.feedback.overrideReason."
_LONGEST_ID: Final = 200
_NOT_KEPT: Final = re.compile(r"[\x00\ud800-\udfff]")
MOST_ENTRIES: Final = 2_000
"""Of one message; what comes after is not looked at, and counted."""
_CODE: Final = re.compile(r"\S(?:.{0,126}\S)?")
_SPACES: Final = re.compile(r"\s+")

Json = dict[str, Any]


class Outcome(StrEnum):
    """What a user did about a card, as CDS Hooks names it. Whoever ignores a card is never heard of."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


class Fault(StrEnum):
    """Why an entry cannot be used."""

    NO_OBJECT = "no-object"
    NO_CARD = "no-card"
    NO_OUTCOME = "no-outcome"
    NO_TIME = "no-time"
    TOO_MANY = "too-many"
    UNKNOWN_CARD = "unknown-card"
    OTHER_CLIENT = "other-client"
    NOT_RETURNED = "not-returned"


class BadFeedback(Exception):
    """The message as a whole is no feedback. The text names the member, never its value."""


@dataclass(frozen=True, slots=True, order=True)
class OverrideReason:
    """Why a user did not follow a card: a code of the card's reasons, or of the client's own."""

    system: str
    """Empty if the client named none."""
    code: str
    display: str | None = field(default=None, compare=False)
    """As the client's list of reasons has it; many clients leave it out."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One outcome of one card. What a user typed is not in it."""

    card: str
    outcome: Outcome
    at: datetime
    suggestions: tuple[str, ...] = ()
    """Those that were accepted; empty also if an acceptance does not say which."""
    reasons: tuple[OverrideReason, ...] = ()
    commented: bool = False
    """Whether there was a comment."""
    dialect: str = "standard"


@dataclass(frozen=True, slots=True)
class Unusable:
    """An entry that cannot be used; ``times`` more than one where entries were not looked at one by one."""

    fault: Fault
    entry: Any
    times: int = 1


@dataclass(frozen=True, slots=True)
class Message:
    """A message in parts: as many entries as came in."""

    usable: tuple[Feedback, ...]
    unusable: tuple[Unusable, ...]


def parse_feedback(body: Any) -> Message:
    """The entries of a message: ``{"feedback": […]}``, or, as some clients send it, one entry alone or a bare list.

    Raises:
        BadFeedback: it is none of these.
    """
    entries = _entries(body)
    found = [_read(entry) for entry in entries[:MOST_ENTRIES]]
    rest = entries[MOST_ENTRIES:]
    left = [Unusable(Fault.TOO_MANY, len(rest), len(rest))] if rest else []
    return Message(
        tuple(each for each in found if isinstance(each, Feedback)), (*(each for each in found if isinstance(each, Unusable)), *left)
    )


def plain_id(text: str) -> str:
    """An id of ours as we wrote it, though a client may have changed a UUID's letters to capitals; others stay as they are."""
    try:
        return str(UUID(text))
    except ValueError:
        return text


def _entries(body: Any) -> list[Any]:
    if isinstance(body, dict) and "feedback" not in body and "card" in body:
        return [body]
    entries = body.get("feedback") if isinstance(body, dict) else body
    if isinstance(entries, dict):
        return [entries]
    if not isinstance(entries, list):
        raise BadFeedback("feedback is missing or not an array")
    return entries


def _read(entry: Any) -> Feedback | Unusable:
    if not isinstance(entry, dict):
        return Unusable(Fault.NO_OBJECT, entry)
    card, outcome, at = _id(entry.get("card")), _outcome(entry.get("outcome")), _moment(entry.get("outcomeTimestamp"))
    if card is None:
        return Unusable(Fault.NO_CARD, entry)
    if outcome is None:
        return Unusable(Fault.NO_OUTCOME, entry)
    if at is None:
        return Unusable(Fault.NO_TIME, entry)
    epic = "overrideReasons" in entry or any(key.startswith(_EPIC) for each in _places(entry) for key in each)
    dialect = "epic" if epic else "standard"
    if outcome is Outcome.ACCEPTED:
        return Feedback(card, outcome, at, tuple(sorted(set(_suggestions(entry)))), (), _commented(entry), dialect)
    return Feedback(card, outcome, at, (), tuple(sorted(_reasons(entry))), _commented(entry), dialect)


def _id(value: Any) -> str | None:
    return plain_id(_kept(value.strip())) if isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_ID else None


def _outcome(value: Any) -> Outcome | None:
    word = value.strip().lower() if isinstance(value, str) else None
    return Outcome(word) if word in set(Outcome) else None


def _moment(value: Any) -> datetime | None:
    """The standard says UTC: a time without a zone is taken for that."""
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _suggestions(entry: Json) -> Iterator[str]:
    for each in _listed(entry.get("acceptedSuggestions")):
        found = _id(each.get("id") if isinstance(each, dict) else each)
        if found:
            yield found


# ---------------------------------------------------------------- reasons


def _given(entry: Json) -> list[Json]:
    """What stands under ``overrideReason``, and under Epic's plural."""
    both = (*_listed(entry.get("overrideReason")), *_listed(entry.get("overrideReasons")))
    return [each for each in both if isinstance(each, dict)]


def _places(entry: Json) -> Iterator[Mapping[str, Any]]:
    """Every object in which Epic may have put its extension."""
    for holder in (entry, *_given(entry)):
        extension = holder.get("extension")
        if isinstance(extension, dict):
            yield extension


def _reasons(entry: Json) -> Iterable[OverrideReason]:
    found: dict[tuple[str, str], OverrideReason] = {}
    for given in _given(entry):
        inner = _listed(given.get("reason"))
        for coding in inner or [given]:
            reason = _coded(coding)
            if reason:
                found.setdefault((reason.system, reason.code), reason)
    return found.values() or filter(None, [_built_in(entry)])


def _coded(coding: Any) -> OverrideReason | None:
    """A Coding, or a CodeableConcept with one."""
    if isinstance(coding, dict) and "code" not in coding:
        coding = next(iter(_listed(coding.get("coding"))), coding)
    if not isinstance(coding, dict):
        return None
    code, system = coding.get("code"), coding.get("system")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    return OverrideReason(_kept(system[:200]) if isinstance(system, str) else "", _kept(code), _display(coding.get("display")))


def _built_in(entry: Json) -> OverrideReason | None:
    """A reason of Epic's own list: it comes as category, title and display, without code."""
    said: dict[str, str] = {}
    for extension in _places(entry):
        for name in ("Title", "Display", "reasonCategory"):
            value = extension.get(f"{_EPIC}{name}")
            if isinstance(value, str | int) and str(value).strip():
                said.setdefault(name, _SPACES.sub(" ", str(value)).strip())
    if not said:
        return None
    code = next(said[name] for name in ("reasonCategory", "Title", "Display") if name in said)
    return OverrideReason(_EPIC.rstrip("."), _kept(code[:128]), _display(said.get("Title") or said.get("Display")))


def _display(value: Any) -> str | None:
    return _kept(_SPACES.sub(" ", value).strip()[:100]) or None if isinstance(value, str) else None


def _kept(text: str) -> str:
    """The text as every database keeps it."""
    return _NOT_KEPT.sub("\ufffd", text)


def _commented(entry: Json) -> bool:
    holders = (entry, *_given(entry))
    return any(isinstance(each.get("userComment"), str) and bool(each["userComment"].strip()) for each in holders)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
