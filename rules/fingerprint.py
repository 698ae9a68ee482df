"""The fingerprint of a rule: a hash of what it means, and of nothing else.

It covers the rule's condition (with ``unless`` and the pack's population), every derived, computed and counted fact behind it, and
of these the codes, statuses, windows, units and conversions. It does not cover names of facts, titles, comments, layout, the order
of files, of codes or of the parts of ``all`` and ``any``, priority or examples. A field that has its default is left out, so that a
construct added to the language later leaves older rules' fingerprints as they are.
"""

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any, Final

from rules import ir, logic
from rules.measures import Measure

_TEXTS: Final = frozenset({"name", "analyte", "reference"})
"""Fields that say something to people and nothing to an engine."""
_NAMES_A_FACT: Final = frozenset({"fact", "anchor"})
_UNORDERED: Final = frozenset({"tables", "statuses", "values", "tags", "relations", "lower", "upper", "conversions"})
"""Fields whose items all hold together, in whatever order."""
_EXACT: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_SORTABLE: Final = json.JSONEncoder(sort_keys=True)

Form = dict[str, "Form"] | list["Form"] | str | float | bool | None


def fingerprint(program: ir.Program, rule: str) -> str:
    """``sha256:…`` of the meaning of a rule or derived fact; the same in every process and on every machine."""
    return Meanings(program).of_name(rule)


def fingerprints(program: ir.Program) -> dict[str, str]:
    """Every rule of a program → its `fingerprint`. What several rules rest on is looked at once."""
    meanings = Meanings(program)
    return {rule: meanings.of_name(rule) for rule in program.rules}


def measure_fingerprint(measure: Measure) -> str:
    """``sha256:…`` of the meaning of a measure: its populations, its strata by their labels, and which events are its episodes."""
    meanings = Meanings(measure.program)

    def of(name: str | None) -> str | None:
        return meanings.of_name(name) if name else None

    groups = [[g.name, of(g.eligible), of(g.excluded), of(g.met), of(g.excepted)] for g in measure.groups]
    strata = [[s.name, of(s.fact), [[label, of(name)] for label, name in s.strata]] for s in measure.stratifiers]
    return digest({"groups": groups, "strata": strata, "each": meanings.of_fact(measure.each) if measure.each else None})


def digest(form: object) -> str:
    """``sha256:…`` of something made of plain dictionaries, lists, texts and numbers."""
    return f"sha256:{sha256(_EXACT.encode(form).encode()).hexdigest()}"


class Meanings:
    """Digests of the facts and conditions of one program. Two things with one digest mean the same."""

    def __init__(self, program: ir.Program) -> None:
        self._program = program
        self._known: dict[str, str] = {}
        self._derived_in_turn = False
        """Whether the digests of all derived facts are being made: once one is asked for."""
        self._groups: dict[str, tuple[str, tuple[str, ...]]] = {}
        """Digest of a connective → its kind and the digests of its parts."""
        self._ordered: dict[frozenset[Any] | tuple[Any, ...], list[Form]] = {}
        """Sets of codes, statuses and the like already put in order: many facts read the same ones."""

    def of_name(self, name: str) -> str:
        """The digest of a fact, derived fact or rule by its name inside the program."""
        name = self._program.twins.get(name, name)
        if name not in self._known:
            if name in self._program.by_name:
                self._known[name] = self.of_fact(self._program.by_name[name])
            elif self._derived_in_turn:
                self._known[name] = self.of_condition(self._program.conditions[name])
            else:
                self._derived_in_turn = True
                for derived in self._program.derived:  # in dependency order, so that no chain of them is too long for the stack
                    self.of_name(derived.name)
        return self._known[name]

    def of_fact(self, fact: ir.Fact) -> str:
        """The digest of a fact that need not be part of the program."""
        return digest(self._fields(fact))

    def of_condition(self, condition: logic.Condition) -> str:
        """The digest of a condition. A derived fact stands for its own condition."""
        match condition:
            case logic.Holds(fact) if fact in self._program.conditions:
                return self.of_name(fact)
            case logic.Not(part):
                inner = self.of_condition(part)
                kind, parts = self._groups.get(inner, ("", ()))
                return parts[0] if kind == "Not" else self._group("Not", [inner])
            case logic.All(parts) | logic.Any(parts):
                return self._several(type(condition).__name__, [self.of_condition(part) for part in parts])
            case logic.AtLeast(parts, number):
                return digest({"is": "AtLeast", "number": number, "parts": sorted(self.of_condition(part) for part in parts)})
        return digest(self._fields(condition))

    def _several(self, kind: str, parts: Iterable[str]) -> str:
        flat: set[str] = set()
        for part in parts:
            own, inner = self._groups.get(part, ("", ()))
            flat.update(inner if own == kind else (part,))
        return flat.pop() if len(flat) == 1 else self._group(kind, sorted(flat))

    def _group(self, kind: str, parts: list[str]) -> str:
        found = digest({"is": kind, "parts": parts})
        self._groups[found] = (kind, tuple(parts))
        return found

    # ---------------------------------------------------------------- everything below a condition

    def _form(self, value: object) -> Form:
        match value:
            case logic.Holds() | logic.Compare() | logic.Is() | logic.Known() | logic.Not() | logic.All() | logic.Any() | logic.AtLeast():
                return self.of_condition(value)
            case frozenset():
                return self._in_order(value)
            case tuple():
                return [self._form(item) for item in value]
            case date():
                return value.isoformat()
            case None | bool() | int() | float() | str():
                return value
        return self._fields(value)

    def _fields(self, value: Any) -> dict[str, Form]:
        """The form of an operator: a frozen dataclass of `rules.ir`, or one of those inside it."""
        form: dict[str, Form] = {"is": type(value).__name__}
        for name, default in _given(value.__class__):
            item = getattr(value, name)
            if type(item) is not type(default) or item != default:
                form[name] = self._field(name, item)
        return form

    def _field(self, name: str, item: object) -> Form:
        if name in _NAMES_A_FACT and isinstance(item, str):
            return self.of_name(item)
        if name in _UNORDERED and isinstance(item, tuple):
            return self._in_order(item)
        return self._form(item)

    def _in_order(self, items: frozenset[Any] | tuple[Any, ...]) -> list[Form]:
        if items not in self._ordered:
            self._ordered[items] = sorted(map(self._form, items), key=_SORTABLE.encode)
        return self._ordered[items]


@cache
def _given(operator: type[Any]) -> tuple[tuple[str, object], ...]:
    """The fields of an operator that mean something, with their defaults. Those neither given nor compared only repeat the others."""
    return tuple((each.name, each.default) for each in fields(operator) if each.init and each.compare and each.name not in _TEXTS)
