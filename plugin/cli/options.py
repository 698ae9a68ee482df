"""Options that several commands share, and how their values are read."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from fhir_adapters import Dataset, read_directory
from fhir_adapters.search import read_patients
from fhir_adapters.warehouse import is_warehouse
from rules.engines import ENGINES
from rules.pack import BUILT_IN

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
        help="A folder of FHIR files (NDJSON, Bundles, resources; gzipped or not), a warehouse, or the base URL of a FHIR server.",
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


def read_source(source: str, loaded: str) -> Dataset:
    """Everybody in a folder, in a warehouse or on a FHIR server."""
    if source.startswith(("http://", "https://")):
        return read_patients(source)
    if is_warehouse(Path(source)):
        from fhir_adapters.warehouse.read import read_warehouse  # brings a database along, which other sources do not need

        return read_warehouse(Path(source))
    types = frozenset(filter(None, (name.strip() for name in loaded.split(","))))
    return read_directory(Path(source), loaded=types)
