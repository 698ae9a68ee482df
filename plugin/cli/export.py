"""``almoner export``: rules in formats that other systems read."""

from pathlib import Path

import click
import orjson

from plugin.cli import options
from plugin.cli.output import write_lines
from plugin.knowledge import export_pack
from rules.pack import load_packs


@click.group(name="export")
def command() -> None:
    """Hand rules on to other systems."""


@command.command(name="fhir")
@click.argument("path", metavar="PACK", type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the resources.")
@click.option("--base-url", default=options.BASE, show_default=True, help="Start of every canonical URL: an address that is yours.")
def fhir(path: Path, out: Path, base_url: str) -> None:
    """Write PACK as FHIR R4: a Library with CQL, a PlanDefinition, ActivityDefinitions and ValueSets, and manifest.ndjson.

    Exits with 1 and writes nothing if the pack says what CQL cannot say; the message names each fact and construct.
    """
    packs = load_packs(path)
    if len(packs) > 1:
        raise click.BadParameter("there are several packs in this folder: name one", param_hint="PACK")
    exported = export_pack(packs[0], base_url)
    out.mkdir(parents=True, exist_ok=True)
    manifest = []
    for resource in exported.resources:
        file = f"{resource['resourceType']}-{resource['id']}.json"
        write_lines(out / file, [orjson.dumps(resource, option=orjson.OPT_INDENT_2).decode()])
        line = {"file": file, "url": resource["url"], "version": resource["version"]}
        manifest.append(orjson.dumps(line).decode())
    write_lines(out / "manifest.ndjson", manifest)
    for note in exported.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{len(manifest)} resources -> {out}", err=True)
