"""A pull: exports asked for, waited for, downloaded and made to count; each step goes on where the process before this one ended."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Final

from fhir_adapters.bulk.download import Downloads, Ended
from fhir_adapters.bulk.log import EventLog, plain, went_wrong
from fhir_adapters.bulk.manifest import Manifest
from fhir_adapters.bulk.publication import judged, publication, swept
from fhir_adapters.bulk.renewal import matched
from fhir_adapters.bulk.request import ExportRequest
from fhir_adapters.bulk.retries import Retries
from fhir_adapters.bulk.state import File, Job, State
from fhir_adapters.bulk.status import Status, ask_status
from fhir_adapters.bulk.versions import Kind
from fhir_adapters.errors import EhrUnavailable, PullConflict
from fhir_adapters.pulled import Pulled, PulledFile, read_pulled
from fhir_adapters.transport import FhirServer, Limits
from fhir_adapters.transport.limits import retry_after

STATE: Final = ".pull"
LIMITS: Final = Limits(attempts=1)
"""For the server of a pull: what is to be tried again is written down and tried later, not waited for inside a call."""
_MOST_RESTARTS: Final = 2
_MOST_GOODBYES: Final = 3
_BRIEF: Final = 60.0
_GONE: Final = frozenset({404, 410})
_NOT_UNDERSTOOD: Final = frozenset({400, 422, 501})
"""How a server may answer that does not show files before all are ready; what it is asked for may be fine without."""
_COUNTED: Final[dict[str, Kind]] = {"output": "output", "deleted": "deleted", "error": "outcome"}


@dataclass(frozen=True, slots=True)
class Watching:
    """Whom to tell how it goes."""

    say: Callable[[str], None] = lambda text: None
    files: Callable[[int, int], None] = lambda done, total: None
    """So many files of so many are here."""
    arrived: Callable[[PulledFile], None] = lambda file: None
    """A file is here, whole; told by any thread, and anew by each process that goes on with the pull. It may yet be withdrawn."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The server is not ready. Go on at ``next_at`` (seconds since 1970)."""

    next_at: float
    progress: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to go about it."""

    hosts: Collection[tuple[str, str, int | None]] = ()
    """Where files may lie beside the server (see `fhir_adapters.transport.origin`)."""
    parallel: int = 4
    retries: Retries = field(default_factory=Retries)
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    watching: Watching = field(default_factory=Watching)


class Pull:
    """Pulls from ``server`` into ``folder``. One process at a time; use it as a context."""

    def __init__(self, server: FhirServer, folder: Path, options: Options | None = None) -> None:
        self._server, self._folder, self._options = server, folder, options or Options()
        self.state = State(folder / STATE)
        self._log = EventLog(folder / STATE / "log.ndjson", self._options.now)

    def __enter__(self) -> "Pull":
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()
        self.state.close()

    # ------------------------------------------------------------ what there is to do

    def unfinished(self) -> bool:
        """Whether a pull was begun and has not ended."""
        return bool(self.state.jobs())

    def begin(self, request: ExportRequest, *, full: bool = False) -> None:
        """Write down what is to be pulled: each type since it was last pulled, or since ``request.since``, or all of it.

        A pull that was begun before with the same words is gone on with. Raises `PullConflict` if another one was.
        """
        before = self.state.pull()
        about = (self._server.base_url, request.scope())
        planned = planned_exports(request, {} if full else {name: feed.time for name, feed in self.state.feeds().items()})
        for export in planned:
            export.kick_off()
        if self.unfinished():
            if before != about or [_asked(job.request) for job in self.state.jobs()] != [_asked(export) for export in planned]:
                raise PullConflict("another pull was begun into this folder: end it with --resume, or give it up with --cancel")
            return
        if before is None and any(entry.name != STATE for entry in self._folder.iterdir()):
            raise PullConflict(f"{self._folder}: is not empty, and nothing was pulled into it: name a folder of its own")
        if before not in (None, about) and not full:
            raise PullConflict("this folder holds what was pulled from elsewhere, or otherwise: name another folder, or pull with --full")
        self.state.begin(*about, planned)

    def cancel(self) -> int:
        """Give up what was begun, here and on the server. What was pulled before stays. Returns the number of exports given up."""
        jobs = self.state.jobs()
        for job in jobs:
            while (now := self.state.job(job.seq)).phase != "ended":
                self._options.sleep(self._left(now.next_at) if now.phase == "loaded" else 0.0)
                self._end(now)
        self.state.drop_jobs([job.seq for job in jobs])
        self._sweep()
        return len(jobs)

    # ------------------------------------------------------------ doing it

    def run(self, *, wait: bool = True) -> Pulled | Pending:
        """Go on to the end; without ``wait`` only as far as the server is now. Raises `EhrUnavailable` if it cannot go on at all.

        Whatever is raised, the next run goes on from there.
        """
        before = self.state.pull()
        if before is None or before[0] != self._server.base_url:
            raise PullConflict("no pull from this server was begun into this folder")
        self._sweep()
        for file in (file for job in self.state.jobs() for file in self.state.files(job.seq) if file.state == "done"):
            self._options.watching.arrived(file.pulled)
        while job := next((job for job in self.state.jobs() if job.phase != "ended"), None):
            left = self._left(job.next_at)
            if left and not wait and (job.phase != "loading" or left > _BRIEF):
                return Pending(job.next_at, job.progress)
            self._options.sleep(left)
            self._step(job)
        return self._publish()

    def _left(self, next_at: float) -> float:
        """Seconds until then. A time further away than we ever wait for is the work of a clock that was set back."""
        left = next_at - self._options.now()
        return left if 0 < left <= self._options.retries.longest else 0.0

    def _step(self, job: Job) -> None:
        match job.phase:
            case "asked":
                self._kick_off(job)
            case "running":
                self._poll(job)
            case "loading":
                self._load(job)
            case _:
                self._end(job)

    def _kick_off(self, job: Job) -> None:
        asked = job.request.kick_off()
        headers = {"Prefer": "respond-async"}
        detail = {"exportUrl": plain(self._server.resolve(asked.link)), "requestParameters": _logged(job.request)}
        nothing = dict.fromkeys(("softwareName", "softwareVersion", "softwareReleaseDate", "fhirVersion", "responseHeaders"))
        try:
            answer = self._server.ask(asked.method, asked.link, asked.body, headers=headers, repeatable=True)
        except EhrUnavailable as error:
            self._log.write(job.export_id, "kickoff", **detail, **nothing, errorCode=error.status, errorBody=None)
            if job.request.partial and error.status in _NOT_UNDERSTOOD:
                self._options.watching.say("the server does not take this request: asking it without showing files before all are made")
                self.state.set_job(job.seq, request=_asked(job.request).to_json())
                return
            self._again(job, error, "the server refuses the export")
            return
        self._log.write(job.export_id, "kickoff", **detail, **nothing, errorCode=None, errorBody=None)
        status_url = answer.headers.get("Content-Location", "")
        if not status_url:
            raise EhrUnavailable("the server began an export and did not say where to ask how far it is", answer.status)
        now, asked_for = self._options.now(), retry_after(answer.headers.get("Retry-After"))
        self.state.started(
            job.seq, self._server.resolve(status_url, rebase=True), now=now, next_at=now + self._options.retries.wait(asked_for, 0)
        )

    def _poll(self, job: Job) -> None:
        try:
            status = ask_status(self._server, job.status_url)
        except EhrUnavailable as error:
            self._log.write(job.export_id, "status_error", **went_wrong(error))
            if error.status in _GONE and job.restarts < _MOST_RESTARTS:
                self._options.watching.say("the server has forgotten the export; asking anew")
                self.state.restart(job.seq)
                return
            self._again(job, error, "the export cannot be followed")
            return
        if status.manifest is not None:
            self._take(job, status.manifest)
        if status.manifest is None or not status.manifest.complete:
            self._not_yet(job, status)
        else:
            self._tell_complete(job, status)
            self.state.set_job(job.seq, phase="loading")

    def _not_yet(self, job: Job, status: Status) -> None:
        said = {"body": None, "xProgress": status.progress, "retryAfter": status.wait}
        self._log.write(job.export_id, "status_progress", **said)
        if status.progress and status.progress != job.progress:
            self._options.watching.say(f"the server says: {status.progress}")
        if status.manifest is not None:
            self._download_due(job)
        next_at = self._options.now() + self._options.retries.wait(status.wait, job.polls)
        self.state.set_job(job.seq, progress=status.progress, next_at=next_at, polls=job.polls + 1, tries=0)

    def _again(self, job: Job, error: EhrUnavailable, what: str) -> None:
        """Note when to try this step again, or raise if that is no use."""
        if not error.again or self._options.retries.used_up(job.tries):
            self.state.set_job(job.seq, tries=0)
            raise EhrUnavailable(f"{what}: {error}", error.status, error.outcome) from None
        wait = self._options.retries.wait(error.wait, job.tries)
        self.state.set_job(job.seq, tries=job.tries + 1, next_at=self._options.now() + wait)
        self._options.watching.say(f"{error}; trying again in {wait:.0f} s")

    # ------------------------------------------------------------ files

    def _take(self, job: Job, manifest: Manifest) -> None:
        """Take over the list of files. Where it is not the list known so far, everything of this export is fetched anew."""
        known = self.state.files(job.seq)
        same = job.transaction_time in ("", manifest.transaction_time)
        keep = matched(known, manifest.files) if same else None
        if keep is None:
            self._options.watching.say("the server lists other files than before; starting the download anew")
        self.state.listed(job.seq, manifest, keep=keep)

    def _load(self, job: Job) -> None:
        """Get the files that are due; on with the next step if that is all, else back here later, or to the manifest."""
        expired = self._download_due(job)
        missing = [file.next_at for file in self.state.files(job.seq) if file.state == "listed"]
        if expired:
            self._options.watching.say("addresses of files have expired; asking for the manifest again")
            self.state.set_job(job.seq, phase="running", next_at=0.0)
        elif missing:
            self.state.set_job(job.seq, next_at=min(missing))
        else:
            self._tell_end(job)
            self.state.set_job(job.seq, phase="loaded", next_at=0.0, tries=0)

    def _download_due(self, job: Job) -> bool:
        """One attempt at each file that is due. Whether the address of one has expired."""
        job = self.state.job(job.seq)
        files = self.state.files(job.seq)
        due = [file for file in files if file.state == "listed" and not self._left(file.next_at)]
        done = sum(file.state == "done" for file in files)
        self._options.watching.files(done, len(files))
        stop, expired = Event(), Event()
        downloads = self._downloads(stop)

        def get(file: File) -> Ended:
            ended = Ended.LATER if stop.is_set() or expired.is_set() else downloads.get(job, file)
            if ended is Ended.EXPIRED:
                expired.set()
            if ended is Ended.DONE:
                self._options.watching.arrived(self.state.file(file).pulled)
            return ended

        with ThreadPoolExecutor(self._options.parallel) as pool:
            try:
                for ended in pool.map(get, due):
                    done += ended is Ended.DONE
                    self._options.watching.files(done, len(files))
            except BaseException:
                stop.set()
                raise
        return expired.is_set()

    def _downloads(self, stop: Event) -> Downloads:
        options = self._options
        return Downloads(self._server, self.state, self._folder, options.hosts, self._log, options.retries, options.now, stop)

    def _end(self, job: Job) -> None:
        """Tell the server that it may forget the export. That it will not is worth a word, but harms nobody."""
        try:
            if job.status_url:
                self._server.ask("DELETE", self._server.resolve(job.status_url, rebase=True))
        except EhrUnavailable as error:
            if error.again and job.tries < _MOST_GOODBYES:
                wait = self._options.retries.wait(error.wait, job.tries)
                self.state.set_job(job.seq, phase="loaded", tries=job.tries + 1, next_at=self._options.now() + wait)
                return
            if error.status not in _GONE:
                self._options.watching.say(f"the server does not take the export back: {error}")
        self.state.set_job(job.seq, phase="ended", next_at=0.0)

    # ------------------------------------------------------------ making it count

    def _publish(self) -> Pulled:
        jobs, feeds = self.state.jobs(), self.state.feeds()
        if jobs:
            found = {job.seq: judged(job, self.state.files(job.seq), feeds, self._folder, self._held) for job in jobs}
            due = publication(self.state, found)
            due.record(read_pulled(self._folder), everybody=jobs[-1].request.everybody()).write(self._folder)
            self.state.publish(due.feeds.values(), due.dropped)
            self._sweep()
        pulled = read_pulled(self._folder)
        if pulled is None:
            raise PullConflict("no pull was begun into this folder")
        return pulled

    def _held(self, type: str) -> int | None:
        """How many resources of this type the server says that it holds; ``None`` if it cannot be asked."""
        for number in range(_MOST_GOODBYES):
            try:
                answer = self._server.get(f"{type}?_summary=count")
            except EhrUnavailable as error:
                if not error.again:
                    return None
                self._options.sleep(min(self._options.retries.wait(error.wait, number), _BRIEF))
            else:
                total = answer.get("total")
                plausible = answer.get("resourceType") == "Bundle" and isinstance(total, int) and (total or not answer.get("entry"))
                return total if plausible else None
        return None

    def _sweep(self) -> None:
        """Remove what a process that was killed left behind, or what newer files have replaced; only where we began, in an empty folder."""
        if self.state.pull() is None:
            return
        pulled = read_pulled(self._folder)
        needed = {file.path for file in pulled.files} if pulled else set()
        for job in self.state.jobs():
            needed |= {name for file in self.state.files(job.seq) for name in (file.name, f"{file.name}.gz")}
        swept(self._folder, needed)

    # ------------------------------------------------------------ what the log is told

    def _tell_complete(self, job: Job, status: Status) -> None:
        pages = [(page.transaction_time, Counter(file.kind for file in page.files)) for page in status.pages]
        total = sum((kinds for _, kinds in pages), Counter[Kind]())
        self._log.write(job.export_id, "status_complete", transactionTime=pages[0][0])
        for moment, kinds in pages:
            counted = {f"{name}FileCount": kinds[kind] for name, kind in _COUNTED.items()}
            self._log.write(job.export_id, "status_page_complete", transactionTime=moment, **counted)
        counted = {f"total{name.capitalize()}FileCount": total[kind] for name, kind in _COUNTED.items()}
        self._log.write(job.export_id, "manifest_complete", transactionTime=pages[0][0], **counted, totalManifests=len(pages))

    def _tell_end(self, job: Job) -> None:
        files = [file for file in self.state.files(job.seq) if file.state == "done"]
        self._log.write(
            job.export_id,
            "export_complete",
            files=len(files),
            resources=sum(file.lines for file in files if file.kind == "output"),
            bytes=sum(file.bytes for file in files),
            attachments=None,
            duration=round((self._options.now() - job.started) * 1000),
        )


def planned_exports(request: ExportRequest, times: Mapping[str, str]) -> list[ExportRequest]:
    """An export for all types that are here up to the same time, and one for those that are not here yet."""
    by_time: dict[str, list[str]] = {}
    for name in sorted(request.types):
        by_time.setdefault(request.since or times.get(name, ""), []).append(name)
    return [replace(request, types=tuple(names), since=since) for since, names in sorted(by_time.items())]


def _asked(request: ExportRequest) -> ExportRequest:
    """What it brings, however early its files are shown."""
    return replace(request, partial=False)


def _logged(request: ExportRequest) -> dict[str, object]:
    """The parameters, but of searches only the type: they may name people."""
    shown: dict[str, object] = dict(request.parameters())
    if request.type_filters:
        shown["_typeFilter"] = sorted({query.partition("?")[0] for query in request.type_filters})
    return shown
