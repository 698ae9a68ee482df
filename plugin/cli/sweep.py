"""``almoner sweep``: everybody, evaluated and published."""

import os
from datetime import date
from pathlib import Path

import click

from fhir_adapters.report import render
from plugin.cli import options
from plugin.cli.progress import steps
from plugin.sweep.gates import FEWER, QUARANTINED, Limits
from plugin.sweep.landing import Source
from plugin.sweep.pipeline import Asked, result_of
from plugin.sweep.sweeping import sweep
from rules.pack import load_packs

_EVERYTHING = 100.0


@click.command(name="sweep")
@options.packs
@options.source
@options.as_of
@options.config
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), show_default="state of the settings", help="Where sweeps are published."
)
@click.option("--full", is_flag=True, help="Read everything anew, and begin anew what was left unfinished.")
@click.option(
    "--processes", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default="the processors", help="Buckets at one time."
)
@click.option("--bucket", type=click.IntRange(min=1), default=10_000, show_default=True, help="People in memory at one time, about.")
@click.option("--memory", default="512MB", show_default=True, metavar="SIZE", help="Of the database, for each process.")
@click.option(
    "--max-quarantined",
    type=click.FloatRange(0, _EVERYTHING),
    default=_EVERYTHING * QUARANTINED,
    show_default=True,
    metavar="PERCENT",
    help="Publish nothing if more of the resources of one type cannot be used.",
)
@click.option("--fewer-people", is_flag=True, help="It is right that there are far fewer people than in the last sweep.")
def command(
    packs: Path,
    source: str,
    loaded: str,
    as_of: date,
    config: Path | None,
    state: Path | None,
    full: bool,
    processes: int,
    bucket: int,
    memory: str,
    max_quarantined: float,
    fewer_people: bool,
) -> None:
    """Evaluate everybody in a folder or on a FHIR server and publish the worklist, and what changed since the last time.

    The sweep that ``almoner serve`` shows is replaced in one step, once everything is written and checked; until then readers see the
    old one. It may be ended at any moment: the same command goes on where it was. What was read is kept in a warehouse, so that of a
    folder into which ``almoner pull`` pulls only what is new is read the next time. Exits with 1 if nothing was published.
    """
    settings = options.settings(config, state=state)
    loaded_packs = load_packs(packs)
    types = frozenset(filter(None, (name.strip() for name in loaded.split(","))))
    asked = Asked(
        source=Source(source, types, read=lambda: options.read_source(source, loaded, loaded_packs)),
        packs=loaded_packs,
        as_of=as_of,
        state=settings.state,
        full=full,
        processes=processes,
        bucket=bucket,
        memory=memory,
        limits=Limits(quarantined=max_quarantined / _EVERYTHING, fewer=1.0 if fewer_people else FEWER),
    )
    with steps(quiet=False) as step:
        manifest, report = sweep(asked, settings.database_url, step)
    if report:
        click.echo("\n".join([*render(report), *report.notes]), err=True)
    told = f"{manifest['people']:,} people: {manifest['flagged']:,} to act on, {manifest['unknown']:,} more of whom it cannot be told"
    click.echo(told, err=True)
    if manifest["compared_with"]:
        found = result_of(manifest)["differences"]
        click.echo("since the last sweep: " + ", ".join(f"{count:,} {kind}" for kind, count in found.items()), err=True)
