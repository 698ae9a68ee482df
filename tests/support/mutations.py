"""Requests that went wrong on the way: JSON with members dropped, doubled, of another type, too deep, too long or oddly written."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

_Place = tuple[Any, Any]
"""A container, and a key or an index of it."""

_LONE: Final = "\ud800"
ODD_TEXTS: Final = (
    *("", " ", "\x00", "\ufeff", "\u202e\u2066", "e\u0301" * 50, "🏥" * 40, "İıſK", "\u2028\u2029", _LONE, "\x7f\x80\x9f", "%s%n{0}{{x}}"),
    *("<script>alert(1)</script>", "'; DROP TABLE call;--", "../../etc/passwd", "Patient/../p1", "null", "NaN", "1e999", "2026-13-45", "٣"),
)
ODD_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 2**53 + 1, -(2**63), 1e308, [], {}, [[]], [None], {"": None}, [{}], {"a": [1]}),
    *ODD_TEXTS,
)


def mutated(golden: Any, random: Random) -> bytes:
    """The golden request after one to four accidents, as bytes; one in eight is no JSON any more."""
    body = _copy(golden)
    for _ in range(random.randint(1, 4)):
        places = list(_places(body))
        if places:
            random.choice(_ACCIDENTS)(random, places, *random.choice(places))
    text = json.dumps(body, ensure_ascii=random.random() < 0.5)
    written = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.125:
        return random.choice(_DAMAGES)(random, written)
    return written


def _places(value: Any) -> Iterator[_Place]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(children):
        yield value, key
        yield from _places(child)


# ---------------------------------------------------------------- accidents of the content


def _drop(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    del holder[key]


def _retype(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    holder[key] = _odd(random)


def _odd(random: Random) -> Any:
    return _copy(random.choice(ODD_VALUES))


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _double(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    copy = _copy(holder[key])
    if isinstance(holder, list):
        holder[key:key] = [_copy(copy) for _ in range(random.randint(1, 50))]
    else:
        holder[f"{key}{random.choice(('', ' ', '2', '-'))}"] = [copy, _copy(copy)]


def _deepen(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    for _ in range(random.choice((1, 2, 30, 95, 120))):
        holder[key] = [holder[key]] if random.random() < 0.5 else {str(key): holder[key]}


def _lengthen(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    holder[key] = random.choice(("x", "é", "|", "\\", "#", "`", "9", " ")) * random.choice((140, 5_000, 300_000))


def _spoil(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    holder[key] = f"{holder[key]}{random.choice(ODD_TEXTS)}" if isinstance(holder[key], str) else random.choice(ODD_TEXTS)


def _swap(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    """The value of one place at another as well."""
    other, name = random.choice(places)
    if name in other if isinstance(other, dict) else name < len(other):
        holder[key] = _copy(other[name])


def _rename(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice((key.upper(), f"_{key}", f"{key}\x00", "", "__proto__", "extension"))] = holder.pop(key)


def _add(random: Random, places: list[_Place], holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice(("extension", "modifierExtension", "contained", "_value", "resourceType", "id", "x"))] = random.choice(
            ODD_VALUES
        )
    else:
        holder.append(_odd(random))


_ACCIDENTS: Final[tuple[Callable[[Random, list[_Place], Any, Any], None], ...]] = (
    *(_drop, _drop, _retype, _retype, _double, _deepen, _lengthen, _spoil, _spoil, _swap, _rename, _add),
)


# ---------------------------------------------------------------- accidents of the bytes


def _truncate(random: Random, written: bytes) -> bytes:
    return written[: random.randrange(len(written) + 1)]


def _flip(random: Random, written: bytes) -> bytes:
    at = random.randrange(len(written) or 1)
    return written[:at] + bytes([random.randrange(256)]) + written[at + 1 :]


def _twice(random: Random, written: bytes) -> bytes:
    """The same member again, or the same document."""
    return written[:-1] + b"," + written[1:] if random.random() < 0.5 else written + written


def _encode(random: Random, written: bytes) -> bytes:
    return written.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")))


def _number(random: Random, written: bytes) -> bytes:
    """Numbers that Python's own writer would not write."""
    number = random.choice((b"1e400", b"-0", b"NaN", b"Infinity", b"0x10", b"9" * 5000, b"01", b"1.", b"-"))
    at = written.find(b":", random.randrange(len(written) or 1))
    return written[: at + 1] + number + b"," + written[at + 1 :] if random.random() < 0.5 else b'{"hook":' + number + b"}"


_DAMAGES: Final = (_truncate, _truncate, _flip, _twice, _encode, _number)
