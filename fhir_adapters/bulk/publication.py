"""From exports that have ended to a data set that counts: what is loaded, what is withheld and why, and which files remain."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhir_adapters.bulk.download import too_short
from fhir_adapters.bulk.messages import messages
from fhir_adapters.bulk.state import Feed, File, Job, State
from fhir_adapters.pulled import Pulled

_OURS: Final = re.compile(r"\d{4,}/(?:output|deleted|outcome)/[A-Za-z]+\.\d{5,}\.ndjson(?:\.gz)?(?:\.part)?")
Count = Callable[[str], int | None]
"""How many resources of a type the server says that it holds; ``None`` if it cannot be asked."""


@dataclass(slots=True)
class Judgement:
    """What one export was worth."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def judged(job: Job, files: Sequence[File], before: dict[str, Feed], folder: Path, count: Count) -> Judgement:
    """The types that the export was asked for: up to date now, or withheld and asked for anew from where they stood."""
    found = Judgement(notes=list(_notes(files)))
    reasons = _reasons(job, files, folder, found.notes)
    here = {file.type for file in files if file.kind == "output"}
    time = job.request.until or job.transaction_time
    for name in job.request.types:
        reason = reasons.get(name, "")
        if not reason and not job.request.since and name not in here and "" not in here and count(name) != 0:
            reason = f"the export brought no {name}, and the server does not confirm that there is none"
        stood = before[name].time if name in before and job.request.since else ""
        found.feeds[name] = Feed(name, stood if reason else time, reason)
    if job.request.whole_server():
        found.notes += _audit(files, count)
    return found


def _audit(files: Sequence[File], count: Count) -> Iterator[str]:
    """Where the server holds more than it sent. Some of it may be new since; but exports have been known to lack what they should hold."""
    sent: dict[str, int] = {}
    for file in files:
        if file.kind == "output":
            sent[file.type] = sent.get(file.type, 0) + file.lines
    for name, lines in sorted(sent.items()):
        held = count(name) if name else None
        if held is not None and held > lines:
            yield f"the server counts {held:,} {name}, and exported {lines:,}"


def _notes(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        if file.problem and not _lacks(file):
            yield f"{file.path}: {file.problem}"


def _lacks(file: File) -> bool:
    return file.state == "failed" or (file.kind == "output" and too_short(file.count, file.lines))


def _reasons(job: Job, files: Sequence[File], folder: Path, notes: list[str]) -> dict[str, str]:
    """Type → why it cannot count as loaded."""
    reasons: dict[str, str] = {}
    for file in files:
        if _lacks(file):
            about = [file.type] if file.kind == "output" and file.type else job.request.types
            reasons |= dict.fromkeys(about, f"a file of {file.type or file.kind} is not complete: {file.problem}")
        elif file.kind == "outcome":
            reasons |= _said(job, folder / file.path, notes)
    return reasons


def _said(job: Job, path: Path, notes: list[str]) -> dict[str, str]:
    """What the server's messages withhold. One that names no type may be about any but the people themselves."""
    reasons: dict[str, str] = {}
    others = [name for name in job.request.types if name != "Patient"]
    for message in messages(path, job.request.types):
        said = f"the server reports: {message.severity}, {message.code}"
        if message.grave:
            reasons |= dict.fromkeys(message.types or others, said)
        notes.append(f"{said} ({', '.join(sorted(message.types)) or 'about no type in particular'})")
    return reasons


# ------------------------------------------------------------ what counts


@dataclass(frozen=True, slots=True)
class Publication:
    """What is about to count."""

    feeds: dict[str, Feed]
    kept: tuple[File, ...]
    dropped: tuple[File, ...]
    notes: tuple[str, ...]
    whole: Mapping[str, int]
    """Type → the export that brings all of it, of those that are about to count."""

    def record(self, before: Pulled | None, everybody: bool) -> Pulled:
        """What readers of the folder see, who saw ``before`` until now."""
        known = {**(before.whole if before else {}), **self.whole}
        files = tuple(file.pulled for file in self.kept if file.kind != "outcome")
        return Pulled(
            files,
            loaded={name: feed.time for name, feed in sorted(self.feeds.items()) if feed.time},
            withheld={name: feed.reason for name, feed in sorted(self.feeds.items()) if feed.reason},
            everybody=everybody,
            notes=self.notes,
            whole={name: known[name] for name in sorted(self.feeds) if name in known},
        )


def publication(state: State, found: dict[int, Judgement]) -> Publication:
    """The exports that ``found`` judges, on top of what counts already."""
    feeds, notes = state.feeds(), list[str]()
    kept = [file for job in state.jobs(published=True) for file in state.files(job.seq)]
    dropped: list[File] = []
    whole: dict[str, int] = {}
    for job in state.jobs():
        feeds |= found[job.seq].feeds
        notes += found[job.seq].notes
        good = {name for name, feed in found[job.seq].feeds.items() if not feed.reason}
        if not job.request.since:
            whole |= dict.fromkeys(good, job.seq)
            everything = good >= feeds.keys()
            dropped += [file for file in kept if _replaced(file, good, everything)]
            kept = [file for file in kept if not _replaced(file, good, everything)]
        for file in state.files(job.seq):
            usable = file.state == "done" and (file.kind != "output" or file.type in good or file.type not in job.request.types)
            (kept if usable else dropped).append(file)
    return Publication(feeds, tuple(kept), tuple(dropped), tuple(dict.fromkeys(notes)), whole)


def _replaced(file: File, good: Collection[str], everything: bool) -> bool:
    """Whether full exports of the ``good`` types have the same again. Deletions and mixed files go only if everything came anew."""
    return everything or (file.kind == "output" and file.type in good)


def swept(folder: Path, needed: Collection[str]) -> None:
    """Remove the files of exports that nothing needs any more."""
    for file in sorted(folder.glob("*/*/*.ndjson*")):
        name = file.relative_to(folder).as_posix()
        if _OURS.fullmatch(name) and name.removesuffix(".part") not in needed:
            file.unlink()
            for empty in file.parents[:2]:
                if not any(empty.iterdir()):
                    empty.rmdir()
