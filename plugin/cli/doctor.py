"""``almoner doctor``: what works on this machine and what does not."""

import platform
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

import rules
from plugin.cli import options
from plugin.settings import Settings
from rules.engines import ENGINES, engine
from rules.engines.rete import why_unavailable
from rules.errors import ExitCode

_OTHERS = [name for name in ENGINES if name != "reference"]


@click.command(name="doctor")
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(_OTHERS),
    help="Hold this engine against the reference, cell by cell.",
)
@click.option("--comparisons", type=click.IntRange(min=1), default=5_000, show_default=True, help="How many answers, for --engine.")
@click.option("--seed", default="doctor", show_default=True, help="Another seed makes other rules and people, for --engine.")
@click.option("--server", metavar="NAME", help="Examine this FHIR server of the settings: what it can do, what the packs need of it.")
@click.option("--sheet", is_flag=True, help="With --server: print what its operator needs to register Almoner there (Markdown).")
@click.option("--packs", type=click.Path(path_type=Path), help="For --server: the packs in use, if not those of the settings.")
@options.config
@click.pass_context
def command(
    context: click.Context,
    engine_name: str | None,
    comparisons: int,
    seed: str,
    server: str | None,
    sheet: bool,
    packs: Path | None,
    config: Path | None,
) -> None:
    """Say what works on this machine and what does not. Exits with 1 if something that Almoner needs is missing.

    With --server, a FHIR server is asked what it can do and for a token; 4: it refused, or cannot be reached. Nothing is written there,
    and no data about a person is read.

    With --engine, rules of every construct are made up, and people whose records lack whatever records lack: what the engine says
    about them must be what the language means. Exits with 1 if one cell differs.
    """
    if engine_name is not None:
        if _differing(engine_name, comparisons, seed):
            context.exit(ExitCode.ANSWER_IS_NO)
        return
    if server is not None:
        context.exit(_server(options.settings(config, packs=packs), server, sheet=sheet))
    rows = [_python(), _rules(), _durable(), *(_library(name) for name in ("duckdb", "flask", "fhir.resources", "requests", "pyyaml"))]
    _tell(rows)
    if any(fine is False for fine, _, _ in rows):
        context.exit(ExitCode.ANSWER_IS_NO)


def _tell(rows: Sequence[tuple[bool | None, str, str]]) -> None:
    width = max(16, *(len(what) for _, what, _ in rows))
    for fine, what, note in rows:
        click.echo(f"{'ok  ' if fine else 'MISS' if fine is False else 'note'}  {what:<{width}} {note}")


def _server(settings: Settings, name: str, *, sheet: bool) -> int:
    from plugin.cli.server_report import registration_sheet, report

    if sheet:
        click.echo(registration_sheet(settings, name, settings.packs), nl=False)
        return ExitCode.FINE
    rows, code = report(settings, name, settings.packs)
    _tell(rows)
    return code


def _differing(name: str, comparisons: int, seed: str) -> int:
    """Compare, say how it goes, and return the number of cells that differ."""
    from rules.conformance.run import conformance

    chosen = engine(name)
    compared = cells = differing = 0
    with closing(chosen):
        for world in conformance(chosen, comparisons, seed):
            compared, cells, differing = compared + world.comparisons, cells + world.cells, differing + world.differing
            if world.report:
                click.echo(world.report)
    click.echo(f"{name}: {compared:,} answers, {cells:,} cells compared with reference: {differing:,} differ")
    return differing


def _python() -> tuple[bool | None, str, str]:
    return sys.version_info >= (3, 11), "Python", platform.python_version()


def _rules() -> tuple[bool | None, str, str]:
    return True, "rules", f"almoner's own, in {Path(rules.__file__).parent.name}/ (not PyPI's django-rules)"


def _durable() -> tuple[bool | None, str, str]:
    """Missing durable_rules is a note: everything else works without it."""
    reason = why_unavailable()
    return (
        (None, "durable engine", f"{reason}; CDS Hooks answers come from the reference engine alone")
        if reason
        else (True, "durable engine", version("durable-rules"))
    )


def _library(name: str) -> tuple[bool | None, str, str]:
    try:
        return True, name, version(name)
    except PackageNotFoundError:
        return False, name, "not installed: run make install"
