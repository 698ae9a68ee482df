"""What is known of each resource type: whether it was loaded, and up to when."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from rules.facts import TABLES


@dataclass(frozen=True, slots=True)
class TypeState:
    """Of one resource type."""

    loaded: bool = False
    """Whether the absence of a resource means that there is none."""
    reason: str = ""
    """Why it is not loaded."""
    watermark: int | None = None
    """Everything that the source held at this time is in (microseconds since 1970 UTC); ``None``: never pulled in full."""


_UNKNOWN: Final = TypeState()


def delivered(states: Mapping[str, TypeState], types: Collection[str], at: int, since: int | None) -> dict[str, TypeState]:
    """The states after a pull as of ``at`` brought these types: all of them, or what changed since ``since``."""
    return {**states, **{name: _delivered(states.get(name, _UNKNOWN), name, at, since) for name in types}}


def _delivered(state: TypeState, name: str, at: int, since: int | None) -> TypeState:
    if since is not None and state.watermark is None:
        return TypeState(False, f"no {name} was ever pulled in full")
    if state.watermark is not None and at < state.watermark:
        return state
    if since is not None and state.watermark is not None and since > state.watermark:
        return replace(
            state, loaded=False, reason=f"changes of {name} between two pulls are missing: pull it in full, or since the last pull"
        )
    return TypeState(True, "", at)


def failed(states: Mapping[str, TypeState], reasons: Mapping[str, str]) -> dict[str, TypeState]:
    """The states after the export of some types failed: their watermarks stay where they were."""
    return {**states, **{name: replace(states.get(name, _UNKNOWN), loaded=False, reason=why) for name, why in reasons.items()}}


def tables_not_loaded(states: Mapping[str, TypeState]) -> dict[str, str]:
    """Table → why it counts as not loaded: its first type is not, or another of its types failed."""
    found = {}
    for name, table in TABLES.items():
        first = table.resource_types[0]
        others = [states[other] for other in table.resource_types[1:] if other in states]
        for state in [states.get(first, TypeState(False, f"no {first} was found")), *others]:
            if not state.loaded:
                found[name] = state.reason
                break
    return found
