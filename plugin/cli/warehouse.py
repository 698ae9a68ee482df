"""``almoner warehouse``: people and events kept between pulls."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from fhir_adapters.pulled import read_pulled
from fhir_adapters.report import render
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export, load_pulled
from fhir_adapters.warehouse.snapshot import Snapshot, current
from plugin.sweep.needs import needed_by
from rules.pack import load_packs

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


@click.group(name="warehouse")
def command() -> None:
    """Keep people and events between pulls, so that only what changed is read again."""


@command.command(name="load")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--into", required=True, type=click.Path(file_okay=False, path_type=Path), help="The warehouse; made if missing.")
@click.option(
    "--at", type=click.DateTime(_TIMES), help="As of when the files are, unless their manifest.json says so (UTC without a zone)."
)
@click.option("--since", type=click.DateTime(_TIMES), help="The files hold only what changed since then; without it, everything.")
@click.option(
    "--types", default="", metavar="TYPES", help="Resource types that were asked for, such as Task,Goal, though no file may hold any."
)
@click.option(
    "--for",
    "packs",
    type=click.Path(path_type=Path, exists=True),
    metavar="PACKS",
    help="Keep only what these rules can look at; other rules are then told that it is not all there.",
)
def load(folder: Path, into: Path, at: datetime | None, since: datetime | None, types: str, packs: Path | None) -> None:
    """Load a folder of Bulk Data files: one that `almoner pull` keeps, or any other.

    Of a pulled one only what is new since the last load is read. Of others files below deleted/ say what is to be deleted. Readers see
    the warehouse as it was until everything is in.
    """
    habits = Habits(needed=needed_by(load_packs(packs)) if packs else None)
    if read_pulled(folder):
        if at or since or types:
            raise click.UsageError("what was pulled says itself as of when it is, since when, and what was asked for")
        loaded = load_pulled(into, folder, habits)
    else:
        asked = frozenset(filter(None, (name.strip() for name in types.split(","))))
        loaded = load_export(into, export_in(folder, at=_zoned(at), since=_zoned(since), types=asked), habits)
    click.echo("\n".join([*render(loaded.report), *loaded.report.notes]), err=True)
    changes = f"rows written: {loaded.written:,}; resources removed: {loaded.removed:,}, unchanged: {loaded.unchanged:,}"
    click.echo(f"{changes} -> {into}, snapshot {loaded.snapshot.number}", err=True)


@command.command(name="show")
@click.argument("warehouse", type=click.Path(path_type=Path, exists=True, file_okay=False))
def show(warehouse: Path) -> None:
    """Say what a warehouse holds, after checking every file of it."""
    with current(warehouse) as snapshot:
        click.echo("\n".join(_described(snapshot)))


def _zoned(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _described(snapshot: Snapshot) -> Iterator[str]:
    yield f"snapshot {snapshot.number} of {snapshot.written}: {len(snapshot.files)} files, all as they were written"
    if snapshot.needed:
        yield f"kept: of {', '.join(sorted(snapshot.needed.tables))} what carries one of {len(snapshot.needed.codes):,} codes"
    for kind in sorted({file.kind for file in snapshot.files}):
        files = snapshot.of_kind(kind)
        yield f"{kind:<8} {sum(f.rows for f in files):>12,} rows {sum(f.bytes for f in files):>14,} bytes in {len(files)} files"
    for name, state in sorted(snapshot.types.items()):
        known = datetime.fromtimestamp(state.watermark / 1_000_000, UTC).isoformat() if state.watermark is not None else "never"
        yield f"{name}: {'loaded' if state.loaded else f'not loaded ({state.reason})'}, complete as of {known}"
