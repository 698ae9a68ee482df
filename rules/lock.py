"""The lock of a folder of packs: what every rule meant when it was last released, so that no meaning changes unnoticed.

Versions follow what people must do about a change: MAJOR if a rule is removed, renamed or means something else; MINOR if one is added;
PATCH if only texts differ. Before 1.0.0 the second number takes the first one's place, as in Semantic Versioning.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rules import document as doc
from rules.errors import Diagnostic, RuleError, Span
from rules.fingerprint import Meanings, digest, measure_fingerprint
from rules.pack import Pack
from rules.source import PACK_FILE

LOCK_FILE: Final = "lock.json"
_FORMAT: Final = 1

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class LockedRule:
    """A rule or measure as it was: the pack's version in which it last changed, its meaning, and a digest of what it says to people."""

    version: str
    fingerprint: str
    texts: str


@dataclass(frozen=True, slots=True)
class LockedPack:
    """A pack as it was. Retired ids stay for ever: an old finding must never be taken for one of a new rule."""

    version: str
    rules: Mapping[str, LockedRule]
    retired: tuple[str, ...] = ()


Lock = Mapping[str, LockedPack]
"""Pack id → what is locked."""


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between the packs and their lock."""

    diagnostic: Diagnostic
    allowed: bool
    """Whether the pack's version is high enough for it: then only the lock has to be written again."""


def read_lock(path: Path) -> Lock:
    """The lock in a file; an empty one if there is no such file.

    Raises:
        RuleError: the file is no lock of ours.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError
        return {name: _read_pack(pack) for name, pack in content["packs"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = Diagnostic(Span(str(path)), "ALM400", "this is not a lock", hint="restore it from version control; do not edit it")
        raise RuleError([wrong]) from error


def _read_pack(pack: Mapping[str, Any]) -> LockedPack:
    _version(pack["version"])  # a ValueError if it is none
    return LockedPack(pack["version"], {rule: LockedRule(**entry) for rule, entry in pack["rules"].items()}, tuple(pack["retired"]))


def lock_text(lock: Lock) -> str:
    """A lock as the text of its file."""
    content = {"format": _FORMAT, "packs": {name: asdict(pack) for name, pack in lock.items()}}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def locked(packs: Iterable[Pack], earlier: Lock) -> Lock:
    """The lock that records ``packs`` as they are now. What is no longer there is retired."""
    found = {pack.document.id: _locked(pack, earlier.get(pack.document.id)) for pack in packs}
    for name, gone in earlier.items():
        if name not in found:
            found[name] = LockedPack(gone.version, {}, tuple(sorted({*gone.retired, *gone.rules})))
    return found


def _locked(pack: Pack, earlier: LockedPack | None) -> LockedPack:
    before: Mapping[str, LockedRule] = earlier.rules if earlier else {}
    now: dict[str, LockedRule] = {}
    for name, rule in _current(pack).items():
        same = name in before and (before[name].fingerprint, before[name].texts) == (rule.fingerprint, rule.texts)
        now[name] = before[name] if same else rule
    retired = {*(earlier.retired if earlier else ()), *(before.keys() - now.keys())}
    return LockedPack(pack.document.version, now, tuple(sorted(retired)))


def _current(pack: Pack) -> dict[str, LockedRule]:
    meanings = Meanings(pack.program)
    version = pack.document.version
    rules = {rule.id.text: LockedRule(version, meanings.of_name(rule.id.text), digest(_texts(rule))) for rule in pack.document.rules}
    written = zip(pack.measures, pack.document.measures, strict=True)
    return rules | {m.id: LockedRule(version, measure_fingerprint(m), digest(_measure_texts(document))) for m, document in written}


def _texts(rule: doc.Rule) -> list[object]:
    """What a rule says beside its meaning: all that a card, a worklist or a reader shows."""
    return [
        *(rule.title, rule.status, rule.level, rule.priority, rule.why, rule.grade, rule.released, rule.revised, rule.limitations),
        rule.restricted,
        [asdict(citation) for citation in rule.citations],
        [rule.card.summary.text, rule.card.indicator],
        asdict(rule.referral) if rule.referral else None,
    ]


def _measure_texts(measure: doc.Measure) -> list[object]:
    """What a measure says beside its meaning."""
    return [
        *(measure.title, measure.why, measure.steward, measure.released, measure.revised, measure.limitations, measure.improvement),
        [asdict(citation) for citation in measure.citations],
    ]


# ---------------------------------------------------------------- differences


def changes(packs: Iterable[Pack], lock: Lock, path: Path) -> Iterator[Change]:
    """Every difference between the packs and the ``lock`` read from ``path``, with the version that it needs."""
    names = set()
    for pack in packs:
        names.add(pack.document.id)
        yield from _changes(pack, lock.get(pack.document.id))
    for gone in sorted(lock.keys() - names):
        if lock[gone].rules:
            yield Change(Diagnostic(Span(str(path)), "ALM402", f"the pack '{gone}' is gone: its rules retire", hint=_WRITE), allowed=True)


_WRITE: Final = "write the lock again: almoner pack lock"


def _changes(pack: Pack, earlier: LockedPack | None) -> Iterator[Change]:
    header, version = Span(str(pack.path / PACK_FILE)), pack.document.version
    if earlier is None:
        yield Change(Diagnostic(header, "ALM402", f"the pack '{pack.document.id}' is not in the lock", hint=_WRITE), allowed=True)
        return
    now = _current(pack)
    ids = [rule.id for rule in pack.document.rules] + [measure.id for measure in pack.document.measures]
    places = {name.text: name.span for name in ids}
    differences = list(_differences(now, earlier))
    for name, what, needed in differences:
        yield _judged(places.get(name, header), f"'{name}' {what}", version, needed)
    for name in sorted(now.keys() & set(earlier.retired)):
        message = f"'{name}' was retired: old findings bear this id"
        yield Change(Diagnostic(places[name], "ALM403", message, hint="choose another id"), allowed=False)
    if not differences and version != earlier.version:
        yield _judged(header, f"'{pack.document.id}' was locked at {earlier.version}", version, _version(earlier.version))


def _differences(now: Mapping[str, LockedRule], earlier: LockedPack) -> Iterator[tuple[str, str, Version]]:
    """Rule, what happened to it, and the version that it needs."""
    major, minor, patch = _version(earlier.version)
    breaking, adding, wording = (major + 1, 0, 0) if major else (0, minor + 1, 0), (major, minor + 1, 0), (major, minor, patch + 1)
    for name in sorted(now.keys() | earlier.rules.keys()):
        before, after = earlier.rules.get(name), now.get(name)
        if after is None:
            yield name, "is gone or has another name", breaking
        elif before is None:
            if name not in earlier.retired:
                yield name, "is new", adding
        elif before.fingerprint != after.fingerprint:
            yield name, "has another meaning", breaking
        elif before.texts != after.texts:
            yield name, "says something else to people", wording


def _judged(place: Span, what: str, version: str, needed: Version) -> Change:
    if _version(version) >= needed:
        return Change(Diagnostic(place, "ALM402", f"{what}; the lock does not say so yet", hint=_WRITE), allowed=True)
    wanted = ".".join(map(str, needed))
    hint = f"set 'version: {wanted}' in {PACK_FILE}"
    return Change(Diagnostic(place, "ALM401", f"{what}: that needs version {wanted} or higher, not {version}", hint=hint), allowed=False)


def _version(text: str) -> Version:
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch
