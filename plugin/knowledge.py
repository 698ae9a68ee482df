"""A pack as FHIR knowledge artifacts: what the rules say, handed to the part that speaks FHIR."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fhir_adapters.export import Citation, CodeSet, Identity, Knowledge, Recommendation, Referral, Source, artifacts
from fhir_adapters.export.identity import computer_name
from rules import document as doc
from rules.cql import Names, library_text
from rules.ir import EventFact, FactType
from rules.named_sets import NamedSet, named_sets
from rules.pack import Pack
from rules.reads import resource_types
from rules.source import PACK_FILE

PRIORITIES: Final = {"info": "routine", "warning": "urgent", "critical": "stat"}
"""Indicator of a card → FHIR RequestPriority."""
_TYPES: Final[dict[FactType, str]] = {"yes/no": "boolean", "number": "decimal", "word": "string", "date": "string"}
_PLACE: Final = re.compile(r"\{([^{}]+)\}")
"""A fact whose value a card shows; whoever reads the plan sees its name."""
_UNDATED: Final = "1970-01-01"


@dataclass(frozen=True, slots=True)
class Exported:
    """The resources of a pack, and what people should know that no resource says."""

    resources: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


def export_pack(pack: Pack, base: str) -> Exported:
    """Every artifact of ``pack`` under the canonical URLs that begin with ``base``.

    Raises:
        rules.errors.ExportGap: the pack says what CQL cannot say.
    """
    sets = named_sets(pack.document)
    parts = [*(named.name for named in sets), *(rule.id.text for rule in pack.document.rules)]
    identity = Identity.of(base, pack.document.id, pack.document.version, parts)
    notes = tuple(_notes(pack))
    return Exported(tuple(artifacts(_knowledge(pack, sets, identity, notes), identity)), notes)


def _notes(pack: Pack) -> Iterator[str]:
    for fact in pack.program.facts:
        if isinstance(fact, EventFact) and fact.household:
            yield f"'{fact.name}' is of a household: CQL reads one chart, so what the others have is unknown there"
    for rule in pack.document.rules:
        if not rule.is_in_use:
            yield f"'{rule.id}' is {rule.status}: an expression of the Library, but no action of the PlanDefinition"


def _knowledge(pack: Pack, sets: tuple[NamedSet, ...], identity: Identity, notes: tuple[str, ...]) -> Knowledge:
    document = pack.document
    cql = library_text(pack.program, computer_name(document.id), document.version, _names(sets, identity))
    shown = sorted((rule for rule in document.rules if rule.is_in_use), key=lambda rule: (-rule.priority, rule.id.text))
    return Knowledge(
        title=document.title,
        description="\n".join([f"{document.title}.", *notes]),
        publisher=document.owner,
        date=max((rule.revised or rule.released for rule in document.rules), default=_UNDATED),
        in_use=any(rule.status == "live" for rule in document.rules),
        cql=cql,
        outputs=tuple(_outputs(pack)),
        resource_types=resource_types(pack.program),
        sources=tuple(_sources(pack)),
        code_sets=tuple(CodeSet(named.name, named.codes) for named in sets),
        recommendations=tuple(map(_recommendation, shown)),
    )


def _names(sets: tuple[NamedSet, ...], identity: Identity) -> Names:
    """The first name of each set of codes; another name for the same codes is a ValueSet of its own."""
    urls = {named: identity.url("ValueSet", identity.ids[named.name]) for named in reversed(sets)}
    return {frozenset(named.codes): (named.name, url) for named, url in urls.items()}


def _outputs(pack: Pack) -> Iterator[tuple[str, str]]:
    yield from ((fact.name, _TYPES[fact.type]) for fact in pack.program.facts)
    yield from ((derived.name, "boolean") for derived in pack.program.derived)


def _sources(pack: Pack) -> Iterator[Source]:
    """The files that the pack was loaded from; of a rule without a pack around it, that file alone."""
    shared = [pack.path / PACK_FILE, *sorted((pack.path / "valuesets").glob("*.yaml"))] if (pack.path / PACK_FILE).is_file() else []
    for file in (*shared, *(Path(rule.id.span.path) for rule in pack.document.rules)):
        yield Source(file.absolute().relative_to(pack.path.absolute()).as_posix(), file.read_text(encoding="utf-8"))


def _recommendation(rule: doc.Rule) -> Recommendation:
    return Recommendation(
        id=rule.id.text,
        title=rule.title,
        description=f"{rule.why} Evidence: {rule.grade}. Limitations: {rule.limitations}",
        text=_PLACE.sub(r"[\1]", rule.card.summary.text),
        priority=PRIORITIES[rule.card.indicator],
        citations=tuple(Citation(citation.title, citation.url) for citation in rule.citations),
        referral=_referral(rule.referral) if rule.referral else None,
    )


def _referral(referral: doc.Referral) -> Referral:
    return Referral(referral.partner_types, referral.category, referral.service, referral.display)
