"""Random histories: decisions, deliveries, crashes, and a network that loses, repeats and delays what is sent.

Whatever happens, no identifier ever stands on the server twice, nobody's later work is overwritten, and in the end everything is there.
"""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.writeback import AUTHOR, RECORDED, key, referral

from fhir_adapters.errors import EhrUnavailable, OutcomeUnknown
from fhir_adapters.transport import Answer
from fhir_adapters.writeback import Intent, Outbox, Policy, State, Suggestion, change, put

SETTLE, LEASE = 60.0, 900.0
POLICY = Policy("north", frozenset({"Task", "ServiceRequest"}), per_run=10_000, per_patient=10_000, entries=6, lease=LEASE, settle=SETTLE)
TROUBLE = ["lost before", "lost after", "delayed", "twice", "crash before", "crash after", "refused for now"]
FATES = ["done", *TROUBLE, "others first", "others first"]
_MEMORY = Path("/dev/shm")  # noqa: S108 a file system in memory, if there is one: thousands of transactions

Json = dict[str, Any]


class Crash(BaseException):
    """The process dies here."""


class Toy:
    """A server in memory, with the network before it. An unhelpful one ignores If-None-Exist and If-None-Match."""

    base_url = "http://toy.example/fhir/"

    def __init__(self, client_ids: bool, bundles: bool, helpful: bool) -> None:
        self.client_ids, self.bundles, self.helpful = client_ids, bundles, helpful
        self.busy: set[str] = set()
        self.held: dict[str, Json] = {}
        self.versions: Counter[str] = Counter()
        self.delayed: list[tuple[str, str, bytes, Mapping[str, str]]] = []
        self.fates: list[str] = []

    def get(self, link: str, *, strict: bool = False) -> Json:
        parts = urlsplit(link)
        if parts.path == "metadata":
            return self._statement()
        if "/" in parts.path:
            if parts.path not in self.held:
                raise EhrUnavailable("HTTP 404", 404)
            return self.held[parts.path]
        ((name, (value,)),) = parse_qs(parts.query).items()
        matches = [{"resource": each} for each in self.of(parts.path) if self._fits(each, name, value)]
        return {"resourceType": "Bundle", "link": [{"relation": "self", "url": link}], "entry": matches}

    def post(self, link: str, body: Json) -> Json:
        return {"entry": [self._looked_up(entry["request"]["url"]) for entry in body["entry"]]}

    def resolve(self, link: str, page: str = "", *, rebase: bool = False) -> str:
        return link

    def ask(
        self, method: str, link: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None, repeatable: bool = False
    ) -> Answer:
        if method == "GET":
            resource = self.get(link)
            return Answer(200, {"ETag": f'W/"{self.versions[link]}"'}, resource, orjson.dumps(resource))
        assert not repeatable
        message = (method, link, body, dict(headers or {}))
        match self.fates.pop() if self.fates else "done":
            case "refused for now":
                raise EhrUnavailable("HTTP 429", 429, again=True)
            case "lost before":
                raise OutcomeUnknown("no answer")
            case "crash before":
                raise Crash
            case "delayed":
                self.delayed.append(message)
                raise OutcomeUnknown("no answer")
            case "lost after":
                self._done_somehow(message)
                raise OutcomeUnknown("no answer")
            case "crash after":
                self._done_somehow(message)
                raise Crash
            case "twice" if self.helpful:
                self.delayed.append(message)
            case "others first" if link in self.held:
                self._stored(self.held[link] | {"businessStatus": {"text": "busy"}})
                self.busy.add(link)
        return self.done(*message)

    def arrive(self) -> None:
        """Whatever was on its way is done, in another order."""
        late, self.delayed = self.delayed[::-1], []
        for message in late:
            self._done_somehow(message)

    def of(self, type: str) -> list[Json]:
        return [each for each in self.held.values() if each["resourceType"] == type]

    def done(self, method: str, link: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        resource = orjson.loads(body)
        if link == "":
            entries = [{**each, **each["request"]} for each in resource["entry"]]
            return Answer(200, {}, {"entry": [self._entry(each, entries) for each in entries]})
        if method == "PUT":
            if self.helpful and headers.get("If-None-Match") == "*" and link in self.held:
                raise EhrUnavailable("HTTP 412", 412)
            if "If-Match" in headers and headers["If-Match"] != f'W/"{self.versions[link]}"':
                raise EhrUnavailable("HTTP 412", 412)
            return self._stored(resource)
        return self._created(link, resource, headers.get("If-None-Exist"))

    def _entry(self, entry: Json, entries: list[Json]) -> Json:
        """In a transaction; its references to others of it become theirs."""
        resource = entry["resource"]
        answer = self._stored(resource) if entry["method"] == "PUT" else self._created(entry["url"], resource, entry.get("ifNoneExist"))
        stored = answer.body or {}
        text = orjson.dumps([each["resource"] for each in entries]).decode()
        if entry["method"] == "POST":
            text = text.replace(entry["fullUrl"], f"{stored['resourceType']}/{stored['id']}")
            for each, now in zip(entries, orjson.loads(text), strict=True):
                each["resource"] = now
        return {"response": {"status": "201"}, "resource": stored}

    def _created(self, type: str, resource: Json, condition: str | None) -> Answer:
        value = unquote(condition).partition("|")[2] if condition and self.helpful else None
        for there in self.of(type):
            if value and self._fits(there, "identifier", f"urn:almoner:north|{value}"):
                return Answer(200, {}, there)
        return self._stored(resource | {"id": str(100 + len(self.held))})

    def _stored(self, resource: Json) -> Answer:
        place = f"{resource['resourceType']}/{resource['id']}"
        self.held[place] = resource
        self.versions[place] += 1
        return Answer(201, {}, resource)

    def _done_somehow(self, message: tuple[str, str, bytes, Mapping[str, str]]) -> None:
        try:
            self.done(*message)
        except EhrUnavailable:
            return

    def _looked_up(self, url: str) -> Json:
        try:
            return {"response": {"status": "200 OK"}, "resource": self.get(url)}
        except EhrUnavailable:
            return {"response": {"status": "404"}}

    def _fits(self, resource: Json, name: str, value: str) -> bool:
        if name == "identifier":
            return any(f"{each['system']}|{each['value']}" == value for each in resource.get("identifier", []))
        return any(each["reference"] == value for each in resource.get("target", []))

    def _statement(self) -> Json:
        each = {"updateCreate": self.client_ids, "interaction": [{"code": "create"}], "searchParam": [{"name": "identifier"}]}
        types = [{"type": type, **each} for type in ("Task", "ServiceRequest", "Provenance")]
        system = [{"code": "transaction"}, {"code": "batch"}] if self.bundles else []
        return {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": types, "interaction": system}]}


PEOPLE = ["ann", "bob"]
EPISODES = ["1", "2"]
fates = st.lists(st.sampled_from(FATES), max_size=4)


class Histories(RuleBasedStateMachine):
    """Two processes with one outbox, an agency that works on what it gets, and a bad network."""

    @initialize(client_ids=st.booleans(), bundles=st.booleans(), helpful=st.booleans())
    def begin(self, client_ids: bool, bundles: bool, helpful: bool) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
        self.now = 1_000_000.0
        self.toy: Any = Toy(client_ids, bundles, helpful)
        self.path = Path(self.folder.name) / "outbox.sqlite"
        self.processes = [Outbox.at(self.path, clock=lambda: self.now) for _ in range(2)]
        self.decided: dict[str, Intent] = {}
        self.known: set[str] = set()
        """What the outbox knows of that: less, once it was restored."""
        self.kept: set[str] | None = None
        """What it knew when it was copied."""
        self.accepted: set[str] = set()
        self.cancelled: set[str] = set()

    @rule(person=st.sampled_from(PEOPLE), episode=st.sampled_from(EPISODES), process=st.integers(0, 1))
    def decide(self, person: str, episode: str, process: int) -> None:
        for intent in referral(person, episode):
            self.add(intent, process)

    def add(self, intent: Intent, process: int) -> None:
        assert self.processes[process].add(intent) == (intent.key.id not in self.known)
        self.decided.setdefault(intent.key.id, intent)
        self.known.add(intent.key.id)

    @rule(process=st.integers(0, 1), fates=fates)
    def deliver(self, process: int, fates: list[str]) -> None:
        self.toy.fates = fates
        with suppress(Crash):
            self.processes[process].deliver(self.toy, POLICY, commit=True)
        self.toy.fates = []

    @rule()
    def a_moment_passes(self) -> None:
        """What is on its way may still be: nobody looks so early."""
        self.now += 5
        if self.toy.delayed:
            self.toy.arrive()

    @rule()
    def hours_pass(self) -> None:
        self.toy.arrive()
        self.now += LEASE + SETTLE + 2000

    @rule()
    def the_agency_accepts(self) -> None:
        for place, resource in self.toy.held.items():
            if resource["resourceType"] == "Task" and resource["status"] == "requested" and not self.toy.delayed:
                self.toy._stored(resource | {"status": "accepted", "note": [{"text": "we call"}]})
                self.accepted.add(place)
                return

    @precondition(lambda self: self.accepted)
    @rule(process=st.integers(0, 1))
    def we_cancel(self, process: int) -> None:
        place = sorted(self.accepted)[0]
        patient = self.toy.held[place]["for"]["reference"].removeprefix("Patient/")
        wish = change(key(patient, f"{place} cancelled"), place, [put("status", "cancelled")], run="r", author=AUTHOR, recorded=RECORDED)
        self.add(wish, process)
        self.cancelled.add(place)

    @rule()
    def the_outbox_is_copied(self) -> None:
        self.copy(self.path, self.path.with_suffix(".copy"))
        self.kept = set(self.known)

    @precondition(lambda self: self.kept is not None)
    @rule()
    def the_outbox_is_restored(self) -> None:
        self.toy.arrive()
        self.copy(self.path.with_suffix(".copy"), self.path)
        self.known = set(self.kept or ())

    def copy(self, source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
            one.backup(other)

    @invariant()
    def nothing_stands_there_twice(self) -> None:
        carried = [each["value"] for held in self.toy.held.values() for each in held.get("identifier", [])]
        assert max(Counter(carried).values(), default=0) <= 1

    @invariant()
    def nobody_is_overwritten(self) -> None:
        assert all(self.toy.held[place]["note"] == [{"text": "we call"}] for place in self.accepted)
        assert all(self.toy.held[place]["businessStatus"] == {"text": "busy"} for place in self.toy.busy)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        for intent in list(self.decided.values()):
            self.add(intent, 0)
        for _ in range(12):
            self.hours_pass()
            self.deliver(0, [])
            self.nothing_stands_there_twice()
            self.nobody_is_overwritten()
        rows = self.processes[0].ledger.rows()
        assert {row.state for row in rows} <= {State.SENT}, [(row.state, row.reason) for row in rows]
        carried = {each["value"] for held in self.toy.held.values() for each in held.get("identifier", [])}
        assert carried == {each.key.value for each in self.decided.values() if isinstance(each, Suggestion)}
        tasks = {place: held for place, held in self.toy.held.items() if held["resourceType"] == "Task"}
        assert all(held["focus"]["reference"] in self.toy.held for held in tasks.values())
        assert {place for place, held in tasks.items() if held["status"] == "cancelled"} == self.cancelled
        vouched = Counter(each["target"][0]["reference"] for each in self.toy.of("Provenance"))
        assert vouched.keys() == {place for place, held in self.toy.held.items() if held["resourceType"] != "Provenance"}
        if self.toy.client_ids or not self.toy.helpful:  # otherwise one that came twice stands there twice
            assert all(vouched[place] == 1 + (place in self.cancelled) for place in vouched)
        self.folder.cleanup()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=20)
