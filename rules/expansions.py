"""Value sets in files: FHIR ValueSet resources (their expansion, or the codes they list) and CSV with ``system,code`` columns.

Read only when a fact uses the set, and once per process, however many rules do.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import lt
from pathlib import Path
from typing import Any, Final

from rules.facts import Coding
from rules.valuesets import SYSTEMS

MAX_BYTES: Final = 64 << 20
_EXPIRES: Final = "http://hl7.org/fhir/StructureDefinition/valueset-expirationDate"
_EFFECTIVE: Final = "http://hl7.org/fhir/StructureDefinition/resource-effectivePeriod"


class ExpansionError(Exception):
    """The file does not say which codes belong to the set; the message says why."""


@cache
def read_expansion(path: Path, version: str | None = None) -> tuple[Coding, ...]:
    """`codes_in`, once per process."""
    return codes_in(path, version)


def codes_in(path: Path, version: str | None = None) -> tuple[Coding, ...]:
    """The codes of the set in a file, sorted, each once. A ``version`` must be the file's own.

    Raises:
        ExpansionError: the file cannot be read, is no value set, names another version, or only describes its codes by a rule.
    """
    text = _text(path)
    found = list(_from_csv(text) if path.suffix == ".csv" else _from_json(text, version))
    if not found:
        raise ExpansionError("the set has no codes")
    return in_order(found)


def in_order(codes: Iterable[Coding]) -> tuple[Coding, ...]:
    """The codes sorted, each once. Those that are so already, as fetched ones are, cost next to nothing."""
    found = tuple(codes)
    return found if all(map(lt, found, found[1:])) else tuple(sorted(set(found)))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ExpansionError(f"the file is larger than {MAX_BYTES >> 20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExpansionError(f"the file cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None


def _from_csv(text: str) -> Iterator[Coding]:
    for number, row in enumerate(csv.DictReader(text.splitlines()), 2):
        system, code = (row.get(column) or "" for column in ("system", "code"))
        if not system.strip() or not code.strip():
            raise ExpansionError(f"line {number} lacks a system or a code; the first line must name these columns")
        yield Coding(SYSTEMS.get(system.strip(), system.strip()), code.strip())


@dataclass(frozen=True, slots=True)
class About:
    """What a file says about its set, beside the codes."""

    status: str
    """``active``, ``retired`` … as in FHIR; empty if it does not say."""
    ends: str
    """The day on which the set is over, as written; empty if there is none."""
    inactive: tuple[Coding, ...]
    """Codes that it marks as inactive. They do not count."""


def about(path: Path) -> About:
    """What the file says about its set; nothing in a CSV file does.

    Raises:
        ExpansionError: it cannot be read.
    """
    if path.suffix == ".csv":
        return About("", "", ())
    resource = _resource(_text(path))
    contains = resource["expansion"].get("contains") if isinstance(resource.get("expansion"), dict) else []
    status = resource.get("status")
    return About(status if isinstance(status, str) else "", _end(resource), tuple(_contained(contains, None, inactive=True)))


def _end(resource: dict[str, Any]) -> str:
    """``effectivePeriod`` is an element since R5 and an extension before."""
    extensions = [each for each in resource.get("extension") or [] if isinstance(each, dict)]
    ends = [each.get("valueDateTime") or each.get("valueDate") for each in extensions if each.get("url") == _EXPIRES]
    periods = [each.get("valuePeriod") for each in extensions if each.get("url") == _EFFECTIVE] + [resource.get("effectivePeriod")]
    ends += [period.get("end") for period in periods if isinstance(period, dict)]
    return min((end[:10] for end in ends if isinstance(end, str)), default="")


def _resource(text: str) -> dict[str, Any]:
    try:
        resource = json.loads(text)
    except (ValueError, RecursionError):
        raise ExpansionError("the file is not JSON") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != "ValueSet":
        raise ExpansionError("the file is not a FHIR ValueSet")
    return resource


def _from_json(text: str, version: str | None) -> Iterator[Coding]:
    resource = _resource(text)
    if version is not None and resource.get("version") != version:
        raise ExpansionError(f"the file holds version {resource.get('version') or '(none)'}, not {version}")
    expansion = resource.get("expansion")
    yield from _contained(expansion.get("contains"), None) if isinstance(expansion, dict) else _listed(resource.get("compose"))


def _contained(entries: Any, system: str | None, *, inactive: bool = False) -> Iterator[Coding]:
    """The codes of an expansion, or those that it marks as inactive. An abstract entry is a heading, not a code."""
    for entry in entries if isinstance(entries, list) else []:
        own = entry.get("system", system)
        if entry.get("code") and own and not entry.get("abstract") and bool(entry.get("inactive")) is inactive:
            yield Coding(own, entry["code"])
        if inner := entry.get("contains"):  # a generator for each of thousands of entries would take as long as the parsing
            yield from _contained(inner, own, inactive=inactive)


def _listed(compose: Any) -> Iterator[Coding]:
    """The codes that a set lists one by one."""
    if not isinstance(compose, dict) or compose.get("exclude"):
        raise ExpansionError("the set is not expanded; ask a terminology server to $expand it")
    for include in compose.get("include", []):
        if not include.get("concept") or include.get("filter") or include.get("valueSet"):
            raise ExpansionError("the set describes its codes by a rule; ask a terminology server to $expand it")
        yield from (Coding(include["system"], concept["code"]) for concept in include["concept"])
