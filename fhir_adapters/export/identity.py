"""Ids, computer names and canonical URLs, made from names and nothing else."""

import hashlib
import re
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

    def url(self, resource_type: str, identifier: str) -> str:
        """The canonical URL of an artifact, without its version."""
        return f"{self.base.rstrip('/')}/{resource_type}/{identifier}"

    def canonical(self, resource_type: str, identifier: str) -> str:
        """A reference to exactly this version of an artifact."""
        return f"{self.url(resource_type, identifier)}|{self.version}"

    def id_of(self, name: str) -> str:
        """The id of a part of the pack. Names that FHIR's ids cannot tell apart get a digest."""
        plain = _NO_LETTER.sub("-", name).strip("-").lower()
        found = f"{self.pack}-{plain}"
        if plain == name and len(found) <= _LONGEST_ID:
            return found
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{found[: _LONGEST_ID - 9].rstrip('-')}-{digest}"


def computer_name(text: str) -> str:
    """``whole-person`` → ``WholePerson``: FHIR's and CQL's names have no spaces or hyphens."""
    words = [word for word in _NO_LETTER.split(text) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"N{name}"
