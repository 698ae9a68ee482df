"""``almoner cds try`` and ``setup-sheet``: cards on trial, and what an EHR has to be told."""

from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from fhir_adapters.errors import SourceUnreadable
from plugin.cli import options
from rules.errors import ExitCode
from rules.pack import Pack, load_packs

if TYPE_CHECKING:
    from plugin.cds.clients.client import Client
    from rules.facts import PersonRecord


def _client(name: str) -> "Client":
    """A client of the settings, else one of a profile with nothing configured."""
    from plugin.cds.clients.client import Client, clients
    from plugin.cds.clients.profile import known_profiles, profile
    from plugin.settings import ClientSettings, Settings

    configured = {client.name: client for client in clients(Settings())}
    if name in configured:
        return configured[name]
    if name not in known_profiles():
        known = ", ".join([*configured, *known_profiles()])
        raise click.UsageError(f"there is no client or profile called '{name}'; there are: {known}")
    return Client(name, profile(name), ClientSettings(profile=name))


@click.command(name="try")
@click.argument("request", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--client", "name", default="generic", show_default=True, metavar="NAME|PROFILE", help="Who is to show the cards.")
@options.packs
@click.option("--source", help="Read the patient from a folder of FHIR files or a server instead of the request's prefetch.")
@click.option("--loaded", default="", metavar="TYPES", help="Resource types of which the source has none, though it was asked.")
@options.as_of
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page with the cards.")
@click.pass_context
def try_(
    context: click.Context, request: Path, name: str, packs: Path, source: str | None, loaded: str, as_of: date, page: Path | None
) -> None:
    """Show the cards that REQUEST, the JSON of a hook call, gets, as a client would show them. Exits with 1 if a card is not valid."""
    from rich.console import Console

    from plugin.cds.advice import advise
    from plugin.cds.clients.limits import limit_problems
    from plugin.cds.compiler import compile_card
    from plugin.cds.preview.terminal import as_html, print_card
    from plugin.cds.preview.view import shown
    from plugin.cds.validate import response_problems
    from rules.engines import engine

    client, read = _client(name), load_packs(packs)
    advice = advise(read, _record(request, source, loaded, read, client, as_of), as_of, engine("reference"), client.max_cards)
    numbers = count(1)
    compiled = [compile_card(each, client, lambda: f"trial-{next(numbers)}") for each in advice]
    problems = [
        problem for each in compiled for problem in response_problems({"cards": [each.card]}) or limit_problems(each.card, client.profile)
    ]
    views = [shown(each.card, each.lost, client) for each in compiled]
    console = Console(highlight=False)
    for view in views:
        print_card(console, view)
    click.echo(f"{len(views)} card{'' if len(views) == 1 else 's'} as of {as_of} for {client.profile.title}")
    if page:
        page.write_text(as_html(views, f"Cards for {client.profile.title}", client.settings.language), encoding="utf-8")
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        context.exit(ExitCode.ANSWER_IS_NO)


def _record(request: Path, source: str | None, loaded: str, packs: tuple[Pack, ...], client: "Client", as_of: date) -> "PersonRecord":
    """What is known about the patient of a call: what came with it, or what the source says."""
    from plugin.cds.gathering import PatientUnavailable, gather
    from plugin.cds.hooks import HOOKS
    from plugin.cds.request import BadCall, parse_call
    from plugin.cds.services import services

    try:
        call = parse_call(_json(request), *HOOKS)
    except BadCall as wrong:
        raise SourceUnreadable(f"{request}: {wrong}") from None
    if source is None:
        asked = next((each.templates(client.profile.prefetch_tokens) for each in services(packs) if each.hook.name == call.hook), None)
        if asked is None:
            raise SourceUnreadable(f"{request}: no rule of these packs is for the hook {call.hook}")
        try:
            return gather(call, asked, None, as_of, client.profile.null_means).record
        except PatientUnavailable as missing:
            raise SourceUnreadable(
                f"{request}: the prefetch lacks {', '.join(missing.keys)}; say --source to read the patient there"
            ) from None
    found = [record for record in options.read_source(source, loaded, packs).records if record.person.id == call.patient]
    if not found:
        raise SourceUnreadable("the source has no Patient with the id of the request")
    return found[0]


def _json(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise SourceUnreadable(f"{file}: this is not JSON") from None


@click.command(name="setup-sheet")
@click.option("--client", "name", required=True, metavar="NAME|PROFILE", help="A client of the settings, or a profile.")
@options.packs
def setup_sheet(name: str, packs: Path) -> None:
    """Print what an analyst types into the EHR: addresses, prefetch, tokens, topics, orders, links, reasons."""
    from plugin.cds.clients.setup_sheet import setup_sheet as sheet
    from plugin.cds.services import offered_to, services
    from plugin.settings import Settings

    loaded, client, chosen = load_packs(packs), _client(name), Settings()
    offered = offered_to(client.profile, services(loaded, directory=bool(chosen.cds.directory)))
    click.echo(sheet(client, offered, loaded, chosen.public_url), nl=False)
