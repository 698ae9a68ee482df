"""``almoner schema``: JSON Schemas for editors."""

from pathlib import Path

import click

from rules.pack import load_packs
from rules.schema import KINDS, file_name, schema_text


@click.command(name="schema")
@click.argument("kind", type=click.Choice(list(KINDS)), default="rule")
@click.option("--pack", "path", type=click.Path(path_type=Path, exists=True), help="A pack whose names the editor should offer.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the schemas of all kinds of file into this folder.")
def command(kind: str, path: Path | None, out: Path | None) -> None:
    """Print the JSON Schema of a kind of file: a rule file unless told otherwise."""
    packs = load_packs(path) if path else ()
    if len(packs) > 1:
        raise click.BadParameter("there are several packs in this folder: name one", param_hint="--pack")
    pack = packs[0] if packs else None
    if out is None:
        click.echo(schema_text(kind, pack), nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    for each in KINDS:
        (out / file_name(each)).write_text(schema_text(each, pack), encoding="utf-8")
