"""A manifest that was asked for again: which of its files are those known already?"""

from collections.abc import Iterable, Sequence

from fhir_adapters.bulk.log import plain
from fhir_adapters.bulk.manifest import Listed
from fhir_adapters.bulk.state import File

Pairs = list[tuple[File, Listed]]


def matched(known: Sequence[File], listed: Sequence[Listed]) -> Pairs | None:
    """Each file known with its new entry; ``None`` if one has none, so that nothing known can be trusted to be part of the whole.

    A file keeps its address, or its address but for the query (a new signature); if no address fits at all, its place in the list.
    A server may add files to a list and renew addresses, nothing else.
    """
    if not known:
        return []
    by_url = {entry.url: entry for entry in listed}
    by_place = {plain(entry.url): entry for entry in listed}
    if len(by_place) < len(listed):
        by_place = {}
    found = [by_url.get(file.url) or by_place.get(plain(file.url)) for file in known]
    if not any(found):
        found = _in_order(known, listed)
    pairs = [(file, entry) for file, entry in zip(known, found, strict=True) if entry is not None and _alike(file, entry)]
    return pairs if len(pairs) == len(known) == len({entry.url for _, entry in pairs}) else None


def _in_order(known: Iterable[File], listed: Iterable[Listed]) -> list[Listed | None]:
    numbered: dict[tuple[str, int], Listed] = {}
    seen: dict[str, int] = {}
    for entry in listed:
        seen[entry.kind] = seen.get(entry.kind, 0) + 1
        numbered[entry.kind, seen[entry.kind]] = entry
    return [numbered.get((file.kind, file.number)) for file in known]


def _alike(file: File, entry: Listed) -> bool:
    return (file.kind, file.type, file.count) == (entry.kind, entry.type, entry.count)
