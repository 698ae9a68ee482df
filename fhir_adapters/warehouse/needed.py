"""What of a source a warehouse keeps, if not everything: that which some rules can ever look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from fhir_adapters.mapping import READ_TYPES, Mapped, beside
from rules.facts import TABLES, Coding

NOT_ASKED_FOR: Final = "no rule asked for it when the warehouse was filled"
"""Why a type is not loaded of which nothing is needed."""


@dataclass(frozen=True)
class Needed:
    """The events of ``tables`` that carry one of ``codes``, or of which it is not known what they are about; and of the tables
    ``uncoded`` all. Everybody's Patient is needed, and all that the resources of these tables refer to.
    """

    tables: frozenset[str]
    codes: frozenset[Coding]
    uncoded: frozenset[str]

    @cached_property
    def types(self) -> frozenset[str]:
        """The resource types of which anything is needed."""
        types = frozenset({"Patient", *(name for table in self.tables for name in TABLES[table].resource_types)})
        return types | beside(types) | ({"Questionnaire"} if "QuestionnaireResponse" in types else frozenset())

    @cached_property
    def spared(self) -> frozenset[str]:
        """The resource types that are mapped otherwise, and of which nothing is needed."""
        return READ_TYPES - self.types

    def whole(self, name: str) -> bool:
        """Whether all resources of a type are needed, whatever they say."""
        return name not in self.spared and all(name not in table.resource_types or key in self.uncoded for key, table in TABLES.items())

    def holds(self, mapped: Mapped) -> bool:
        """Whether a resource is needed, or its codes stand elsewhere, or it is nobody's."""
        if not mapped.patient or mapped.person is not None or mapped.awaits or mapped.answers:
            return True
        return any(
            event.table in self.tables and (event.opaque or event.table in self.uncoded or not self.codes.isdisjoint(event.codes))
            for event in mapped.events
        )

    def and_also(self, other: "Needed") -> "Needed":
        """What either needs."""
        return Needed(self.tables | other.tables, self.codes | other.codes, self.uncoded | other.uncoded)

    def as_json(self) -> Mapping[str, Sequence[Any]]:
        """For the manifest."""
        return {name: sorted(getattr(self, name)) for name in ("tables", "codes", "uncoded")}

    @classmethod
    def from_json(cls, said: Mapping[str, Sequence[Any]]) -> Self:
        """What `as_json` made."""
        return cls(frozenset(said["tables"]), frozenset(Coding(*coding) for coding in said["codes"]), frozenset(said["uncoded"]))


def covers(kept: Needed | None, asked: Needed | None) -> bool:
    """Whether what is ``kept`` is all that is ``asked`` for; ``None`` is everything."""
    if kept is None or asked is None:
        return kept is None
    return kept.and_also(asked) == kept


def together(kept: Needed | None, asked: Needed | None) -> Needed | None:
    """What covers both."""
    return None if kept is None or asked is None else kept.and_also(asked)
