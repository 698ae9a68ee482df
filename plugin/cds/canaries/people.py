"""The made-up people, read from a file and brought to today."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fhir_adapters.errors import SourceUnreadable

SHIPPED: Final = Path(__file__).with_name("people.yaml")
_AGO: Final = re.compile(r"today-(\d{1,5})")

Json = dict[str, Any]


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z0-9\-.]{1,24}$")
    about: str
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = Field(default=(), alias="must not")
    patient: Json
    resources: tuple[Json, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    hook: str
    people: tuple[_Person, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Canary:
    """One made-up person, with the cards that they must and must not get."""

    id: str
    """With the prefix by which the service knows them."""
    about: str
    must: tuple[str, ...]
    """Rules."""
    must_not: tuple[str, ...]
    hook: str
    resources: tuple[Json, ...]
    """The Patient first."""

    def call(self, prefetch: Mapping[str, str]) -> Json:
        """The hook call about them; ``prefetch`` are the keys that the service asks for, with their queries: all of them are sent."""
        return {
            "hook": self.hook,
            "hookInstance": str(uuid4()),
            "context": {"userId": "Practitioner/canary", "patientId": self.id},
            "prefetch": {key: self._found(key, query, prefetch) for key, query in prefetch.items()},
        }

    def _found(self, key: str, query: str, prefetch: Mapping[str, str]) -> Json:
        """The answer to a query: every resource of its type, once where several keys ask for that type."""
        type, mark, _ = query.partition("?")
        type = type.partition("/")[0]
        if not mark:
            return next(each for each in self.resources if each["resourceType"] == type)
        is_first = key == next(other for other, asked in prefetch.items() if asked.startswith(f"{type}?"))
        mine = [each for each in self.resources if each["resourceType"] == type and is_first]
        entries = [{"resource": each, "search": {"mode": "match"}} for each in mine]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(mine), "entry": entries}


def read_canaries(file: Path | None, prefix: str, today: date) -> tuple[Canary, ...]:
    """The people of a ``file``, or those that come along. Raises `SourceUnreadable`."""
    path = file or SHIPPED
    try:
        found = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        return tuple(_canary(each, found.hook, prefix, today) for each in found.people)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, OverflowError) as wrong:
        raise SourceUnreadable(f"{path}: the canaries cannot be read ({type(wrong).__name__})") from None
    except ValidationError as wrong:
        places = sorted({".".join(map(str, each["loc"])) for each in wrong.errors(include_input=False)})
        raise SourceUnreadable(f"{path}: this is no file of canaries: {', '.join(places)}") from None


def _canary(person: _Person, hook: str, prefix: str, today: date) -> Canary:
    id = prefix + person.id
    patient = {"resourceType": "Patient", "id": id, **_today(person.patient, today)}
    about = {"reference": f"Patient/{id}"}
    others = [{**_today(each, today), "id": f"{id}-{number}", "subject": about} for number, each in enumerate(person.resources)]
    return Canary(id, person.about, person.must, person.must_not, hook, (patient, *others))


def _today(value: Any, today: date) -> Any:
    """The same with days for ``today-60``."""
    if isinstance(value, dict):
        return {name: _today(each, today) for name, each in value.items()}
    if isinstance(value, list):
        return [_today(each, today) for each in value]
    found = _AGO.fullmatch(value) if isinstance(value, str) else None
    return (today - timedelta(days=int(found[1]))).isoformat() if found else value
