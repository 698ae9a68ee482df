"""What is new in a folder that pulls add to (`fhir_adapters.pulled`), since the warehouse last took from it."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fhir_adapters.pulled import Pulled, PulledFile
from fhir_adapters.warehouse.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class News:
    """Which files to read, and what they are the whole of."""

    files: tuple[PulledFile, ...]
    """Of new resources and deletions."""
    whole: frozenset[str]
    """Resource types, asked for or not, that are read anew from all their files; of the others only what came since."""
    taken: Mapping[str, str]
    """A mark of each file that is in the warehouse after this → its resource type."""


def news(pulled: Pulled, usable: Collection[PulledFile], before: Snapshot, salt: bytes, *, anew: bool = False) -> News:
    """Compare the folder with the marks of the snapshot ``before``.

    A type is read anew if a file that was taken is no longer there (the type was exported in full again), if it was never there in
    full, or if files came out of order. So is everything if ``salt`` differs: the same files would then make other rows; if all is to be
    read ``anew``; and, of a group, with any type, for who joined it when is in the files only.
    """
    marks = {_mark(file, salt): file for file in usable}
    last = max((file.export for mark, file in marks.items() if mark in before.taken), default=-1)
    fresh = frozenset(file for mark, file in marks.items() if mark not in before.taken)
    stale = {type for mark, type in before.taken.items() if mark not in marks} | set(_never_whole(pulled, before))
    mixed = any(file.kind == "output" and not file.type for file in usable)
    everything = anew or not before.taken or "" in stale or any(file.export <= last for file in fresh)
    everything |= bool(stale) and (mixed or not pulled.everybody)
    whole = stale | {*pulled.loaded, *before.taken.values()} - {""} if everything else stale
    files = [file for file in usable if file in fresh or (file.kind == "output" and (everything or file.type in whole))]
    return News(tuple(files), frozenset(whole), {mark: file.type if file.kind == "output" else "" for mark, file in marks.items()})


def _never_whole(pulled: Pulled, before: Snapshot) -> Iterator[str]:
    for name in pulled.loaded:
        state = before.types.get(name)
        if state is None or state.watermark is None:
            yield name


def _mark(file: PulledFile, salt: bytes) -> str:
    content = f"{file.path} {file.export} {file.sha256}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(content, digest_size=12, key=salt).hexdigest()
