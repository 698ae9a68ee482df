"""The codes that a library speaks of: declared once, each set under the name that the pack gives it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from rules.cql.text import identifier, literal
from rules.facts import Coding
from rules.valuesets import SYSTEMS

_SHORT: Final = {uri: name for name, uri in SYSTEMS.items()}

Names = Mapping[frozenset[Coding], tuple[str, str]]
"""Set of codes → the name that the pack gives it, and the canonical URL of its ValueSet."""


@dataclass(slots=True)
class Terms:
    """Collects the sets of codes that facts use, and declares them."""

    names: Names
    _used: dict[frozenset[Coding], str] = field(default_factory=dict)

    def match(self, concept: str, codes: frozenset[Coding], fact: str) -> str:
        """A test of whether a concept has one of ``codes``; ``fact`` names the set if the pack does not."""
        return f"{concept} ~ {identifier(f'codes: {self._name(codes, fact)}')}" if codes else "false"

    def _name(self, codes: frozenset[Coding], fact: str) -> str:
        if codes not in self._used:
            wanted = self.names[codes][0] if codes in self.names else f"of {fact}"
            taken, number = set(self._used.values()), 2
            name = wanted
            while name in taken:
                name, number = f"{wanted} ({number})", number + 1
            self._used[codes] = name
        return self._used[codes]

    def declarations(self) -> Iterator[str]:
        """``codesystem``, ``code`` and ``concept``, in that order, as CQL's grammar has them."""
        everything = sorted({coding for codes in self._used for coding in codes})
        for system in dict.fromkeys(coding.system for coding in everything):
            yield f"codesystem {identifier(_system(system))}: {literal(system)}"
        yield ""
        for coding in everything:
            yield f"code {identifier(_code(coding))}: {literal(coding.code)} from {identifier(_system(coding.system))}"
        for codes, name in self._used.items():
            yield ""
            if codes in self.names:
                yield f"// ValueSet {self.names[codes][1]}"
            yield f"concept {identifier(f'set: {name}')}: {{"
            yield ",\n".join(f"  {identifier(_code(coding))}" for coding in sorted(codes))
            yield "}"

    def defines(self) -> Iterator[str]:
        """Each set as an expression: engines evaluate an expression once, but a concept wherever it is named."""
        for name in self._used.values():
            yield f"define {identifier(f'codes: {name}')}: {identifier(f'set: {name}')}"


def _system(uri: str) -> str:
    return f"system: {_SHORT.get(uri, uri)}"


def _code(coding: Coding) -> str:
    return f"{_SHORT.get(coding.system, coding.system)} {coding.code}"


def joined(lines: Iterable[str]) -> str:
    """Lines as one text that ends with a line break."""
    return "\n".join(lines) + "\n"
