"""Value sets in files: FHIR ValueSet resources (their expansion, or the codes they list) and CSV with ``system,code`` columns.

Read only when a fact uses the set, and once per process, however many rules do.
"""

import csv
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from rules.facts import Coding
from rules.valuesets import SYSTEMS

MAX_BYTES: Final = 64 << 20


class ExpansionError(Exception):
    """The file does not say which codes belong to the set; the message says why."""


@cache
def read_expansion(path: Path, version: str | None = None) -> tuple[Coding, ...]:
    """The codes of the set in a file, sorted, each once. A ``version`` must be the file's own.

    Raises:
        ExpansionError: the file cannot be read, is no value set, names another version, or only describes its codes by a rule.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ExpansionError(f"the file is larger than {MAX_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExpansionError(f"the file cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from None
    found = list(_from_csv(text) if path.suffix == ".csv" else _from_json(text, version))
    if not found:
        raise ExpansionError("the set has no codes")
    return tuple(sorted(set(found)))


def _from_csv(text: str) -> Iterator[Coding]:
    for number, row in enumerate(csv.DictReader(text.splitlines()), 2):
        system, code = (row.get(column) or "" for column in ("system", "code"))
        if not system.strip() or not code.strip():
            raise ExpansionError(f"line {number} lacks a system or a code; the first line must name these columns")
        yield Coding(SYSTEMS.get(system.strip(), system.strip()), code.strip())


def _from_json(text: str, version: str | None) -> Iterator[Coding]:
    try:
        resource = json.loads(text)
    except (ValueError, RecursionError):
        raise ExpansionError("the file is not JSON") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != "ValueSet":
        raise ExpansionError("the file is not a FHIR ValueSet")
    if version is not None and resource.get("version") != version:
        raise ExpansionError(f"the file holds version {resource.get('version') or '(none)'}, not {version}")
    expansion = resource.get("expansion")
    yield from _contained(expansion.get("contains"), None) if isinstance(expansion, dict) else _listed(resource.get("compose"))


def _contained(entries: Any, system: str | None) -> Iterator[Coding]:
    """The entries of an expansion; an abstract or inactive entry is a heading, not a code."""
    for entry in entries if isinstance(entries, list) else []:
        own = entry.get("system", system)
        if entry.get("code") and own and not entry.get("abstract") and not entry.get("inactive"):
            yield Coding(own, entry["code"])
        yield from _contained(entry.get("contains"), own)


def _listed(compose: Any) -> Iterator[Coding]:
    """The codes that a set lists one by one."""
    if not isinstance(compose, dict) or compose.get("exclude"):
        raise ExpansionError("the set is not expanded; ask a terminology server to $expand it")
    for include in compose.get("include", []):
        if not include.get("concept") or include.get("filter") or include.get("valueSet"):
            raise ExpansionError("the set describes its codes by a rule; ask a terminology server to $expand it")
        yield from (Coding(include["system"], concept["code"]) for concept in include["concept"])
