"""HSDS as JSON: objects within objects, taken apart into rows."""

from typing import Any, Final

from fhir_adapters.directory.hsds.names import address_type, table
from fhir_adapters.directory.hsds.rows import Place, Tables
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Json, Reason
from fhir_adapters.report import Part

_DEEPEST: Final = 16
_UPWARD: Final = frozenset(
    {
        ("service", "organization"),
        ("service", "program"),
        ("service_at_location", "location"),
        ("service_at_location", "service"),
        ("attribute", "taxonomy_term"),
        ("taxonomy_term", "taxonomy"),
        ("service_capacity", "unit"),
    }
)
"""Table of an object and of one within it, where the outer points to the inner and not the other way round."""
_SIGNS: Final = (
    ("service_at_location", {"service", "location"}),
    ("location", {"location_type"}),
    ("service", {"status"}),
    ("service", {"organization_id"}),
    ("service", {"organization", "service_at_locations"}),
    ("taxonomy_term", {"taxonomy_detail"}),
    ("taxonomy_term", {"taxonomy"}),
    ("taxonomy_term", {"taxonomy_id"}),
    ("organization", {"name", "description"}),
)
"""Table → properties that together give an object away as one of its rows; the first fitting one decides."""


def add_document(document: Any, tables: Tables, part: Part, hint: str = "") -> None:
    """A parsed file: one object, a list of them, a page of the API, or the tables of a package by file name.

    ``hint`` is the stem of the file's name; it decides what an object is if it begins with the name of a table.
    """
    if isinstance(document, list):
        part.count(Outcome.OPENED, "list")
        for item in document:
            part.entries += 1
            _add_top(item, tables, part, hint)
    elif isinstance(document, dict) and isinstance(document.get("contents"), list):
        part.count(Outcome.OPENED, "page")
        for item in document["contents"]:
            part.entries += 1
            _add_top(item, tables, part, hint)
    elif isinstance(document, dict) and document and all(name.endswith(".csv") for name in document):
        part.count(Outcome.OPENED, "package")
        _add_package(document, tables, part)
    else:
        _add_top(document, tables, part, hint)


def _add_package(document: Json, tables: Tables, part: Part) -> None:
    for name, rows in document.items():
        for row in rows if isinstance(rows, list) else [rows]:
            part.entries += 1
            found = table(name.removesuffix(".csv"))
            if found is None or not isinstance(row, dict):
                _refuse(tables, part, Reason.WRONG_TYPE)
            else:
                _add(found, row, tables, part)


def _add_top(item: Any, tables: Tables, part: Part, hint: str) -> None:
    if not isinstance(item, dict):
        _refuse(tables, part, Reason.NOT_AN_OBJECT)
        return
    found = _hinted(hint) or next((name for name, signs in _SIGNS if signs <= item.keys()), None)
    if found is None or "id" not in item:
        _refuse(tables, part, Reason.WRONG_TYPE if found is None else Reason.MISSING)
        return
    _add(found, item, tables, part)


def _hinted(hint: str) -> str | None:
    words = hint.lower().replace("-", "_").split("_")
    tries = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    return next((found for name in tries if (found := table(name)) is not None), None)


def _refuse(tables: Tables, part: Part, reason: Reason) -> None:
    tables.quarantine.add("", "", "", reason)
    part.count(Outcome.QUARANTINED)


def _add(name: str, item: Json, tables: Tables, part: Part, parent: Place | None = None, depth: int = 0) -> str | None:
    """The row of one object and, counted as entries of its own, those of the objects in it."""
    plain = {key: value for key, value in item.items() if not isinstance(value, dict | list)}
    inner = [(key, value) for key, value in item.items() if isinstance(value, dict | list)]
    identity = tables.add(name, plain, part, () if parent is None else (parent,))
    own = None if identity is None else (name, identity)
    for key, value in inner:
        for element in value if isinstance(value, list) else [value]:
            _add_inner(key, element, own, tables, part, depth)
    return identity


def _add_inner(key: str, element: Any, own: Place | None, tables: Tables, part: Part, depth: int) -> None:
    part.entries += 1
    found = table(key)
    if found is None or not isinstance(element, dict) or depth == _DEEPEST:
        tables.quarantine.add(own[0] if own else "", own[1] if own else "", key, Reason.WRONG_TYPE)
        part.count(Outcome.QUARANTINED)
        return
    if kind := address_type(key):
        element = {"address_type": kind} | element
    if own is None or (own[0], found) not in _UPWARD:
        _add(found, element, tables, part, own, depth + 1)
        return
    identity = _add(found, element, tables, part, None, depth + 1)
    if identity is not None:
        tables.point(own, (found, identity))
