"""Fetching the expansions that packs need, and keeping them: what is pinned stays as it is until somebody asks for an update."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import cast

from fhir_adapters import FhirServer
from fhir_adapters.errors import ExpansionRefused
from fhir_adapters.terminology import Expansion, Operator, expand, expand_hierarchy
from plugin.cli.output import write_lines
from rules import document as doc
from rules.errors import RuleError
from rules.expansions import ExpansionError, about, codes_in
from rules.facts import Coding
from rules.fingerprint import Meanings
from rules.pack import load_packs, read_packs
from rules.pins import EXPANSIONS, PINS_FILE, Definition, Pin, digest_of, expansion_file, pinned_codes, pins_text, read_pins
from rules.scope import pack_folder


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value set of a pack whose codes come from a terminology server."""

    folder: Path
    valueset: doc.ValueSet
    definition: Definition

    def __str__(self) -> str:
        return f"{self.valueset.name.span}: {self.valueset.name}"


@dataclass(frozen=True, slots=True)
class Changed:
    """What a new expansion brought."""

    wanted: Wanted
    pin: Pin
    inactive: int
    before: int | None
    """How many codes there were; ``None``: it was not here, or could not be read."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an expansion cannot be used."""

    wanted: Wanted
    reason: str
    by_server: bool


@dataclass(slots=True)
class Outcome:
    """What was done for the packs at a path."""

    kept: int = 0
    changed: list[Changed] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    dropped: list[Path] = field(default_factory=list)
    """Files that no value set needs any more."""
    other_meaning: tuple[str, ...] = ()
    """Rules that mean something else than before."""


def wanted(path: Path) -> Iterator[Wanted]:
    """Every such value set of the packs at ``path``, each definition once per pack; those of imported packs stay with their packs.

    Raises:
        RuleError, FileNotFoundError: the packs cannot be read.
    """
    seen: set[tuple[Path, Definition]] = set()
    for _, pack in read_packs(path):
        for vocabulary in (pack.vocabulary, *(rule.vocabulary for rule in pack.rules)):
            for valueset in vocabulary.valuesets:
                if valueset.definition and (key := (pack_folder(valueset), valueset.definition)) not in seen:
                    seen.add(key)
                    yield Wanted(key[0], valueset, valueset.definition)


def fetch(path: Path, server: FhirServer, today: date, *, update: bool, tell: Callable[[Changed | Failed], None]) -> Outcome:
    """Fetch what is missing at ``path``; with ``update``, ask for everything again and drop what is no longer needed.

    Each change is written, and told, at once.

    Raises:
        EhrUnavailable: the server cannot be reached. What was fetched until then is kept.
        ExpansionError: a lock of expansions cannot be read.
    """
    outcome, meanings = Outcome(), _meanings(path)
    locks: dict[Path, dict[str, Pin]] = {}
    for each in wanted(path):
        if each.folder not in locks:
            locks[each.folder] = dict(read_pins(each.folder))
        try:
            changed = _settle(each, locks[each.folder], server, today, update=update)
        except (ExpansionError, ExpansionRefused) as error:
            outcome.failed.append(Failed(each, str(error), isinstance(error, ExpansionRefused)))
            tell(outcome.failed[-1])
            continue
        if changed is None:
            outcome.kept += 1
        else:
            outcome.changed.append(changed)
            tell(changed)
    for folder, pins in locks.items() if update else ():
        outcome.dropped += _drop(folder, pins, {w.definition.slug for w in wanted(path) if w.folder == folder})
    if outcome.changed:
        after = _meanings(path)
        outcome.other_meaning = tuple(rule for rule in sorted(meanings) if after.get(rule, meanings[rule]) != meanings[rule])
    return outcome


def _settle(each: Wanted, pins: dict[str, Pin], server: FhirServer, today: date, *, update: bool) -> Changed | None:
    """Fetch one expansion if it is missing, or if it may have changed; ``None``: it stays as it is."""
    file, pin = expansion_file(each.folder, each.definition), pins.get(each.definition.slug)
    if pin and file.is_file() and not update:
        pinned_codes(each.folder, each.definition)
        return None
    found = _ask(server, each.definition)
    codes = digest_of(found.names)
    if pin and not file.is_file() and not update and codes != pin.sha256:
        raise ExpansionError(
            f"the server's {len(found.names)} codes are not the {pin.codes} that the lock names; to take them over, ask with --update"
        )
    if pin and file.is_file() and codes == pin.sha256 and not _otherwise(file, pin, found):
        return None
    new = Pin(str(each.definition), found.version, len(found.names), codes, today.isoformat())
    changed = _compared(each, new, file, found)
    pins[each.definition.slug] = new
    _write(each, pins, found)
    return changed


def _ask(server: FhirServer, definition: Definition) -> Expansion:
    if definition.url:
        return expand(server, definition.url, definition.version)
    return expand_hierarchy(server, cast(Operator, definition.operator), definition.roots, definition.version)


def _otherwise(file: Path, pin: Pin, found: Expansion) -> bool:
    """Whether a file with the same codes has to be written again: it was changed, or its set has another version or status."""
    try:
        same = digest_of(codes_in(file)) == pin.sha256 and about(file).status == found.resource["status"]
    except ExpansionError:
        return True
    return not same or found.version != pin.version


def _compared(each: Wanted, pin: Pin, file: Path, found: Expansion) -> Changed:
    try:
        before = set(codes_in(file))
    except ExpansionError:
        return Changed(each, pin, found.inactive, None)
    added = tuple(_shown(code, found.names[code]) for code in found.names if code not in before)
    removed = tuple(_shown(code) for code in sorted(before) if code not in found.names)
    return Changed(each, pin, found.inactive, len(before), added, removed)


def _shown(code: Coding, name: str = "") -> str:
    return f"{code.system}|{code.code}" + (f" {name}" if name else "")


def _write(each: Wanted, pins: dict[str, Pin], found: Expansion) -> None:
    """The expansion first, then the lock: a run that is killed in between leaves a file that nobody trusts, and that is fetched again."""
    file = expansion_file(each.folder, each.definition)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_lines(file, found.text().rstrip("\n").split("\n"))
    write_lines(each.folder / EXPANSIONS / PINS_FILE, pins_text(pins).rstrip("\n").split("\n"))


def _drop(folder: Path, pins: dict[str, Pin], needed: set[str]) -> Iterator[Path]:
    """Forget what the lock names and no value set needs."""
    unneeded = sorted(pins.keys() - needed)
    for slug in unneeded:
        del pins[slug]
    if unneeded:
        write_lines(folder / EXPANSIONS / PINS_FILE, pins_text(pins).rstrip("\n").split("\n"))
    for slug in unneeded:
        file = folder / EXPANSIONS / f"{slug}.json"
        file.unlink(missing_ok=True)
        yield file


def _meanings(path: Path) -> dict[str, str]:
    """Rule → what it means; empty if the packs cannot be loaded yet."""
    try:
        packs = load_packs(path)
    except RuleError:
        return {}
    found: dict[str, str] = {}
    for pack in packs:
        meanings = Meanings(pack.program)
        found |= {rule: meanings.of_name(rule) for rule in pack.program.rules}
    return found
