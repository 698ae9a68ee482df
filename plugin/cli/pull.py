"""``almoner pull``: a server's population by Bulk Data export, into a folder that other commands read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fhir_adapters.bulk import VERSIONS, ExportRequest, Level, Options, Pending, Pull, Retries, Watching
from fhir_adapters.pulled import Pulled
from fhir_adapters.transport import origin
from fhir_adapters.vendors import Vendor
from fhir_adapters.warehouse.ingest.beforehand import Shelf
from plugin.cli import options
from plugin.cli.progress import steps
from plugin.servers.exporting import ADDRESSES, as_it_likes, exporter, types_read, watching, with_forms
from rules.errors import ExitCode
from rules.pack import load_packs


class Instant(click.ParamType[str]):
    """A moment with its zone, as FHIR writes it; a day means its beginning in UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """``2026-11-22`` → ``2026-11-22T00:00:00Z``."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a moment such as 2026-11-22T06:00:00Z", param, ctx)
        if moment.tzinfo is None and len(value) > len("2026-11-22"):
            self.fail(f"'{value}' has no zone: add Z or an offset", param, ctx)
        return value if moment.tzinfo else f"{value}T00:00:00Z"


@click.command(name="pull")
@options.packs
@options.config
@click.option("--server", "name", required=True, metavar="NAME|URL", help="A FHIR server of the settings, or the base URL of one.")
@click.option("--into", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder; it keeps its state there.")
@click.option("--group", default="", metavar="ID", help="Only the people in this Group.")
@click.option("--system", is_flag=True, help="The whole server, and not only what belongs to patients.")
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", show_default="what the packs read", help="A resource type; may be repeated."
)
@click.option("--since", type=Instant(), help="What changed since then, whatever was pulled before.")
@click.option("--until", type=Instant(), help="What changed up to then.")
@click.option("--full", is_flag=True, help="Everything anew, and not only what changed since the last pull.")
@click.option("--type-filter", "filters", multiple=True, metavar="SEARCH", help="Such as 'Observation?category=survey'; may be repeated.")
@click.option("--elements", default="", metavar="NAMES", help="Only these elements, such as Patient.id,Patient.birthDate.")
@click.option("--organize-by", default="", metavar="TYPE", help="Files by instances of this type instead of one type to a file.")
@click.option("--partial", is_flag=True, help="Take files before the server has made them all.")
@click.option("--post", is_flag=True, help="Ask by POST.")
@click.option("--bulk-version", type=click.Choice(list(VERSIONS)), show_default="the vendor's", help="What the server understands.")
@click.option("--file-host", "hosts", multiple=True, metavar="URL", help="A host on which files may lie; it never gets the token.")
@click.option("--parallel", type=click.IntRange(1, 10), default=4, show_default=True, help="Files at one time.")
@click.option("--token-file", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="A file that holds a bearer token.")
@click.option("--resume", is_flag=True, help="Only go on with what was begun.")
@click.option("--cancel", is_flag=True, help="Give up what was begun, here and on the server.")
@click.option("--no-wait", is_flag=True, help="Do what can be done now, and end; exits with 1 if there is more to come.")
@click.pass_context
def command(context: click.Context, /, packs: Path, name: str, into: Path, config: Path | None, **given: Any) -> None:
    """Export a population from a FHIR server (Bulk Data) into a folder for --source.

    The first pull brings everything, later ones what has changed since. It may be ended at any moment: the same command goes on where it
    was. Exits with 1 if something that was asked for is not here; the rules then answer unknown about it.
    """
    if given["group"] and given["system"]:
        raise click.UsageError("--group and --system exclude each other")
    request = _request(packs, given)
    found = exporter(lambda: options.settings(config), name, request, given["token_file"])
    if not given["types"] and not given["resume"]:
        request = with_forms(request, found.capability)
    request, full, why = as_it_likes(request, found.vendor, given["bulk_version"], full=given["full"])
    if why:
        _say(f"note: {why}")
    with steps(quiet=False) as step, Pull(found.server, into, _options(given, watching(step, _say), found.vendor)) as pull:
        if given["cancel"]:
            click.echo(f"{pull.cancel()} export(s) given up", err=True)
            Shelf(into).clear()
            return
        if not given["resume"]:
            pull.begin(request, full=full)
        result = pull.run(wait=not given["no_wait"])
    context.exit(_told(result, into))


def _request(packs: Path, given: dict[str, Any]) -> ExportRequest:
    level: Level = "group" if given["group"] else "system" if given["system"] else "patient"
    named = {part.strip() for value in given["types"] for part in value.split(",") if part.strip()}
    return ExportRequest(
        types=tuple(sorted(named)) or types_read(load_packs(packs)),
        level=level,
        group=given["group"],
        since=given["since"] or "",
        until=given["until"] or "",
        type_filters=given["filters"],
        elements=tuple(filter(None, given["elements"].split(","))),
        organize_by=given["organize_by"],
        partial=given["partial"],
        post=given["post"],
    )


def _options(given: dict[str, Any], watched: Watching, vendor: Vendor) -> Options:
    for url in given["hosts"]:
        if not url.startswith(ADDRESSES):
            raise click.BadParameter(f"'{url}' is no address: it begins with https://", param_hint="--file-host")
    return Options(
        hosts=tuple(origin(url) for url in given["hosts"]),
        parallel=given["parallel"],
        retries=Retries(longest=vendor.bulk.longest_wait),
        watching=watched,
    )


def _say(text: str) -> None:
    click.echo(text, err=True)


def _told(result: Pulled | Pending, into: Path) -> ExitCode:
    """Say what came of it."""
    if isinstance(result, Pending):
        moment = datetime.fromtimestamp(result.next_at, UTC).astimezone()
        said = f" ({result.progress})" if result.progress else ""
        click.echo(f"the server is not ready{said}; run this again after {moment:%Y-%m-%d %H:%M:%S}", err=True)
        return ExitCode.ANSWER_IS_NO
    for note in result.notes:
        click.echo(f"note: {note}", err=True)
    for type, reason in result.withheld.items():
        click.echo(f"not loaded: {type} ({reason})", err=True)
    resources = sum(file.lines for file in result.files if file.kind == "output")
    click.echo(f"{resources:,} resources in {len(result.files):,} files -> {into}", err=True)
    return ExitCode.ANSWER_IS_NO if result.withheld else ExitCode.FINE
