"""What there is to say about a pack, in FHIR's words, before any resource is made."""

from dataclasses import dataclass

from rules.facts import Coding


@dataclass(frozen=True, slots=True)
class CodeSet:
    """A named set of codes."""

    name: str
    codes: tuple[Coding, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """What a recommendation rests on."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Referral:
    """The service that a recommendation asks for, and the kinds of partner that can give it."""

    partners: tuple[str, ...]
    category: str
    service: Coding
    display: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A rule whose findings are shown to people. ``id`` is also the name of the CQL expression that says whether it applies."""

    id: str
    title: str
    description: str
    text: str
    priority: str
    """FHIR RequestPriority: routine, urgent, asap or stat."""
    citations: tuple[Citation, ...]
    referral: Referral | None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the pack was made from; ``path`` is relative to the pack."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A pack. ``date`` is the day of its last revision (ISO 8601); ``in_use`` whether its rules are meant for patients yet."""

    title: str
    description: str
    publisher: str
    date: str
    in_use: bool
    cql: str
    outputs: tuple[tuple[str, str], ...]
    """Name and FHIR type of each expression that others may ask for."""
    resource_types: tuple[str, ...]
    """The types of resources that the expressions read."""
    sources: tuple[Source, ...]
    code_sets: tuple[CodeSet, ...]
    recommendations: tuple[Recommendation, ...]
    """The most pressing first."""
