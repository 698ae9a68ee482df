"""Options that several commands share, and how their values are read."""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from plugin.errors import SettingsUnreadable
from rules.engines import ENGINES
from rules.pack import BUILT_IN, Pack

if TYPE_CHECKING:
    from fhir_adapters import Dataset
    from plugin.access import Scope
    from plugin.settings import Settings

BASE: Final = "http://example.org/fhir"
"""Start of canonical URLs, as long as nobody says a better one."""

_F = TypeVar("_F", bound=Callable[..., Any])


class Day(click.ParamType[date]):
    """A full date."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """``2026-11-22`` → a date."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a date such as 2026-11-22", param, ctx)


def packs(function: _F) -> _F:
    """``--packs``."""
    return click.option(
        "--packs",
        type=click.Path(path_type=Path),
        default=BUILT_IN,
        show_default="the packs that come along",
        help="A folder of packs, one pack, or one rule file.",
    )(function)


def source(function: _F) -> _F:
    """``--source`` and ``--loaded``."""
    function = click.option(
        "--source",
        required=True,
        help="A folder of FHIR files (NDJSON, Bundles, resources; gzipped or not), a warehouse, the name of a FHIR server of the "
        "settings, or the base URL of an open one.",
    )(function)
    return click.option(
        "--loaded",
        default="",
        metavar="TYPES",
        help="Resource types of which the source has none, though it was asked, such as ServiceRequest,Goal: their absence is then a no.",
    )(function)


def as_of(function: _F) -> _F:
    """``--as-of``."""
    return click.option(
        "--as-of",
        type=Day(),
        default=lambda: datetime.now(UTC).astimezone().date(),
        show_default="today",
        help="As things stood on this day.",
    )(function)


def engine(default: str) -> Callable[[_F], _F]:
    """``--engine``."""
    return click.option(
        "--engine", "engine_name", type=click.Choice(list(ENGINES)), default=default, show_default=True, help="All give the same answers."
    )


def config(function: _F) -> _F:
    """``--config``."""
    return click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Settings file; see config/almoner.yaml. ALMONER_CONFIG names it as well.",
    )(function)


def settings(config: Path | None, **given: Any) -> "Settings":
    """The settings of a file, of the environment, and those ``given`` that are not ``None``. Raises `SettingsUnreadable`."""
    # Most commands need none; what reads them takes a while to import.
    from pydantic import ValidationError
    from pydantic_settings import SettingsError
    from yaml import YAMLError

    from plugin.settings import Settings

    if config:
        os.environ["ALMONER_CONFIG"] = str(config)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as wrong:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong.errors(include_input=False, include_context=False)]
        raise SettingsUnreadable("the settings are wrong\n" + "\n".join(lines)) from None
    except (YAMLError, SettingsError) as wrong:
        raise SettingsUnreadable(f"the settings cannot be read ({type(wrong).__name__}): is the file YAML, and no list?") from None


def shell() -> "Scope":
    """Whoever has a shell here, by the name of the operating system."""
    from plugin.access import Role, Scope

    return Scope(f"shell:{getuser()}", Role.SYSTEM)


def read_source(source: str, loaded: str, packs: Iterable[Pack]) -> "Dataset":
    """Everybody in a folder, on an open FHIR server, or on a server of the settings: of that, only what ``packs`` read."""
    # Imported here: commands that read no source need no web client.
    from fhir_adapters import read_directory, read_patients
    from fhir_adapters.warehouse import is_warehouse

    types = frozenset(filter(None, (name.strip() for name in loaded.split(","))))
    if source.startswith(("http://", "https://")):
        return read_patients(source)
    if is_warehouse(Path(source)):
        from fhir_adapters.warehouse.read import read_warehouse
        from plugin.sweep.needs import needed_by

        return read_warehouse(Path(source), asked=needed_by(packs))
    if Path(source).exists():
        return read_directory(Path(source), loaded=types)
    found = settings(None)
    if source not in found.servers:
        return read_directory(Path(source), loaded=types)
    from plugin.servers.opening import open_server

    opened = open_server(found, source, packs)
    return read_patients(opened.server, types=opened.needs, plan=opened.plan())
