"""What the tests of writing back share: intents, and counting what stands on a server."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import requests

from fhir_adapters.transport import Breaker, FhirServer, Limits
from fhir_adapters.writeback import Author, Key, Policy, Suggestion, suggestion

RULE, TENANT = "food-insecurity-refer", "north"
AUTHOR = Author("Almoner 0.1.0")
RECORDED = datetime(2026, 6, 30, 12, tzinfo=UTC)
QUICK = Limits(attempt=30, call=30, attempts=2, longest_wait=0.01)
OPEN = Policy(TENANT, frozenset({"Task", "ServiceRequest"}), settle=0.0, longest_wait=0.0)
"""Whatever the tests write; an unknown outcome is looked into at once, for their servers are done when they have answered."""

Json = dict[str, Any]


def key(patient: str = "ann", episode: str = "2026", type: str = "Task", version: str = "1.0.0", tenant: str = TENANT) -> Key:
    return Key(tenant, RULE, version, patient, episode, type)


def task(patient: str = "ann", episode: str = "2026", run: str = "run-1", tenant: str = TENANT, **more: Any) -> Suggestion:
    """A Task for outreach staff: make contact with the patient."""
    resource = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": "2026-06-30",
    } | more
    return suggestion(key(patient, episode, tenant=tenant), resource, run=run, author=AUTHOR, recorded=RECORDED)


def referral(patient: str = "ann", episode: str = "2026") -> tuple[Suggestion, Suggestion]:
    """A ServiceRequest, and the Task that has it fulfilled."""
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "467771000124109"}]},
        "subject": {"reference": f"Patient/{patient}"},
    }
    asked = suggestion(key(patient, episode, "ServiceRequest"), request, run="run-1", author=AUTHOR, recorded=RECORDED)
    return asked, task(patient, episode, focus={"reference": f"urn:uuid:{asked.key.id}"})


def server(base_url: str) -> FhirServer:
    """An impatient client that is never offended."""
    return FhirServer(base_url, limits=QUICK, breaker=Breaker(failures=10_000))


def on_server(base_url: str, type: str) -> list[Json]:
    """Everything of a type that stands on the server, asked for without our own code."""
    with requests.Session() as session:
        session.trust_env = False
        found: list[Json] = []
        link: str | None = f"{base_url}/{type}?_count=500"
        while link:
            page = session.get(link, timeout=30).json()
            found += [entry["resource"] for entry in page.get("entry", []) if entry["resource"]["resourceType"] == type]
            link = next((each["url"] for each in page["link"] if each["relation"] == "next"), None)
        return found


def times_each(resources: list[Json]) -> Counter[str]:
    """Value of our identifier → how many resources carry it."""
    ours = (each for resource in resources for each in resource.get("identifier", []) if each["system"].startswith("urn:almoner:"))
    return Counter(each["value"] for each in ours)
