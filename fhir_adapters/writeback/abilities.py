"""What a server says it can do, as far as writing is concerned."""

from dataclasses import dataclass
from typing import Final

from fhir_adapters.capability import Capability

_JSON_PATCH: Final = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What it does not say, it cannot do."""

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
    def of(cls, capability: Capability) -> "Abilities":
        """From what the server says of itself."""
        types = capability.types.items()
        return cls(
            takes=frozenset(name for name, each in types if "create" in each.interactions or each.creates_by_update),
            by_id=frozenset(name for name, each in types if each.creates_by_update),
            searchable=frozenset(name for name, each in types if "identifier" in each.searches),
            patches=frozenset(name for name, each in types if "patch" in each.interactions and _JSON_PATCH in capability.patch_formats),
            transaction="transaction" in capability.interactions,
            batch="batch" in capability.interactions,
        )
