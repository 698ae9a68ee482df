"""Published sweeps made by hand, and the application that shows them."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from flask import Flask

from plugin.app import create_app
from plugin.messages.settings import MessageSettings
from plugin.runtime import Runtime
from plugin.settings import CdsSettings, PlaygroundSettings, Settings
from plugin.sweep.published import WORKLIST, Published, WorklistPerson, person_line
from rules.engines import engine
from rules.pack import BUILT_IN, Pack, load_packs

AS_OF = date(2026, 6, 30)
SWEEP = "2026-06-30-first"


def application(
    state: Path,
    packs: tuple[Pack, ...] | None = None,
    today: date = AS_OF,
    playground: PlaygroundSettings | None = None,
    cds: CdsSettings | None = None,
    messages: MessageSettings | None = None,
    database: str | None = None,
) -> Flask:
    """The whole application over a state folder, with the built-in packs and the database in it unless told otherwise."""
    settings = Settings(
        state=state,
        as_of=today,
        playground=playground or PlaygroundSettings(),
        cds=cds or CdsSettings(),
        messages=messages or MessageSettings(),
        database=database,
    )
    return create_app(Runtime(settings, load_packs(BUILT_IN) if packs is None else packs, engine("reference"), Published(state)))


def publish(state: Path, people: Iterable[WorklistPerson], sweep: str = SWEEP) -> None:
    """Publish a sweep of these people."""
    listed = list(people)
    manifest = {"as_of": AS_OF.isoformat(), "people": len(listed), "published": "2026-06-30T04:05:06+00:00", "findings_by_rule": {}}
    publish_sweep(state, sweep, listed, manifest)


def publish_sweep(state: Path, sweep: str, people: Iterable[WorklistPerson], manifest: Mapping[str, Any]) -> None:
    """Write a sweep of nothing but a worklist, and make it current."""
    folder, published = state / "sweeps" / f"{sweep}.tmp", Published(state)
    folder.mkdir(parents=True)
    lines = map(person_line, sorted(people, key=lambda person: (-person.priority, person.id)))
    (folder / WORKLIST).write_text("".join(lines), encoding="utf-8")
    published.seal(folder, manifest)
    published.bring(folder, sweep)


def person(number: int, *findings: Mapping[str, Any], **changes: Any) -> WorklistPerson:
    """A person with a number in name and id."""
    usual: dict[str, Any] = {
        "id": f"p{number}",
        "name": f"Person {number:04}",
        "age": 40,
        "sex": "female",
        "language": "en",
        "interpreter": None,
        "phone": "555-0100",
    }
    return WorklistPerson(**{**usual, **changes}, findings=findings)


def finding(rule: str = "damp", status: str = "yes", **changes: Any) -> dict[str, Any]:
    """A finding as it stands in the worklist file."""
    usual: dict[str, Any] = {
        "rule": rule,
        "title": f"Title of {rule}",
        "level": "act",
        "priority": 70,
        "restricted": False,
        "status": status,
        "next_flip": None,
        "reasons": [reason(value=None if status == "unknown" else True)],
    }
    return usual | changes


def reason(fact: str = "asthma", value: Any = True, unit: str | None = None, *evidence: Mapping[str, Any]) -> dict[str, Any]:
    """A reason as it stands in the worklist file."""
    return {"fact": fact, "asks": fact, "value": value, "unit": unit, "evidence": list(evidence)}


def evidence(resource: str = "Condition/c1", day: str = "2026-03-14", value: Any = None, unit: str | None = None) -> dict[str, Any]:
    """A piece of evidence as it stands in the worklist file."""
    return {"fact": "asthma", "resource": resource, "date": day, "value": value, "unit": unit}
