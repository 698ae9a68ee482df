"""As much of JSON Schema as our schemas use: enough to say whether a file conforms, and not one keyword more."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_NOTES: Final = {"$schema", "$defs", "title", "description"}
_OF_OBJECTS: Final = {"properties", "patternProperties", "additionalProperties"}


def errors(schema: Mapping[str, Any], value: object) -> list[str]:
    """What does not conform, each with its place; a keyword that is not known here is a failure of the test itself."""
    return list(_errors(schema, value, "", schema))


def _errors(schema: Mapping[str, Any], value: object, place: str, root: Mapping[str, Any]) -> Iterator[str]:
    for keyword in schema.keys() - _NOTES - _OF_OBJECTS:
        yield from _keyword(keyword, schema[keyword], value, place, root)
    if not schema.keys().isdisjoint(_OF_OBJECTS):
        yield from _properties(schema, value, place, root)


def _keyword(keyword: str, wanted: Any, value: object, place: str, root: Mapping[str, Any]) -> Iterator[str]:
    match keyword:
        case "$ref":
            yield from _errors(root["$defs"][wanted.removeprefix("#/$defs/")], value, place, root)
        case "anyOf":
            if all(any(True for _ in _errors(each, value, place, root)) for each in wanted):
                yield f"{place}: {value!r} fits none of {len(wanted)}"
        case "items":
            for number, item in enumerate(value if isinstance(value, list) else ()):
                yield from _errors(wanted, item, f"{place}/{number}", root)
        case _:
            if not _SIMPLE[keyword](wanted, value):
                yield f"{place}: {value!r} breaks {keyword} {wanted!r}"


def _properties(schema: Mapping[str, Any], value: object, place: str, root: Mapping[str, Any]) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, item in value.items() if isinstance(value, dict) else ():
        matching = [each for pattern, each in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        if key in known or matching:
            for each in [known[key]] if key in known else matching:
                yield from _errors(each, item, f"{place}/{key}", root)
        elif others is False:
            yield f"{place}: no key {key!r}"
        elif isinstance(others, dict):
            yield from _errors(others, item, f"{place}/{key}", root)


def _has_type(wanted: str | list[str], value: object) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)


_SIMPLE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "type": _has_type,
    "enum": lambda wanted, value: any(type(each) is type(value) and each == value for each in wanted),
    "required": lambda wanted, value: not isinstance(value, dict) or set(wanted) <= set(value),
    "pattern": lambda wanted, value: not isinstance(value, str) or re.search(wanted, value) is not None,
    "minimum": lambda wanted, value: not isinstance(value, int) or value >= wanted,
    "maximum": lambda wanted, value: not isinstance(value, int) or value <= wanted,
    "minItems": lambda wanted, value: not isinstance(value, list) or len(value) >= wanted,
    "minProperties": lambda wanted, value: not isinstance(value, dict) or len(value) >= wanted,
    "minLength": lambda wanted, value: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda wanted, value: not isinstance(value, str) or len(value) <= wanted,
}
