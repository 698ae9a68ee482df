"""An EHR's server in memory, for referrals: with versions, a network before it that loses things, and an agency that works on it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from fhir_adapters.errors import EhrUnavailable, OutcomeUnknown
from fhir_adapters.referral_states import WITH_REASON, Move, Side, Status, check
from fhir_adapters.transport import Answer
from fhir_adapters.writeback import Policy

Json = dict[str, Any]
TYPES = ("ServiceRequest", "Task", "Communication")


def policy(tenant: str) -> Policy:
    """Whatever the tests write; an unknown outcome is looked into at once."""
    return Policy(tenant, frozenset(TYPES), per_run=100_000, per_patient=100_000, settle=0.0, longest_wait=0.0, lease=0.0)


class Crash(BaseException):
    """The process dies here."""


class MemoryEhr:
    """Just as much of a FHIR server as writing referrals and messages and asking for them takes."""

    base_url = "http://ehr.example/fhir/"

    def __init__(self) -> None:
        self.held: dict[str, Json] = {}
        self.now = datetime(2026, 6, 30, 12, tzinfo=UTC)
        self.fates: list[str] = []
        """What happens to the next writes: done, lost before, lost after, crash before, crash after."""
        self.searches = True
        self.down = False
        self.refuses: set[str] = set()
        """Places that it does not show."""
        self.asked = 0

    # ------------------------------------------------------------ as FhirServer

    def get(self, link: str, *, strict: bool = False) -> Json:
        self.asked += 1
        if self.down:
            raise EhrUnavailable("no answer")
        parts = urlsplit(link)
        if parts.path in self.refuses:
            raise EhrUnavailable("HTTP 403", 403)
        if parts.path == "metadata":
            return _STATEMENT
        if "/" in parts.path:
            if parts.path not in self.held:
                raise EhrUnavailable("HTTP 404", 404)
            return self.held[parts.path]
        if not self.searches:
            raise EhrUnavailable("HTTP 400", 400)
        asked = [(name, value) for name, (value,) in parse_qs(parts.query).items()]
        found = [{"resource": each} for each in self.of(parts.path) if all(_fits(each, *pair) for pair in asked)]
        return {"resourceType": "Bundle", "link": [{"relation": "self", "url": link}], "entry": found}

    def post(self, link: str, body: Json) -> Json:
        raise EhrUnavailable("HTTP 405", 405)

    def resolve(self, link: str, page: str = "", *, rebase: bool = False) -> str:
        return link

    def ask(
        self, method: str, link: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None, repeatable: bool = False
    ) -> Answer:
        if method == "GET":
            resource = self.get(link)
            return Answer(200, {"ETag": f'W/"{resource["meta"]["versionId"]}"'}, resource, orjson.dumps(resource))
        if self.down:
            raise OutcomeUnknown("no answer")
        fate = self.fates.pop(0) if self.fates else "done"
        if fate == "lost before":
            raise OutcomeUnknown("no answer")
        if fate == "crash before":
            raise Crash
        answer = self._put(link, orjson.loads(body), headers or {})
        if fate == "lost after":
            raise OutcomeUnknown("no answer")
        if fate == "crash after":
            raise Crash
        return answer

    # ------------------------------------------------------------ as others see it

    def of(self, type: str) -> list[Json]:
        return [each for each in self.held.values() if each["resourceType"] == type]

    def agency(self, place: str, to: Status, *, outputs: int = 0, legal: bool = True, reason: Json | None = None) -> None:
        """The agency's own program moves a Task; raises `IllegalMove` if it may not."""
        task = self.held[place]
        told = [
            *task.get("output", []),
            *({"type": {"text": "x"}, "valueReference": {"reference": f"Procedure/{n}"}} for n in range(outputs)),
        ]
        if legal:
            check(Status(task["status"]), Move(to, Side.TARGET, "because", len(told)))
        changed = task | {"status": str(to)} | ({"output": told} if told else {})
        changed.pop("statusReason", None)
        if to in WITH_REASON:
            changed["statusReason"] = reason or {"text": "because"}
        self.store(changed)

    def store(self, resource: Json) -> Answer:
        place = f"{resource['resourceType']}/{resource['id']}"
        version = int(self.held[place]["meta"]["versionId"]) + 1 if place in self.held else 1
        self.now += timedelta(milliseconds=1)
        meta = resource.get("meta", {}) | {"versionId": str(version), "lastUpdated": self.now.isoformat(timespec="milliseconds")}
        self.held[place] = resource | {"meta": meta}
        return Answer(200, {}, self.held[place])

    def _put(self, link: str, resource: Json, headers: Mapping[str, str]) -> Answer:
        there = self.held.get(link)
        if headers.get("If-None-Match") == "*" and there is not None:
            raise EhrUnavailable("HTTP 412", 412)
        if "If-Match" in headers and (there is None or headers["If-Match"] != f'W/"{there["meta"]["versionId"]}"'):
            raise EhrUnavailable("HTTP 412", 412)
        return self.store(resource)


def _fits(resource: Json, name: str, value: str) -> bool:
    if name == "_lastUpdated":
        return datetime.fromisoformat(resource["meta"]["lastUpdated"]) > datetime.fromisoformat(value.removeprefix("gt"))
    if name in ("focus", "owner"):
        return bool(resource.get(name, {}).get("reference") == value)
    if name == "status":
        return bool(resource["status"] == value)
    return value in [f"{each['system']}|{each['value']}" for each in resource.get("identifier", [])]


_STATEMENT: Json = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [
        {
            "mode": "server",
            "resource": [
                {
                    "type": type,
                    "updateCreate": True,
                    "interaction": [{"code": code} for code in ("create", "update", "read", "search-type")],
                    "searchParam": [{"name": "identifier", "type": "token"}, {"name": "_lastUpdated", "type": "date"}],
                }
                for type in TYPES
            ],
        }
    ],
}
