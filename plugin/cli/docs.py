"""``almoner docs``: a page about each rule."""

from pathlib import Path

import click

from plugin.cli.output import write_lines
from rules.pack import load_packs
from rules.pages import pages


@click.command(name="docs")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the pages.")
def command(path: Path, out: Path) -> None:
    """Write a Markdown page about each rule in PATH, and an index, into a folder.

    The pages are computed from the rules: when each says yes, what it reads, what it rests on, its source attributes and its examples.
    """
    written = pages(load_packs(path))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        write_lines(out / name, text.rstrip("\n").split("\n"))
    click.echo(f"{len(written)} pages -> {out}", err=True)
