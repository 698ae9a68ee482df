"""Lists of objects, of which not all may be objects."""

from fhir_adapters.quarantine import Json, Reading, Reason


def objects(parent: Json, name: str, reading: Reading) -> list[Json]:
    """The objects in a list; what is not one is reported."""
    value = parent.get(name)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    found = [item for item in items if isinstance(item, dict)]
    if len(found) < len(items) or not isinstance(value, list):
        reading.bad(name, Reason.NOT_AN_OBJECT if isinstance(value, list) else Reason.NOT_A_LIST)
    return found
