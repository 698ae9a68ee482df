"""A sweep under way: a folder in which every finished step leaves a manifest, so that whoever is killed goes on where they were.

::

    state/work/plan.json             what is being made: source, day, packs, versions, and the id it will be published under
               <step>.json           a finished step: what went in, the hashes of what came out, counts, seconds
               <step>.<name>         what came out
               out/                  what will be published, once it is whole
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from plugin.sweep.durable import Written, sync, write_durably, written

Json = Mapping[str, Any]

_PLAN: Final = "plan.json"


@dataclass(frozen=True, slots=True)
class Step:
    """The manifest of a finished step."""

    name: str
    inputs: Json
    """What it was made from: if that differs, the step is not done."""
    outputs: Mapping[str, Written]
    counts: Json
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """The folder of the sweep under way."""

    folder: Path
    sweep: str
    """The id that it will be published under."""
    resumed: bool

    @property
    def out(self) -> Path:
        """Where the sweep grows that will be published."""
        return self.folder / "out"

    def path(self, step: str, name: str) -> Path:
        """Where a step writes something."""
        return self.folder / f"{step}.{name}"

    def done(self, step: str, inputs: Json) -> Step | None:
        """The step, if it is finished, was made from ``inputs``, and all it wrote is as it was written; else it is to be done."""
        try:
            said = json.loads((self.folder / f"{step}.json").read_text(encoding="utf-8"))
            found = Step(**(said | {"outputs": {name: Written(*each) for name, each in said["outputs"].items()}}))
            whole = found.inputs == inputs and all(written(self.path(step, name)) == each for name, each in found.outputs.items())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return found if whole else None

    def finish(self, step: str, inputs: Json, outputs: Sequence[str], counts: Json, seconds: float, versions: Mapping[str, str]) -> Step:
        """Leave the manifest of a step; its outputs are on the disk before it is."""
        for name in outputs:
            sync(self.path(step, name))
        found = Step(step, inputs, {name: written(self.path(step, name)) for name in outputs}, counts, round(seconds, 3), versions)
        write_durably(self.folder / f"{step}.json", json.dumps(asdict(found)) + "\n")
        return found

    def remove(self) -> None:
        """Forget it, in one step: it was published, or another one begins."""
        leaving = self.folder.with_suffix(".tmp")
        shutil.rmtree(leaving, ignore_errors=True)
        if self.folder.exists():
            self.folder.replace(leaving)
            shutil.rmtree(leaving, ignore_errors=True)


def open_work(state: Path, identity: Json, sweep: str, *, anew: bool = False) -> Work:
    """Go on with what was begun with the same ``identity``; otherwise, or if ``anew``, begin as ``sweep``. For the holder of the lease."""
    folder = state / "work"
    begun = None if anew else _plan(folder)
    if begun is not None and begun["identity"] == identity:
        return Work(folder, begun["sweep"], resumed=True)
    Work(folder, "", resumed=False).remove()
    folder.mkdir(mode=0o700, parents=True)
    write_durably(folder / _PLAN, json.dumps({"sweep": sweep, "identity": identity}) + "\n")
    return Work(folder, sweep, resumed=False)


def _plan(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and found.keys() >= {"sweep", "identity"} else None
    except (OSError, ValueError):
        return None
