"""What changed since the last published sweep, by walking through both side by side; both are sorted by patient, then rule."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson

Key = tuple[str, str]
Kind = Literal["new", "still", "resolved", "became unknown", "left"]
KINDS: Final[tuple[Kind, ...]] = ("new", "still", "resolved", "became unknown", "left")
"""Now yes and before not; yes and before yes; no and before yes; unknown and before yes; before yes, and the person or the rule is no
longer part of the sweep, so that nobody can tell."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one person and rule."""

    patient: str
    rule: str
    change: Kind
    before: str | None
    """``None``: it was *no*, or there was no sweep of it."""
    now: str | None


def findings_in(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of findings."""
    with path.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)


def differences(
    before: Iterable[dict[str, Any]], now: Iterable[dict[str, Any]], people: Iterable[str], rules: Container[str]
) -> Iterator[Change]:
    """In the order of patient and rule. ``people``: everybody in the sweep now, sorted; ``rules``: those that it has."""
    present = _Present(people)
    for key, old, new in _side_by_side(before, now):
        kind = _kind(old, new)
        if kind == "resolved" and not (key[1] in rules and present.has(key[0])):
            kind = "left"
        if kind is not None:
            yield Change(*key, kind, old, new)


def _kind(old: str | None, new: str | None) -> Kind | None:
    if new == "yes":
        return "still" if old == "yes" else "new"
    if old == "yes":
        return "became unknown" if new == "unknown" else "resolved"
    return None


def _side_by_side(before: Iterable[dict[str, Any]], now: Iterable[dict[str, Any]]) -> Iterator[tuple[Key, str | None, str | None]]:
    left, right = map(_statuses, (before, now))
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None  # noqa: S101 - one of the two is there
            yield old[0], old[1], None
            old = next(left, None)
        elif old is None or new[0] < old[0]:
            yield new[0], None, new[1]
            new = next(right, None)
        else:
            yield new[0], old[1], new[1]
            old, new = next(left, None), next(right, None)


def _statuses(findings: Iterable[dict[str, Any]]) -> Iterator[tuple[Key, str]]:
    for finding in findings:
        yield (finding["patient"], finding["rule"]), finding["status"]


class _Present:
    """Whether somebody is among sorted people; asked in the same order."""

    def __init__(self, people: Iterable[str]) -> None:
        self._people = iter(people)
        self._at = next(self._people, None)

    def has(self, patient: str) -> bool:
        while self._at is not None and self._at < patient:
            self._at = next(self._people, None)
        return self._at == patient


def counted(changes: Iterable[Change]) -> dict[str, dict[str, int]]:
    """Rule → kind of change → how many."""
    found: Counter[Key] = Counter((change.rule, change.change) for change in changes)
    return {rule: {kind: found[rule, kind] for kind in KINDS} for rule in sorted({rule for rule, _ in found})}
