"""``onset[x]``, ``effective[x]``, ``performed[x]``: one element of several possible types."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from fhir_adapters.dates import UNKNOWN, Span, at, read_moment, read_period, read_timing
from fhir_adapters.quarantine import Json, Reading, Reason


def _moment(reading: Reading, value: Any, path: str) -> Span:
    return at(read_moment(reading, value, path))


def _inexact(reading: Reading, value: Any, path: str) -> Span:
    """Age, Range or text: it exists, but says no day."""
    return UNKNOWN


_READERS: Final[dict[str, Callable[[Reading, Any, str], Span]]] = {
    "DateTime": _moment,
    "Period": read_period,
    "Instant": _moment,
    "Timing": read_timing,
    "Age": _inexact,
    "Range": _inexact,
    "String": _inexact,
}


def either(resource: Json, name: str, newer: str) -> str:
    """Which of two names an element has in this resource: R4's, unless only that of R5 is there."""
    return newer if name not in resource and newer in resource else name


def renamed(resource: Json, names: Mapping[str, str]) -> Json:
    """The resource with R5's names of elements as R4's (newer → older), where the older one is not there; itself if it has none of them."""
    newer = [name for name in names if name in resource and names[name] not in resource]
    return resource | {names[name]: resource[name] for name in newer} if newer else resource


def read_time(reading: Reading, resource: Json, element: str) -> Span:
    """What the choice ``element[x]`` says about time; unknown if it is absent, inexact, or (reported) invalid or given twice."""
    readers = _readers(element)
    present = [name for name in readers if resource.get(name) is not None]
    if not present:
        return UNKNOWN
    if len(present) > 1:
        reading.bad(f"{element}[x]", Reason.MORE_THAN_ONE)
        return UNKNOWN
    name = present[0]
    return readers[name](reading, resource[name], name)


def forms(element: str) -> frozenset[str]:
    """The names that the choice ``element[x]`` may have."""
    return frozenset(_readers(element))


@cache
def _readers(element: str) -> dict[str, Callable[[Reading, Any, str], Span]]:
    """The names of a choice, with what reads each; there are as many choices as calls of `read_time`."""
    return {element + kind: reader for kind, reader in _READERS.items()}
