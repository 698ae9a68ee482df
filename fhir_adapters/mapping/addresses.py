"""Where a person lives: the current home, its postcode and census tract, and who else lives there."""

import hashlib
import hmac
import unicodedata
from typing import Final

from fhir_adapters.quarantine import Json

_TRACT: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-censusTract"


def home(addresses: list[Json]) -> Json | None:
    """The current home: not old, not ended, not a mailing or billing address; one marked as home comes first."""
    current = [
        address
        for address in addresses
        if address.get("use") not in ("old", "billing", "temp", "work") and address.get("type") != "postal" and not ended(address)
    ]
    return next((address for address in current if address.get("use") == "home"), current[0] if current else None)


def ended(item: Json) -> bool:
    """Whether an address, name or telecom is past."""
    period = item.get("period")
    return isinstance(period, dict) and period.get("end") is not None


def postcode(address: Json | None) -> str:
    """As written, in capitals; empty if there is none."""
    value = address.get("postalCode") if address else None
    return value.strip().upper() if isinstance(value, str) else ""


def tract(address: Json | None) -> str:
    """The census tract, if whoever located the address wrote it there; empty otherwise."""
    extensions = address.get("extension") if address else None
    for item in extensions if isinstance(extensions, list) else []:
        if isinstance(item, dict) and item.get("url") == _TRACT and isinstance(item.get("valueString"), str):
            return str(item["valueString"]).strip()
    return ""


def household(address: Json | None, key: bytes) -> str | None:
    """A keyed hash of street lines and postcode; ``None`` without either. All lines: one house number may hold many flats."""
    lines = address.get("line") if address else None
    street = " ".join(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ""
    return household_key(street, postcode(address), key)


def household_key(street: str, code: str, key: bytes) -> str | None:
    """The same of a street address and postcode in words."""
    place, area = _plain(street), _plain(code)
    if not place or not area:
        return None
    return hmac.new(key, f"{place}|{area}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())
