"""One file of an export, from the server to the disk: as received, resumed where possible, under its name only when whole."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from threading import Event
from typing import Any, Final

from fhir_adapters.bulk.log import EventLog, plain, went_wrong
from fhir_adapters.bulk.received import Received, written_lines
from fhir_adapters.bulk.retries import Retries
from fhir_adapters.bulk.state import File, Job, State
from fhir_adapters.errors import EhrUnavailable, SourceUnreadable
from fhir_adapters.transport import FhirServer, origin

_GONE: Final = frozenset({403, 404, 410})
_NO_ACCESS: Final = 401
_NOT_THAT_PART: Final = 416
_ONLY_THE_REST: Final = 206
_MOST_RENEWALS: Final = 3
_ITEM_TYPES: Final = {"output": "output", "deleted": "deleted", "outcome": "error"}


class Ended(Enum):
    """How an attempt to get a file ended."""

    DONE = auto()
    LATER = auto()
    """It may be tried again at `File.next_at`."""
    EXPIRED = auto()
    """Its address is no longer good; the manifest may give another."""
    FAILED = auto()


class Stopped(Exception):
    """Another download showed that it is no use to go on."""


class _NotTheRest(EhrUnavailable):
    """What came does not fit what is here."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """Gets files of one pull."""

    server: FhirServer
    state: State
    folder: Path
    hosts: Collection[tuple[str, str, int | None]]
    """Other hosts from which files may be taken; they never see the token."""
    log: EventLog
    retries: Retries
    now: Callable[[], float]
    stop: Event
    """Set when the others must not go on."""

    def get(self, job: Job, file: File) -> Ended:
        """Try once. What came of it is in the state. Raises `EhrUnavailable` if the server does not accept us any more."""
        part = self.folder / f"{file.name}.part"
        self.log.write(job.export_id, "download_request", fileUrl=plain(file.url), itemType=_ITEM_TYPES[file.kind], resourceType=file.type)
        try:
            with _opened(part, file) as received:
                before = received.bytes
                try:
                    self._fetch(job, file, received)
                except EhrUnavailable as error:
                    return self._went_wrong(job, file, error, further=received.bytes > before)
                return self._arrived(job, file, received, part)
        except OSError as error:
            raise SourceUnreadable(f"{part.parent}: cannot be written ({error.strerror})") from error

    def _fetch(self, job: Job, file: File, received: Received) -> None:
        wanted = {"Accept": "application/fhir+ndjson, */*"}
        if received.bytes:
            wanted |= {"Range": f"bytes={received.bytes}-", "If-Range": file.validator}

        def begin(status: int, headers: Mapping[str, str]) -> None:
            if status == _ONLY_THE_REST:
                _check_rest(received, file, headers)
                return
            received.restart()
            self.state.set_file(file, validator=_validator(headers), coding=headers.get("Content-Encoding", ""))

        def take(piece: bytes) -> None:
            if self.stop.is_set():
                raise Stopped
            received.take(piece)

        self.server.fetch(self._address(file), take, token=job.requires_token, hosts=self.hosts, headers=wanted, begin=begin)

    def _address(self, file: File) -> str:
        """A file of the server itself under the name that it has behind its proxy is asked for under the name that we know."""
        return file.url if origin(file.url) in self.hosts else self.server.resolve(file.url, rebase=True)

    # ------------------------------------------------------------ how it ended

    def _arrived(self, job: Job, file: File, received: Received, part: Path) -> Ended:
        """Everything came that was to come. What is damaged or too short is asked for again, unless the very same came before."""
        lines = received.lines
        if file.count not in (None, lines):
            lines = written_lines(part, packed=received.packed)
        damage = received.problem(resources=file.kind != "deleted")
        problem = damage or _miscounted(file, lines)
        if (damage or too_short(file.count, lines)) and received.sha256 != file.sha256 and not self.retries.used_up(file.tries):
            return self._later(job, file, EhrUnavailable(problem, again=True), sha256=received.sha256, validator="")
        if damage:
            return self._failed(job, file, EhrUnavailable(damage))
        received.keep()
        name = file.name + (".gz" if received.packed else "")
        _settle(part, self.folder / name)
        found = {"bytes": received.bytes, "lines": lines, "sha256": received.sha256}
        self.state.set_file(file, state="done", path=name, problem=problem, **found)
        self.log.write(job.export_id, "download_complete", fileUrl=plain(file.url), resourceCount=lines, fileSize=received.bytes)
        return Ended.DONE

    def _went_wrong(self, job: Job, file: File, error: EhrUnavailable, *, further: bool) -> Ended:
        lost = isinstance(error, _NotTheRest) or error.status == _NOT_THAT_PART
        if error.status == _NO_ACCESS:
            self.log.write(job.export_id, "download_error", fileUrl=plain(file.url), **went_wrong(error))
            raise error
        if error.status in _GONE and file.tries < _MOST_RENEWALS:
            self._later(job, file, error)
            return Ended.EXPIRED
        if not (error.again or lost) or self.retries.used_up(file.tries, further=further):
            return self._failed(job, file, error)
        return self._later(job, file, error, further=further, **({"validator": ""} if lost else {}))

    def _later(self, job: Job, file: File, error: EhrUnavailable, *, further: bool = False, **values: Any) -> Ended:
        """To be asked for again; an attempt that got ``further`` than the one before counts as the first."""
        self.log.write(job.export_id, "download_error", fileUrl=plain(file.url), **went_wrong(error))
        tries = 1 if further else file.tries + 1
        self.state.set_file(file, tries=tries, next_at=self.now() + self.retries.wait(error.wait, tries), **values)
        return Ended.LATER

    def _failed(self, job: Job, file: File, error: EhrUnavailable) -> Ended:
        self.log.write(job.export_id, "download_error", fileUrl=plain(file.url), **went_wrong(error))
        self.state.set_file(file, state="failed", problem=str(error))
        return Ended.FAILED


def too_short(count: int | None, lines: int) -> bool:
    """Whether the server announced more than it sent."""
    return count is not None and lines < count


def _miscounted(file: File, lines: int) -> str:
    return "" if file.count in (None, lines) else f"the server announced {file.count:,} resources and sent {lines:,}"


def _opened(part: Path, file: File) -> Received:
    return Received(part, resume=bool(file.validator) and part.exists())


def _validator(headers: Mapping[str, str]) -> str:
    """What an If-Range may name: a strong ETag or a date; empty if the server does not serve parts."""
    tag = headers.get("ETag", "")
    if headers.get("Accept-Ranges", "").lower() == "none":
        return ""
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _check_rest(received: Received, file: File, headers: Mapping[str, str]) -> None:
    begins = headers.get("Content-Range", "").lower().startswith(f"bytes {received.bytes}-")
    if not begins or headers.get("Content-Encoding", "") != file.coding:
        raise _NotTheRest("the server sent another part of the file than the one that was missing")


def _settle(part: Path, target: Path) -> None:
    """Give a whole file its name, so that it survives a loss of power."""
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
