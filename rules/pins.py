"""Pinned expansions: what a terminology server said once, kept with the pack, so that the same rules mean the same everywhere.

::

    packs/<pack>/valuesets/expansions/<slug>.json    a FHIR ValueSet with its expansion
                                      lock.json      what each file must hold

Written by ``almoner pack expand``; nothing here asks a server. The files may stay out of version control (many code systems may not
be passed on): whoever fetches them again must get the codes that the lock names.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from rules.expansions import ExpansionError, codes_in, in_order
from rules.facts import Coding

EXPANSIONS: Final = Path("valuesets") / "expansions"
"""Where a pack keeps its pinned expansions."""
PINS_FILE: Final = "lock.json"
_FORMAT: Final = 1
_SLUG_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Definition:
    """What a terminology server is asked for: a published value set, or what stands below codes in their hierarchy."""

    url: str = ""
    """Canonical URL of a published set; empty for a hierarchy."""
    version: str | None = None
    """Of the value set, or of the hierarchy's code system; ``None``: whatever the server has."""
    operator: str = ""
    """``is-a`` (the roots and everything below them) or ``descendent-of`` (without the roots), as in FHIR."""
    roots: tuple[Coding, ...] = ()

    def __str__(self) -> str:
        if self.url:
            return f"{self.url}|{self.version}" if self.version else self.url
        roots = " ".join(f"{root.system}|{root.code}" for root in sorted(self.roots))
        return f"{self.operator} {roots}" + (f" in version {self.version}" if self.version else "")

    @property
    def slug(self) -> str:
        """The name of its file: readable, safe, and different for each definition."""
        words = [self.url.rpartition("/")[2]] if self.url else [self.operator, *sorted(root.code for root in self.roots)]
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join([*words, self.version or ""])).strip("-.")
        return f"{readable[:_SLUG_LENGTH].rstrip('-.')}-{sha256(str(self).encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Pin:
    """What one expansion must be."""

    definition: str
    version: str
    """What the server said it expanded: the value set's version, or those of the code systems."""
    codes: int
    sha256: str
    """Of the codes (`digest_of`), not of the file: names and days in it may differ."""
    fetched: str
    """The day."""


def expansion_file(folder: Path, definition: Definition) -> Path:
    """Where the pack in ``folder`` keeps an expansion."""
    return folder / EXPANSIONS / f"{definition.slug}.json"


def digest_of(codes: Iterable[Coding]) -> str:
    """Of ``system|code`` lines, sorted: the same for the same codes, in whatever order."""
    return sha256("\n".join(map("|".join, in_order(codes))).encode()).hexdigest()


def read_pins(folder: Path) -> Mapping[str, Pin]:
    """Slug → pin of the pack in ``folder``; empty if nothing was fetched yet.

    Raises:
        ExpansionError: the lock cannot be read.
    """
    path = folder / EXPANSIONS / PINS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError("another format")
        return {slug: Pin(**pin) for slug, pin in content["expansions"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ExpansionError(f"{EXPANSIONS / PINS_FILE} is not a lock of expansions: restore it from version control") from None


def pins_text(pins: Mapping[str, Pin]) -> str:
    """The lock as the text of its file."""
    return json.dumps({"format": _FORMAT, "expansions": {slug: asdict(pin) for slug, pin in pins.items()}}, indent=2, sort_keys=True) + "\n"


def pinned_codes(folder: Path, definition: Definition) -> tuple[Coding, ...]:
    """The codes that the pack in ``folder`` keeps for ``definition``, sorted.

    Raises:
        ExpansionError: they were never fetched, or the file is not what the lock says.
    """
    pin, path = _pins(folder, *_state(folder / EXPANSIONS / PINS_FILE)).get(definition.slug), expansion_file(folder, definition)
    state = _state(path)
    if pin is None or not state:
        raise ExpansionError(f"its codes are not here; fetch them: almoner pack expand {folder} --server URL")
    return _checked(path, pin, *state)


def _state(file: Path) -> tuple[int, ...]:
    """Tells one state of a file from another, so that it is read once for many rules; empty if it is not there."""
    try:
        found = file.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    except OSError:
        return ()


@lru_cache(maxsize=16)
def _pins(folder: Path, *state: int) -> Mapping[str, Pin]:
    return read_pins(folder)


@cache
def _checked(path: Path, pin: Pin, *state: int) -> tuple[Coding, ...]:
    codes = codes_in(path)
    if digest_of(codes) != pin.sha256:
        raise ExpansionError(
            f"{path.name} does not hold the codes that were fetched on {pin.fetched}; restore it, or fetch it again with --update"
        )
    return codes
