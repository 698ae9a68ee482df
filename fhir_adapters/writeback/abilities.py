"""What a server can do, as far as writing is concerned: by its own word, less what is known of its vendor's servers."""

from dataclasses import dataclass
from typing import Final

from fhir_adapters.capability import Capability
from fhir_adapters.vendors import GENERIC, Vendor
from fhir_adapters.writeback.intent import Suggestion
from fhir_adapters.writeback.states import Claim

_JSON_PATCH: Final = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What it does not say, it cannot do; what its vendor's servers cannot do, it cannot do either."""

    vendor: Vendor = GENERIC
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
    def of(cls, capability: Capability, vendor: Vendor = GENERIC) -> "Abilities":
        """From what the server says of itself, and what is known of its ``vendor``."""
        types = capability.types.items()
        by_id = frozenset(name for name, each in types if each.creates_by_update and vendor.writing.own_ids)
        creates = frozenset(name for name, each in types if "create" in each.interactions) | by_id
        return cls(
            vendor=vendor,
            takes=frozenset(name for name in creates if vendor.refuses("create", name) is None),
            by_id=by_id,
            searchable=frozenset(name for name, each in types if "identifier" in each.searches),
            patches=frozenset(name for name, each in types if "patch" in each.interactions and _JSON_PATCH in capability.patch_formats),
            transaction="transaction" in capability.interactions and vendor.writing.transactions,
            batch="batch" in capability.interactions,
        )

    def refusal(self, claim: Claim) -> str | None:
        """Why the vendor's servers do not take this write, and what to do instead; ``None``: nothing is known against it."""
        return self.vendor.refuses("create" if claim.kind == Suggestion.__name__ else "update", claim.type)
