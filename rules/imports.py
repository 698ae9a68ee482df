"""Packs that import packs: what they share is read once, versions and circles are checked."""

import operator
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from rules import document as doc
from rules.errors import Diagnostic, RuleError, Span
from rules.parse import parse_pack, parse_vocabulary
from rules.parse.fields import Problems
from rules.source import PACK_FILE, MapNode, read_file
from rules.word_tables import names_of, with_word_tables

_COMPARE: Final = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
_LIMIT: Final = re.compile(r"([<>=]+) *([0-9.]+)")

_T = TypeVar("_T")


def read(file: Path, parse: Callable[[MapNode, Problems], _T], problems: Problems) -> _T | None:
    """What a file says; ``None`` if it cannot be read, which is then among the problems."""
    try:
        return parse(read_file(file), problems)
    except RuleError as error:
        problems.found += error.diagnostics
    except OSError as error:
        problems.add(Span(str(file)), "ALM000", f"the file cannot be read: {error.strerror}")
    return None


def fits(version: str, wanted: str) -> bool:
    """Whether a version such as ``1.2.0`` meets every limit of ``>=1.2, <2``. Parts that are left out are 0."""
    return all(_COMPARE[sign](_parts(version), _parts(limit)) for sign, limit in _LIMIT.findall(wanted))


def _parts(version: str) -> list[int]:
    return [int(part) for part in (*version.split("."), "0", "0")[:3]]


@dataclass(slots=True)
class Reader:
    """Reads the headers and shared names of packs, each folder once, however many packs import it."""

    known: dict[Path, tuple[doc.Pack | None, tuple[Diagnostic, ...]]] = field(default_factory=dict)
    """Resolved folder → the pack without its rules, and what is wrong with it."""
    path: dict[Path, str] = field(default_factory=dict)
    """The packs that are being read, each imported by the one before: resolved folder → id."""

    def shared(self, folder: Path, problems: Problems) -> doc.Pack | None:
        """The header of the pack in ``folder`` with all that its rules share and import, but without the rules."""
        home = folder.resolve()
        if home not in self.known:
            own = Problems()
            self.known[home] = self._read(folder, home, own), tuple(own.found)
        pack, mistakes = self.known[home]
        problems.found += mistakes
        return pack

    def _read(self, folder: Path, home: Path, problems: Problems) -> doc.Pack | None:
        pack = read(folder / PACK_FILE, parse_pack, problems)
        names = [read(file, parse_vocabulary, problems) for file in sorted((folder / "valuesets").glob("*.yaml"))]
        if pack is None or problems.found:
            return pack
        self.path[home] = pack.id
        imports = tuple(replace(each, pack=self._imported(each, folder, problems)) for each in pack.imports)
        del self.path[home]
        whole = replace(pack, vocabulary=sum((found for found in names if found), pack.vocabulary), imports=imports)
        imported = names_of(library.vocabulary for library in whole.libraries())
        whole = replace(whole, vocabulary=with_word_tables(whole.vocabulary, imported))
        _refuse_namesakes(whole, problems)
        return whole

    def _imported(self, each: doc.Import, folder: Path, problems: Problems) -> doc.Pack | None:
        target = Path(os.path.normpath(folder / each.folder.text))
        home = target.resolve()
        if not (target / PACK_FILE).is_file():
            problems.add(each.folder.span, "ALM270", f"the import '{each.folder}' is not satisfied: there is no {PACK_FILE} in {target}")
            return None
        if home in self.path:
            circle = " -> ".join([*list(self.path.values())[list(self.path).index(home) :], self.path[home]])
            problems.add(each.folder.span, "ALM272", f"packs import each other in a circle: {circle}")
            return None
        mistakes = len(problems.found)
        pack = self.shared(target, problems)
        if pack is None or len(problems.found) > mistakes:
            return None
        if not fits(pack.version, each.versions.text):
            message = f"the import '{each.folder}' is not satisfied: '{pack.id}' there has version {pack.version}, not {each.versions}"
            problems.add(each.versions.span, "ALM271", message)
        return pack


def _refuse_namesakes(pack: doc.Pack, problems: Problems) -> None:
    """One id must not mean two packs: their names could not be told apart."""
    seen = {pack.id: pack}
    for each in pack.imports:
        for library in (*each.pack.libraries(), each.pack) if each.pack else ():
            if seen.setdefault(library.id, library) is not library:
                problems.add(each.folder.span, "ALM273", f"with this import two packs are called '{library.id}'", "import one of them")
