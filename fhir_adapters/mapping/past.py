"""What began so long ago that it can change nothing: recognised by its date alone, at a fraction of what it costs to map it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

from fhir_adapters.codes import read_codes
from fhir_adapters.dates import Span, read_period
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.quarantine import Json, Quarantine, Reading, Reason
from rules.facts import Coding


@dataclass(frozen=True, slots=True)
class Past:
    """From which day on resources count. One that does not say, so that it can be read, when it began may always count."""

    before: Mapping[str, date] = field(default_factory=dict)
    """Resource type → the first day that counts: one of `DATED`. Of other types everything does."""
    lasting: frozenset[Coding] = frozenset()
    """Codes of Observations that count however old they are."""

    def holds(self, resource: Json, resource_type: str) -> bool:
        """Whether a resource of this type surely began before its first day, and has none of the lasting codes."""
        first = self.before.get(resource_type)
        if first is None:
            return False
        reading = Reading(_UNREPORTED, resource_type, "")
        start = DATED[resource_type](reading, resource).start
        return start is not None and start.high < first and not (self.lasting and self._lasts(resource, reading))

    def _lasts(self, resource: Json, reading: Reading) -> bool:
        components = resource.get("component")
        for part in (resource, *(components if isinstance(components, list) else ())):
            if isinstance(part, dict) and not self.lasting.isdisjoint(read_codes(reading, part.get("code"), "code").found):
                return True
        return False


class _Unreported(Quarantine):
    """What is wrong with a resource is reported when it is mapped, and once is enough."""

    def add(self, resource_type: str, id: str, path: str, reason: Reason) -> None:
        pass


_UNREPORTED: Final = _Unreported()
NO_PAST: Final = Past()


def _period(reading: Reading, resource: Json) -> Span:
    return read_period(reading, resource.get("period"), "period")


def _choice(element: str, reading: Reading, resource: Json) -> Span:
    return read_time(reading, resource, element)


DATED: Final[Mapping[str, Callable[[Reading, Json], Span]]] = {
    "DiagnosticReport": partial(_choice, "effective"),
    "Encounter": _period,
    "Immunization": partial(_choice, "occurrence"),
    "Observation": partial(_choice, "effective"),
    "Procedure": partial(_choice, "performed"),
}
"""The types whose events begin when one element says, with what reads it."""
