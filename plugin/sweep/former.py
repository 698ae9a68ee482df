"""What the last sweep explained, kept beside it, so that whoever did not change need not be explained again.

::

    state/explained/made.json       what the explanations rest on beside the people: day, packs, versions
                    <bucket>.parquet   of each person what is said, and what it was said of

What is said of a person depends on what is recorded about them and those they live with (the *print*), on the values of the facts behind
what is shown (the *answer*), and on which events lie in which windows. If the first two are as they were, and no window has moved across
any event (`rules.standstill`), the explanation is what it was; its next flip too, unless that day has come.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from fhir_adapters.warehouse.bucket import Print
from fhir_adapters.warehouse.tables import rows_between, write_rows
from plugin.sweep.describing import identity_of, versions
from plugin.sweep.durable import write_durably
from plugin.sweep.work import Work
from rules.pack import Pack
from rules.standstill import Stretch, stretches

EXPLAINED: Final = "explained.parquet"
_FOLDER: Final = "explained"
_MADE: Final = "made.json"
_COLUMNS: Final = {
    **{"id": "VARCHAR", "place": "BIGINT", "print": "UBIGINT", "answer": "VARCHAR", "next_flip": "DATE"},
    **{"findings": "VARCHAR[]", "listed": "VARCHAR", "priority": "BIGINT", "flagged": "BOOLEAN"},
}


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a person, ready to be written."""

    id: str
    place: int
    print: int
    """Of everything that is recorded about their household."""
    answer: str
    """Of what the rules say, and the facts behind."""
    next_flip: date | None
    """The first later day on which anything of it changes by itself."""
    findings: list[str]
    """Lines of the findings, sorted by rule."""
    listed: str | None
    """The line of the worklist, if there is one."""
    priority: int
    flagged: bool

    def holds(self, now: Print, answer: str) -> bool:
        """Whether it is true of what the record is now, and of what the rules say now; see above."""
        return now.still and (self.print, self.answer) == (now.print, answer)


@dataclass(frozen=True, slots=True)
class Former:
    """The explanations of an earlier sweep that may hold still."""

    files: tuple[Path, ...]
    crossed: tuple[Stretch, ...]
    """An event on one of these days may be in another window by now."""

    def between(self, low: int, high: int, as_of: date) -> dict[str, Said]:
        """What was said of those whose place is in (low, high], if nothing of it has changed by itself since; by id."""
        found = (Said(*row) for row in rows_between(self.files, low, high))
        return {said.id: said for said in found if said.next_flip is None or said.next_flip > as_of}


def made_with(packs: Sequence[Pack], as_of: date) -> Mapping[str, Any]:
    """What explanations rest on beside the people: the same, or none of them holds."""
    shown = sorted(rule.id.text for pack in packs for rule in pack.document.rules if rule.is_shown(as_of))
    return {"packs": [list(identity_of(pack)) for pack in packs], "shown": shown, "versions": dict(versions())}


def former(state: Path, packs: Sequence[Pack], as_of: date) -> Former | None:
    """The explanations of the last sweep, if they were made with the same packs and versions."""
    folder = state / _FOLDER
    try:
        said = json.loads((folder / _MADE).read_text(encoding="utf-8"))
        then = date.fromisoformat(said.pop("as_of"))
    except (OSError, ValueError, KeyError):
        return None
    files = tuple(sorted(folder.glob("*.parquet")))
    crossed = stretches([pack.program for pack in packs], then, as_of) if said == made_with(packs, as_of) else None
    return None if crossed is None or not files else Former(files, crossed)


def write_said(path: Path, said: Iterable[Said]) -> None:
    """Keep what was said of the people of a bucket, sorted by place."""
    rows = sorted(said, key=lambda each: each.place)
    write_rows(path, _COLUMNS, ([getattr(each, name) for name in _COLUMNS] for each in rows))


def keep(state: Path, work: Work, packs: Sequence[Pack], as_of: date) -> None:
    """Keep the explanations of a sweep that was published for the next one, in place of those before; in the midst of it there are none."""
    files = sorted(work.folder.glob(f"*.{EXPLAINED}"))
    folder = state / _FOLDER
    if not files:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for file in files:
        file.replace(folder / file.name)
    write_durably(folder / _MADE, json.dumps({**made_with(packs, as_of), "as_of": as_of.isoformat()}) + "\n")
