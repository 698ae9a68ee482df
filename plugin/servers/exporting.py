"""A server's population by Bulk Data export: what is asked for, in the words that the server understands."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fhir_adapters.bulk import LIMITS, ExportRequest, Watching
from fhir_adapters.capability import Capability, read_capability
from fhir_adapters.errors import EhrUnavailable, PullConflict
from fhir_adapters.mapping import MAPPED_TYPES, beside
from fhir_adapters.smart.scopes import READ
from fhir_adapters.transport import FhirServer, Given
from fhir_adapters.vendors import GENERIC, Vendor
from plugin.servers.opening import open_for
from plugin.settings import Settings
from rules.facts import TABLES
from rules.pack import Pack

ADDRESSES: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Exporter:
    """A server that is to export, with the habits of its kind, and how to ask it what it can do."""

    server: FhirServer
    vendor: Vendor
    capability: Callable[[], Capability]


def exporter(settings: Callable[[], Settings], name: str, request: ExportRequest, token_file: Path | None = None) -> Exporter:
    """The server called ``name`` in the settings, or at that address, for reading what is asked for."""
    if name.startswith(ADDRESSES):
        authority = Given(lambda: token_file.read_text(encoding="utf-8").strip()) if token_file else None
        server = FhirServer(name, authority=authority, limits=LIMITS)
        return Exporter(server, GENERIC, lambda: read_capability(server))
    done = dict.fromkeys((*request.types, *_forms(request.types), *(["Group"] if request.group else [])), READ)
    opened = open_for(settings(), name, done, limits=LIMITS)
    return Exporter(opened.server, opened.vendor, opened.capability)


def types_read(packs: Iterable[Pack]) -> tuple[str, ...]:
    """The resource types that the rules of the packs read, with the people themselves and what those resources only refer to."""
    tables = {table for pack in packs for series in pack.program.series() for table in series.tables}
    types = {"Patient", *(name for table in tables for name in TABLES[table].resource_types)} & MAPPED_TYPES
    return tuple(sorted(types | beside(types)))


def with_forms(request: ExportRequest, capability: Callable[[], Capability]) -> ExportRequest:
    """With the forms, if the server says that it has them: many do not. One that says nothing about itself is not asked for them."""
    if not _forms(request.types):
        return request
    try:
        known = capability().types
    except EhrUnavailable as error:
        if error.again:
            raise
        return request
    return replace(request, types=tuple(sorted({*request.types, *(name for name in _forms(request.types) if name in known)})))


def as_it_likes(request: ExportRequest, vendor: Vendor, version: str | None, *, full: bool) -> tuple[ExportRequest, bool, str]:
    """In the words that the server understands, unless ``version`` says which; whether everything is pulled anew, and why if it must be.

    Raises `PullConflict` if it does no such export.
    """
    bulk = vendor.bulk
    if bulk.version == "none":
        raise PullConflict("this server does not serve exports over FHIR; read it with --source NAME instead")
    if request.level not in bulk.levels:
        raise PullConflict(f"this server makes {' and '.join(bulk.levels)} exports only: say --group ID or --system")
    request = replace(request, version=version or bulk.version, post=request.post or bulk.by_post)
    whole = vendor.incremental() or (None if bulk.since else f"exports of {vendor.title} do not heed _since")
    if whole is None:
        return request, full, ""
    return replace(request, since="", until=""), True, f"{whole}: everything is pulled anew"


def watching(step: Callable[[str, int], Callable[[int], None]], say: Callable[[str], None]) -> Watching:
    """A step of a progress bar for the files of each export, and a word for what else happens."""
    bars: dict[int, Callable[[int], None]] = {}

    def files(done: int, total: int) -> None:
        if total not in bars:
            bars[total] = step("downloading files", total)
        bars[total](done)

    return Watching(say=say, files=files)


def _forms(types: Collection[str]) -> tuple[str, ...]:
    """The type of the forms that answers among ``types`` are given to: what was asked may only be said there."""
    return ("Questionnaire",) if "QuestionnaireResponse" in types else ()
