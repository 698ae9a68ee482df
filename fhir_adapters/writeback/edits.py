"""Changes of somebody else's resource: said as what shall be so, done on its text, and no byte more than that.

An edit says how things shall be, not what to do: applied again, after a conflict or an answer that got lost, it changes nothing.
There are no positions in lists: between two readings they shift.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from fhir_adapters.writeback.rawjson import Value, read, same, scan

Json = dict[str, Any]
_EMPTY: Final[tuple[Any, ...]] = ("", None, [], {})


class EditRefused(ValueError):
    """The resource is not built in the way that the edit supposes. The message names the path only."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``put``: the element at ``path`` has this value. ``drop``: it is not there. ``include``: the list there has such an item."""

    act: Literal["put", "drop", "include"]
    path: tuple[str, ...]
    """Names of elements from the resource inwards: ``("statusReason", "text")``."""
    value: Any = None

    def __post_init__(self) -> None:
        if not self.path or not all(self.path):
            raise EditRefused("an edit names an element")
        if self.act != "drop" and self.value in _EMPTY:
            raise EditRefused(f"{'/'.join(self.path)}: FHIR has no empty elements; drop it instead")


def put(path: str, value: Any) -> Edit:
    """``put("statusReason/text", "…")``."""
    return Edit("put", tuple(path.split("/")), value)


def drop(path: str) -> Edit:
    """``drop("owner")``; an element that this leaves empty goes, too."""
    return Edit("drop", tuple(path.split("/")))


def include(path: str, item: Any) -> Edit:
    """``include("note", {"text": "…"})``."""
    return Edit("include", tuple(path.split("/")), item)


@dataclass(frozen=True, slots=True)
class Edited:
    """A text after edits, and the same as JSON Patch (RFC 6902). No operations: everything was so already."""

    text: str
    operations: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """Replace what stands from ``start`` to ``end``; and the same as an operation of JSON Patch."""

    start: int
    end: int
    new: str
    operation: Json


def applied(text: str, edits: Sequence[Edit]) -> Edited:
    """``text`` with the edits done one after another. Raises `EditRefused`, or `rawjson.NotJson` if it is no JSON."""
    operations = []
    for edit in edits:
        step = _STEPS[edit.act](text, scan(text), edit)
        if step:
            text = text[: step.start] + step.new + text[step.end :]
            operations.append(step.operation)
    return Edited(text, tuple(operations))


def holds(text: str, wanted: Mapping[str, Sequence[Any]]) -> bool:
    """Whether each element (``status``) has one of the values given for it; ``None`` among them: it may be absent."""
    root = scan(text)
    return all(any(_is(text, _reach(root, tuple(path.split("/"))), value) for value in values) for path, values in wanted.items())


def dumped(value: Any) -> str:
    """``value`` as JSON text; a `Decimal` keeps its places."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{dumped(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumped, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _is(text: str, found: Value | None, value: Any) -> bool:
    return value is None if found is None else same(read(text, found), value)


def _reach(root: Value, path: Sequence[str]) -> Value | None:
    """The value at ``path``; ``None`` if it or something on the way is not there. Raises `EditRefused` if a list is on the way."""
    value = root
    for depth, name in enumerate(path):
        if value.members is None:
            raise EditRefused(f"{'/'.join(path[:depth]) or 'the resource'} is not an object")
        if name not in value.members:
            return None
        value = value.members[name].value
    return value


def _put(text: str, root: Value, edit: Edit) -> _Step | None:
    found = _reach(root, edit.path)
    if found is None:
        return _added(root, edit.path, edit.value)
    if same(read(text, found), edit.value):
        return None
    return _Step(found.start, found.end, dumped(edit.value), _operation("replace", edit.path, edit.value))


def _include(text: str, root: Value, edit: Edit) -> _Step | None:
    found = _reach(root, edit.path)
    if found is None:
        return _added(root, edit.path, [edit.value])
    if found.items is None:
        raise EditRefused(f"{'/'.join(edit.path)} is not a list")
    if any(same(read(text, item), edit.value) for item in found.items):
        return None
    at, comma = (found.items[-1].end, ",") if found.items else (found.start + 1, "")
    return _Step(at, at, comma + dumped(edit.value), _operation("add", (*edit.path, "-"), edit.value))


def _drop(text: str, root: Value, edit: Edit) -> _Step | None:
    path = edit.path
    if _reach(root, path) is None:
        return None
    while len(path) > 1 and (parent := _reach(root, path[:-1])) and parent.members is not None and len(parent.members) == 1:
        path = path[:-1]
    holder = _reach(root, path[:-1])
    members = list(((holder.members if holder else None) or {}).items())
    place = [name for name, _ in members].index(path[-1])
    member = members[place][1]
    if place:
        start, end = members[place - 1][1].value.end, member.value.end
    else:
        start, end = member.start, members[1][1].start if len(members) > 1 else member.value.end
    return _Step(start, end, "", _operation("remove", path))


def _added(root: Value, path: Sequence[str], value: Any) -> _Step:
    """The missing element, with whatever is missing around it, as the last member of the innermost object that is there."""
    depth = next(depth for depth in range(len(path)) if _reach(root, path[: depth + 1]) is None)
    for name in reversed(path[depth + 1 :]):
        value = {name: value}
    holder = _reach(root, path[:depth])
    if holder is None or holder.members is None:
        raise EditRefused(f"{'/'.join(path[:depth]) or 'the resource'} is not an object")
    last = next(reversed(holder.members.values()), None)
    at = last.value.end if last else holder.start + 1
    new = f"{',' if last else ''}{json.dumps(path[depth], ensure_ascii=False)}:{dumped(value)}"
    return _Step(at, at, new, _operation("add", path[: depth + 1], value))


def _operation(op: str, path: Sequence[str], value: Any = None) -> Json:
    pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)
    return {"op": op, "path": pointer} if op == "remove" else {"op": op, "path": pointer, "value": value}


_STEPS: Final = {"put": _put, "drop": _drop, "include": _include}
