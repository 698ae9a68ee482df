"""The first arrow of a sweep from a server: everybody exported (Bulk Data) into a folder that later pulls add to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fhir_adapters.errors import PullConflict
from fhir_adapters.pulled import Pulled
from plugin.errors import SettingsUnreadable
from rules.pack import Pack

if TYPE_CHECKING:
    from fhir_adapters.bulk import ExportRequest, Level, Pull, Watching
    from plugin.settings import Settings

SEARCH: Final = "search"
_GROUP: Final = "group/"
_LEVELS: Final[dict[str, "Level"]] = {"patient": "patient", "system": "system"}


@dataclass(frozen=True, slots=True)
class Exports:
    """Which server exports whom, for which rules."""

    name: str
    """Of the settings, or an address."""
    whom: str
    """``patient``, ``system`` or ``group/ID``."""
    packs: tuple[Pack, ...]
    settings: Callable[[], "Settings"]

    def into(self, folder: Path, watching: "Watching", *, full: bool) -> Pulled:
        """Bring into ``folder`` what changed since the last time, or everything; an export that was begun before is ended first.

        Raises:
            EhrUnavailable: the server cannot be asked any further; the next call goes on from there.
            PullConflict: the server makes no such export.
        """
        # Most sweeps read files, and need nothing of what speaks to servers.
        from fhir_adapters.bulk import VERSIONS, ExportRequest, Options, Pending, Pull, Retries
        from fhir_adapters.transport import origin
        from plugin.servers.exporting import as_it_likes, exporter, types_read, with_forms

        group = self.whom.removeprefix(_GROUP) if self.whom.startswith(_GROUP) else ""
        request = ExportRequest(types=types_read(self.packs), level="group" if group else _LEVELS[self.whom], group=group)
        found = exporter(self.settings, self.name, request)
        request, anew, why = as_it_likes(with_forms(request, found.capability), found.vendor, None, full=full)
        request = replace(request, partial="allowPartialManifests" in VERSIONS[request.version].parameters)
        if why:
            watching.say(f"note: {why}")
        server = self.settings().servers.get(self.name)
        hosts = tuple(origin(url) for url in server.file_hosts) if server else ()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Pull(found.server, folder, Options(hosts, retries=Retries(longest=found.vendor.bulk.longest_wait), watching=watching)) as pull:
            _begin(pull, request, full=anew)
            pulled = pull.run()
        assert not isinstance(pulled, Pending)  # noqa: S101 it waits
        return pulled


def _begin(pull: "Pull", request: "ExportRequest", *, full: bool) -> None:
    """What an earlier sweep asked for in other words is not thrown away: the server has made it."""
    try:
        pull.begin(request, full=full)
    except PullConflict:
        if not pull.unfinished():
            raise
        pull.run()
        pull.begin(request, full=full)


def exports(name: str, chosen: str | None, packs: tuple[Pack, ...], settings: Callable[[], "Settings"]) -> Exports | None:
    """Who is exported, as the command says, else as the settings of the server say; ``None``: nobody, for the source is read otherwise.

    Raises:
        SettingsUnreadable: that is no way to export.
    """
    server = None if Path(name).exists() else settings().servers.get(name)
    whom = chosen or (server.export if server else SEARCH)
    if whom == SEARCH:
        return None
    if whom not in _LEVELS and not (whom.startswith(_GROUP) and whom != _GROUP):
        raise SettingsUnreadable(f"'{whom}' does not say who is exported: patient, system, group/ID, or search")
    return Exports(name, whom, packs, settings)
