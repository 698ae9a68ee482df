"""A small terminology server on loopback: it spells out value sets from the code systems that a test gives it, page by page."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from support.faulty_ehr import Answer, Faulty, body, serving

Json = dict[str, Any]

NUMBERS: Final = "http://example.org/CodeSystem/numbers"
NUMBERS_SET: Final = "http://example.org/ValueSet/numbers"


def outcome(code: str, text: str = "") -> Json:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "details": {"text": text}}]}


def numbers(count: int) -> list[Json]:
    """So many entries of an expansion."""
    return [{"system": NUMBERS, "code": f"n{n}", "display": f"Number {n}"} for n in range(count)]


def expansion(entries: Sequence[Json], *, total: int | None = None, version: str = "1", **more: Any) -> Json:
    """An expanded value set; ``more`` belongs to its expansion."""
    told = {"timestamp": "2026-01-01T00:00:00Z", "contains": list(entries)} | ({} if total is None else {"total": total}) | more
    return {"resourceType": "ValueSet", "url": NUMBERS_SET, "version": version, "status": "active", "expansion": told}


def paged(entries: Sequence[Json], query: dict[str, list[str]], **more: Any) -> Json:
    """The page of an expansion that a query asks for."""
    offset, count = int(query.get("offset", ["0"])[0]), int(query.get("count", ["1000"])[0])
    return expansion(entries[offset : offset + count], total=len(entries), offset=offset, **more)


@dataclass(slots=True)
class Terminology:
    """What the server knows: CodeSystem and ValueSet resources."""

    systems: list[Json] = field(default_factory=list)
    sets: list[Json] = field(default_factory=list)

    def answer(self, server: Faulty, query: dict[str, list[str]]) -> Answer:
        """An expansion, by GET of a published set or by POST of one."""
        if "url" not in query:
            given = {p["name"]: p for p in json.loads(server.posted[-1])["parameter"]}
            asked, wanted = given["valueSet"]["resource"], {name: [str(given[name]["valueInteger"])] for name in ("offset", "count")}
        else:
            found = [s for s in self.sets if s["url"] == query["url"][0]]
            if query.get("valueSetVersion", [None])[0] not in (None, *(s.get("version") for s in found)) or not found:
                return body(outcome("not-found", "no such value set"), 404)
            asked, wanted = found[0], query
        entries = [entry for include in asked["compose"]["include"] for entry in self._included(include)]
        page = paged(entries, wanted, parameter=[{"name": "used-codesystem", "valueUri": v} for v in self._used(asked)])
        return body({"resourceType": "ValueSet"} | {k: v for k, v in asked.items() if k != "compose"} | {"expansion": page["expansion"]})

    def _included(self, include: Json) -> Iterator[Json]:
        system = next(s for s in self.systems if s["url"] == include["system"])
        listed = {concept["code"] for concept in include.get("concept", [])}
        below = [(f["op"], f["value"]) for f in include.get("filter", [])]
        for concept, path in _walk(system["concept"], ()):
            inside = all(value in path or (op == "is-a" and value == concept["code"]) for op, value in below)
            if inside and (not listed or concept["code"] in listed):
                marks = {p["code"]: p["valueBoolean"] for p in concept.get("property", []) if p["code"] in ("abstract", "inactive")}
                yield {"system": system["url"], "code": concept["code"], "display": concept.get("display", "")} | marks

    def _used(self, asked: Json) -> Iterator[str]:
        for include in asked["compose"]["include"]:
            version = next(s.get("version") for s in self.systems if s["url"] == include["system"])
            yield include["system"] + (f"|{version}" if version else "")


def _walk(concepts: list[Json], path: tuple[str, ...]) -> Iterator[tuple[Json, tuple[str, ...]]]:
    for concept in concepts:
        yield concept, path
        yield from _walk(concept.get("concept", []), (*path, concept["code"]))


@contextmanager
def terminology_server(known: Terminology) -> Iterator[Faulty]:
    """Serve until the end of the block; each request is among ``asked``."""
    with serving() as server:
        server.behaviours["ValueSet"] = lambda path, query, headers: known.answer(server, query)
        yield server
