"""What each version of the Bulk Data specification knows: the one home of names that a ballot may still change."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["output", "deleted", "outcome"]
"""What a file of an export holds: resources, deletions, or what the server has to say (OperationOutcome)."""


@dataclass(frozen=True, slots=True)
class Version:
    """What may be asked for at the kick-off, and how."""

    parameters: frozenset[str]
    posts: bool
    """Whether a POST with a Parameters resource is understood."""


_V1: Final = frozenset({"_type", "_since", "_typeFilter"})
_V2: Final = _V1 | {"_elements"}
_V3: Final = _V2 | {"_until", "organizeOutputBy", "allowPartialManifests"}

VERSIONS: Final = {
    "1.0.1": Version(_V1, posts=False),
    "2.0": Version(_V2, posts=True),
    "3.0.0": Version(_V3, posts=True),
    "4.0.0-ballot": Version(_V3, posts=True),
}
NEWEST: Final = "3.0.0"
"""The newest that is no ballot. What is sent depends on what is asked for, not on the version: older servers get on with it too."""

LISTS: Final[dict[str, Kind]] = {"output": "output", "deleted": "deleted", "error": "outcome", "outcome": "outcome"}
"""Where a manifest lists files → what they hold. The ballot of 4.0 says ``outcome`` for ``error``; whichever is there is read."""

EXPORT_STATUS: Final = "X-Export-Status"
"""In 4.0, if it was asked for: the status of the export, beside that of the answer."""
