"""``almoner directory``: what partner agencies offer, checked, searched and handed on."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from fhir_adapters.directory import (
    Directory,
    Inquiry,
    Residence,
    Service,
    assemble,
    crosswalk,
    find,
    named_source,
    read_links,
    read_server,
    read_source,
)
from fhir_adapters.directory.fhir_services import TYPES as LISTED_TYPES
from fhir_adapters.directory.finding import STALE_AFTER
from fhir_adapters.report import Report
from fhir_adapters.smart.scopes import READ
from fhir_adapters.transport import FhirServer
from plugin.cli import options
from plugin.cli.output import write_lines
from plugin.directory import Health, counted, match_json, match_lines
from rules.errors import ExitCode

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group(name="directory")
def command() -> None:
    """What partner agencies offer: listings in FHIR and Open Referral HSDS, read into one directory.

    SOURCE is a file or folder (HealthcareService, Organization and Location as NDJSON or Bundles; HSDS 2.0.1 or 3.x as CSV tables or
    JSON), a server of the settings, or the base URL of an open FHIR server. NAME=SOURCE names it.
    """


def _shared(function: _F) -> _F:
    """What every command here asks for."""
    for option in (
        click.option(
            "--links", type=click.Path(path_type=Path), help="CSV file with the columns service,same_as: listings of one service."
        ),
        click.option(
            "--crosswalk",
            "crosswalks",
            multiple=True,
            type=click.Path(path_type=Path),
            help="CSV file that says what terms of your taxonomy mean; see the documentation. May be repeated.",
        ),
        options.as_of,
        click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
    ):
        function = option(function)
    return function


def _load(sources: tuple[str, ...], crosswalks: tuple[Path, ...], links: Path | None, as_of: date) -> tuple[Directory, list[Report]]:
    meanings = crosswalk(*crosswalks)
    read = [_read(source) for source in sources]
    services = [service for listed, _ in read for service in listed]
    return assemble(services, meanings, as_of, read_links(links) if links else ()), [report for _, report in read]


def _read(source: str) -> tuple[list[Service], Report]:
    name, sign, url = source.partition("=")
    if not sign or "/" in name:
        name, url = "server", source
    if url.startswith(("http://", "https://")):
        return read_server(FhirServer(url), name)
    if not Path(url).exists() and url in (found := options.settings(None)).servers:
        from plugin.servers.opening import open_for

        return read_server(open_for(found, url, dict.fromkeys(LISTED_TYPES, READ)).server, name if sign else url)
    return read_source(named_source(source))


@command.command(name="check")
@_shared
@click.option(
    "--stale-days", type=click.IntRange(min=1), default=STALE_AFTER, show_default=True, help="Listings older than this are stale."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(
    context: click.Context,
    sources: tuple[str, ...],
    as_of: date,
    crosswalks: tuple[Path, ...],
    links: Path | None,
    stale_days: int,
    as_json: bool,
) -> None:
    """Say what was read, what could not be used, what the listings leave open, and what is stale.

    Exits with 1 if something was quarantined, is stale or contradicts itself, or if a term is not in the crosswalk.
    """
    found = Health(*_load(sources, crosswalks, links, as_of), as_of, stale_days)
    click.echo(json.dumps(found.numbers(), default=str) if as_json else "\n".join(found.lines()))
    if not found.fine:
        context.exit(ExitCode.ANSWER_IS_NO)


@command.command(name="find")
@_shared
@click.option("--domain", help="The SDOH domain, such as food-insecurity.")
@click.option("--partner", help="The kind of agency, such as 'food bank'.")
@click.option("--postcode", help="Where the person lives.")
@click.option("--county", help="Where the person lives.")
@click.option("--state", help="Where the person lives.")
@click.option("--country", help="Where the person lives.")
@click.option("--area", "areas", multiple=True, help="A further area that the person lives in, by its name. May be repeated.")
@click.option("--age", type=click.FloatRange(0, 150), help="The person's age in years.")
@click.option("--language", help="The person's language: a code such as es, or a name.")
@click.option(
    "--stale-days", type=click.IntRange(min=1), default=STALE_AFTER, show_default=True, help="Listings older than this are stale."
)
@click.option("--all", "everything", is_flag=True, help="Show what was left out, too, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every service and every reason.")
@click.pass_context
def search(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    as_of: date,
    crosswalks: tuple[Path, ...],
    links: Path | None,
    everything: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Say which services may help somebody, and why each is kept or left out.

    A service is left out only for a reason that is known. What a listing does not say is something to ask. Exits with 1 if none is left.
    """
    directory, _ = _load(sources, crosswalks, links, as_of)
    inquiry = _inquiry(directory, as_of, **asked)
    matches = find(directory, inquiry)
    kept = [match for match in matches if match.verdict != "left out"]
    if as_json:
        click.echo(
            json.dumps({"as_of": as_of, "services": [match_json(match, as_of, inquiry.stale_after) for match in matches]}, default=str)
        )
    else:
        for match in matches if everything else kept:
            click.echo("\n".join(match_lines(match, as_of)))
        click.echo(f"{len(kept):,} of {counted(len(matches), 'service')} may help" + ("" if everything else "; --all shows the others"))
    if not kept:
        context.exit(ExitCode.ANSWER_IS_NO)


def _inquiry(directory: Directory, as_of: date, **asked: Any) -> Inquiry:
    for name, known in (("domain", directory.crosswalk.domains), ("partner", directory.crosswalk.partners)):
        if asked[name] is not None and asked[name] not in known:
            raise click.BadParameter(f"'{asked[name]}' is not one of {', '.join(sorted(known))}", param_hint=f"--{name}")
    home = Residence(asked["postcode"], asked["county"], asked["state"], asked["country"], tuple(asked["areas"]))
    return Inquiry(as_of, asked["domain"], asked["partner"], home, asked["age"], asked["language"], asked["stale_days"])


@command.command(name="export")
@_shared
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File for the Bundle.")
def export(sources: tuple[str, ...], as_of: date, crosswalks: tuple[Path, ...], links: Path | None, out: Path) -> None:
    """Write the directory as one FHIR R4 transaction Bundle: HealthcareService, Organization, Location and VerificationResult.

    The same listings get the same ids, so that it can be sent again, and referrals can point to them.
    """
    from fhir_adapters.directory.authoring import bundle

    directory, _ = _load(sources, crosswalks, links, as_of)
    found = bundle(directory)
    write_lines(out, [orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()])
    click.echo(f"{counted(len(found.get('entry', [])), 'resource')} of {counted(len(directory.entries), 'service')} -> {out}", err=True)
