"""The application with a service for every hook, whose client and packs can be exchanged between two calls."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from support.cds_calls import AS_OF, PATIENT, patient, prefetch, referral, searchset
from support.databases import opened
from support.listings import capacity, fhir

from plugin.app import create_app
from plugin.cds.clients.client import Client
from plugin.cds.dispatch import Partners, domains_of, read_partners
from plugin.cds.hooks import HOOKS, Field, Hook
from plugin.cds.opening import Cds, open_cds
from plugin.cds.service import Advisor
from plugin.cds.services import DISPATCH, Service
from plugin.cds.trust import Trust
from plugin.cds.views import EXTENSION
from plugin.runtime import Runtime, build_runtime
from plugin.settings import CdsSettings, Settings
from plugin.store import Store
from rules.pack import Pack

Json = dict[str, Any]

ORIGIN: Final = "https://sandbox.example"
_FOOD: Final = "467771000124109"
_HOME: Final = [{"use": "home", "postalCode": "01940", "state": "MA", "city": "Lynnfield"}]
_RESOURCES: Final[dict[str, Json]] = {
    "Appointment": {"resourceType": "Appointment", "id": "a1", "status": "proposed"},
    "Condition": {"resourceType": "Condition", "id": "n1"},
    "MedicationRequest": {"resourceType": "MedicationRequest", "id": "m1", "status": "draft", "intent": "order"},
    "AllergyIntolerance": {"resourceType": "AllergyIntolerance", "id": "i1"},
    "Task": {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order", "focus": {"reference": "ServiceRequest/s1"}},
}


@dataclass(frozen=True, slots=True)
class World:
    """The application, its memory, and the partners of its directory."""

    app: Flask
    runtime: Runtime
    cds: Cds
    store: Store
    partners: Partners

    def serving(self, client: Client, packs: Sequence[Pack] | None = None) -> FlaskClient:
        """The application as an open ``client`` meets it, with ``packs`` behind every hook."""
        client = replace(client, profile=client.profile.model_copy(update={"jwt": None}))
        runtime = self.runtime if packs is None else replace(self.runtime, packs=tuple(packs))
        self.app.extensions[EXTENSION] = replace(
            self.cds,
            clients=(client,),
            services=every_service(runtime.packs),
            trust=Trust([client], self.store),
            advisor=Advisor(runtime, self.cds.ledger, self.partners),
        )
        return self.app.test_client()


def every_service(packs: Sequence[Pack]) -> tuple[Service, ...]:
    """One for each hook, whether or not the packs have rules that are fit for it."""
    return tuple(
        Service(hook, further=("ServiceRequest",)) if name == DISPATCH else Service(hook, tuple(packs)) for name, hook in HOOKS.items()
    )


@contextmanager
def world(folder: Path, **cds: Any) -> Iterator[World]:
    """With its state in ``folder``; ``cds`` are settings of the service."""
    listings = folder / "listings"
    listings.mkdir()
    (listings / "town.ndjson").write_text("\n".join(map(json.dumps, _listed())), encoding="utf-8")
    sources = (f"town={listings}",)
    settings = Settings(
        as_of=date.fromisoformat(AS_OF),
        state=folder / "state",
        engine="reference",
        cds=CdsSettings(allowed_origins=(ORIGIN,), directory=sources, **cds),
    )
    (folder / "state").mkdir()
    runtime = build_runtime(settings)
    directory = read_partners(sources, runtime.today())
    assert directory is not None
    try:
        with opened(settings.database_url) as store:
            app = create_app(runtime)
            yield World(app, runtime, open_cds(runtime, store), store, Partners(directory, domains_of(runtime.packs)))
    finally:
        runtime.engine.close()


def _listed() -> Iterator[Json]:
    """Two agencies that have food: one that is full, and one that is not."""
    for agency, status in (("pantry", "no-capacity"), ("kitchen", "capacity")):
        area = {"resourceType": "Location", "id": agency, "name": "01940, 01941", "address": {"postalCode": "01940"}}
        provided = {"providedBy": {"reference": f"Organization/{agency}"}, "coverageArea": [{"reference": f"Location/{agency}"}]}
        yield fhir(id=f"{agency}-1", name=f"Food of {agency}", extension=[capacity(status)], **provided)
        yield from (area, {"resourceType": "Organization", "id": agency, "active": True, "name": agency})


# ---------------------------------------------------------------- calls


def call_of(hook: str, keys: Json | None = None, **members: Any) -> Json:
    """A call of any hook about the person of `support.cds_calls`, by a user and in an encounter that nobody saw before."""
    context = {f.name: _value(f) for f in HOOKS[hook].fields}
    found = {"hook": hook, "hookInstance": str(uuid4()), "context": context, "prefetch": everything(hook) if keys is None else keys}
    return found | members


def everything(hook: str) -> Json:
    """What the templates of a service could ask for."""
    return prefetch() if hook != DISPATCH else {"patient": patient(address=_HOME), "serviceRequest": searchset(referral("s1", _FOOD))}


def _value(field: Field) -> Any:
    """Of a member of the context."""
    match field.kind:
        case "id":
            return PATIENT if field.name == "patientId" else str(uuid4())
        case "user":
            return f"{field.types[0]}/{uuid4()}"
        case "reference":
            return "Organization/pantry"
        case "references":
            return ["ServiceRequest/s1"]
        case "bundle":
            return {"resourceType": "Bundle", "entry": [{"resource": _resource(field)}]}
        case "resource":
            return _resource(field)
        case "resources":
            return [_resource(field)]


def _resource(field: Field) -> Json:
    own = _RESOURCES[field.types[0] if field.types else "MedicationRequest"]
    return own | {"subject" if own["resourceType"] not in ("AllergyIntolerance",) else "patient": {"reference": f"Patient/{PATIENT}"}}


def hooks_of(client: Client) -> list[Hook]:
    """Those that a client calls."""
    return [hook for hook in HOOKS.values() if not client.profile.hooks or hook.name in client.profile.hooks]
