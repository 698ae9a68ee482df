"""What a server says it can do, as far as writing is concerned."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhir_adapters.quarantine import Json

_JSON_PATCH: Final = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Abilities:
    """From its CapabilityStatement. What it does not say, it cannot do."""

    takes: frozenset[str] = frozenset()
    """Types that can be created."""
    by_id: frozenset[str] = frozenset()
    """Types of which a PUT creates a resource under the id that the client chose (updateCreate)."""
    searchable: frozenset[str] = frozenset()
    """Types that can be searched by identifier."""
    patches: frozenset[str] = frozenset()
    """Types that take JSON Patch."""
    transaction: bool = False
    batch: bool = False

    @classmethod
    def of(cls, statement: Json) -> "Abilities":
        """What ``statement`` says; whatever is not understood counts as not said."""
        rest = [each for each in _dicts(statement.get("rest")) if each.get("mode") == "server"]
        types = {str(each.get("type")): each for one in rest for each in _dicts(one.get("resource"))}
        system = {code for one in rest for code in _codes(one)}
        patching = statement.get("patchFormat")
        return cls(
            takes=frozenset(name for name, each in types.items() if "create" in _codes(each) or each.get("updateCreate") is True),
            by_id=frozenset(name for name, each in types.items() if each.get("updateCreate") is True),
            searchable=frozenset(
                name for name, each in types.items() if any(p.get("name") == "identifier" for p in _dicts(each.get("searchParam")))
            ),
            patches=frozenset(name for name, each in types.items() if "patch" in _codes(each))
            if isinstance(patching, list) and _JSON_PATCH in patching
            else frozenset(),
            transaction="transaction" in system,
            batch="batch" in system,
        )


def _codes(of: Json) -> set[Any]:
    return {each.get("code") for each in _dicts(of.get("interaction"))}


def _dicts(value: Any) -> Iterator[Json]:
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict):
            yield each
