"""``almoner sweep``: everybody, evaluated and published."""

from datetime import date
from pathlib import Path

import click

from fhir_adapters.report import render
from plugin.cli import options
from plugin.cli.progress import steps
from plugin.sweep.published import Published
from plugin.sweep.run import run_sweep
from rules.engines import engine
from rules.pack import load_packs


@click.command(name="sweep")
@options.packs
@options.source
@options.as_of
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("state"),
    show_default=True,
    help="Where sweeps are published.",
)
def command(packs: Path, source: str, loaded: str, as_of: date, state: Path) -> None:
    """Evaluate everybody in a folder or on a FHIR server and publish the worklist.

    The worklist that ``almoner serve`` shows is replaced in one step, once everything is written; until then readers see the old one.
    """
    loaded_packs = load_packs(packs)
    with steps(quiet=False) as step:
        data = options.read_source(source, loaded, loaded_packs)
        total = len(data.records) * len(loaded_packs)
        done, counter = step("sweeping", total), iter(range(1, total + 1))
        result = run_sweep(loaded_packs, data.records, as_of, engine("columnar"), Published(state), on_person=lambda: done(next(counter)))
    click.echo("\n".join(render(data.report)), err=True)
    click.echo(f"{result.people:,} people: {result.flagged:,} to act on, {result.unknown:,} more of whom it cannot be told", err=True)
