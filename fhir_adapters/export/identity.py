"""Ids, computer names and canonical URLs, made from names and nothing else."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_LONGEST_ID: Final = 64
_NO_LETTER: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which address and version the artifacts of a pack are known."""

    base: str
    """Start of every canonical URL, such as ``https://example.org/fhir``."""
    pack: str
    version: str
    ids: Mapping[str, str]
    """Name of a part of the pack → its id."""

    @classmethod
    def of(cls, base: str, pack: str, version: str, parts: Iterable[str]) -> "Identity":
        """The identity of a pack whose parts have these names. The same names get the same ids, in whatever order they come."""
        plain = {name: f"{pack}-{_NO_LETTER.sub('-', name).strip('-').lower()}" for name in parts}
        shared = Counter(plain.values())
        clear = {found for found, count in shared.items() if count == 1 and len(found) <= _LONGEST_ID}
        ids = {name: found if found in clear else _told_apart(found, name) for name, found in plain.items()}
        return cls(base.rstrip("/"), pack, version, ids)

    def url(self, resource_type: str, identifier: str) -> str:
        """The canonical URL of an artifact, without its version."""
        return f"{self.base}/{resource_type}/{identifier}"

    def canonical(self, resource_type: str, identifier: str) -> str:
        """A reference to exactly this version of an artifact."""
        return f"{self.url(resource_type, identifier)}|{self.version}"


def _told_apart(identifier: str, name: str) -> str:
    """An id for one of several names that look the same in an id, or for a long one."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{identifier[: _LONGEST_ID - 9].rstrip('-')}-{digest}"


def computer_name(text: str) -> str:
    """``whole-person`` → ``WholePerson``: FHIR's and CQL's names have no spaces or hyphens."""
    words = [word for word in _NO_LETTER.split(text) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"N{name}"
