"""``almoner sweep``: everybody, evaluated and published."""

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_adapters.report import render
from plugin.cli import options
from plugin.cli.progress import steps
from plugin.outreach.taking import take_published
from plugin.sweep.bands import Action, Bands
from plugin.sweep.describing import result_of
from plugin.sweep.gates import FEWER, QUARANTINED, Limits
from plugin.sweep.landing import Source
from plugin.sweep.pipeline import Asked
from plugin.sweep.pulling import exports
from plugin.sweep.sweeping import sweep
from rules.pack import load_packs

if TYPE_CHECKING:
    from plugin.settings import SweepSettings

_EVERYTHING = 100.0


@click.command(name="sweep")
@options.packs
@options.source
@options.as_of
@options.config
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), show_default="state of the settings", help="Where sweeps are published."
)
@click.option(
    "--export",
    metavar="WHOM",
    show_default="export of the server's settings",
    help="Let the server export (Bulk Data) patient, system or group/ID, instead of search.",
)
@click.option("--full", is_flag=True, help="Read everything anew, and begin anew what was left unfinished.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="the processors",
    help="Buckets, and files, at one time.",
)
@click.option("--bucket", type=click.IntRange(min=1), default=20_000, show_default=True, help="People in memory at one time, about.")
@click.option("--memory", default="512MB", show_default=True, metavar="SIZE", help="Of the database, for each process.")
@click.option(
    "--max-quarantined",
    type=click.FloatRange(0, _EVERYTHING),
    default=_EVERYTHING * QUARANTINED,
    show_default=True,
    metavar="PERCENT",
    help="Publish nothing if more of the resources of one type cannot be used.",
)
@click.option("--fhir", "fhir", is_flag=True, help="Publish what was found as FHIR resources too. They are sent nowhere.")
@click.option("--base-url", default=options.BASE, show_default=True, help="Start of every canonical URL in them: an address that is yours.")
@click.option("--fewer-people", is_flag=True, help="It is right that there are far fewer people than in the last sweep.")
@click.option("--other-counts", is_flag=True, help="It is right that rules say yes or unknown of far more, or fewer, people than before.")
def command(
    packs: Path,
    source: str,
    loaded: str,
    as_of: date,
    config: Path | None,
    state: Path | None,
    export: str | None,
    full: bool,
    processes: int,
    bucket: int,
    memory: str,
    max_quarantined: float,
    fhir: bool,
    base_url: str,
    fewer_people: bool,
    other_counts: bool,
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
        source=Source(
            source,
            types,
            read=lambda: options.read_source(source, loaded, loaded_packs),
            exports=exports(source, export, loaded_packs, lambda: settings),
        ),
        packs=loaded_packs,
        as_of=as_of,
        state=settings.state,
        full=full,
        processes=processes,
        bucket=bucket,
        memory=memory,
        fhir=base_url if fhir else "",
        say=lambda text: click.echo(text, err=True),
        limits=Limits(
            quarantined=max_quarantined / _EVERYTHING,
            fewer=1.0 if fewer_people else FEWER,
            bands=_bands(settings.sweep, other_counts=other_counts),
        ),
    )
    with steps(quiet=False) as step:
        manifest, report = sweep(asked, settings.database_url, step)
    taken = take_published(settings.database_url, settings.state, as_of)
    if report:
        click.echo("\n".join([*render(report), *report.notes]), err=True)
    told = f"{manifest['people']:,} people: {manifest['flagged']:,} to act on, {manifest['unknown']:,} more of whom it cannot be told"
    click.echo(told, err=True)
    if manifest["compared_with"]:
        found = result_of(manifest)["differences"]
        click.echo("since the last sweep: " + ", ".join(f"{count:,} {kind}" for kind, count in found.items()), err=True)
    click.echo(f"outreach: {taken['opened']:,} opened, {taken['confirmed']:,} go on, {taken['closed']:,} closed by themselves", err=True)


def _bands(settings: "SweepSettings", *, other_counts: bool) -> Bands:
    """As the settings say; what stops a sweep is only told if it is right."""
    actions: dict[str, Action] = {"firing": settings.firing, "unknown": settings.unknown}
    kept: dict[str, Action] = {name: "warn" if other_counts and action == "stop" else action for name, action in actions.items()}
    return Bands(kept["firing"], settings.probability, kept["unknown"], settings.rise)
