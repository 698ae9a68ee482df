"""The record of every run, published or not: ``state/runs/<sweep>.json``. Counts and durations; no data about people."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from plugin.sweep.durable import write_durably

Status = Literal["running", "published", "refused", "failed", "stopped"]
"""*refused*: a gate was not passed; *failed*: it could not be done; *stopped*: it was killed, and not gone on with."""
_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Run:
    """One sweep, from its first start to its end."""

    sweep: str
    source: str
    as_of: str
    started: str
    status: Status = "running"
    ended: str | None = None
    attempts: int = 1
    """How often it was started: it goes on where it was killed."""
    message: str = ""
    """Why it was not published."""
    steps: tuple[Mapping[str, Any], ...] = ()
    """Each: name, seconds, counts."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """Of a published one: people, flagged, unknown, and the differences by kind."""


class Runs:
    """The records under a state folder."""

    def __init__(self, state: Path) -> None:
        """``state`` need not exist yet."""
        self._folder = state / "runs"

    def begin(self, sweep: str, source: str, as_of: str) -> Run:
        """A run begins, or goes on. Whoever else is said to be running is not: the caller holds the lease."""
        self._folder.mkdir(parents=True, exist_ok=True)
        earlier = None
        for run in self.latest():
            if run.sweep == sweep:
                earlier = run
            elif run.status == "running":
                self.keep(replace(run, status="stopped"))
        for path in self._paths()[_KEPT:]:
            path.unlink()
        if earlier:
            run = replace(earlier, status="running", attempts=earlier.attempts + 1, message="", ended=None)
        else:
            run = Run(sweep, source, as_of, _now())
        self.keep(run)
        return run

    def keep(self, run: Run) -> None:
        """Write a record."""
        write_durably(self._folder / f"{run.sweep}.json", json.dumps(asdict(run), indent=1) + "\n")

    def end(self, run: Run, status: Status, **said: Any) -> None:
        """Write how it ended."""
        self.keep(replace(run, status=status, ended=_now(), **said))

    def latest(self, count: int = _KEPT) -> Iterator[Run]:
        """The latest runs first; what cannot be read is left out."""
        for path in self._paths()[:count]:
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                yield Run(**(said | {"steps": tuple(said["steps"])}))
            except (OSError, ValueError, TypeError, KeyError):
                continue

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
