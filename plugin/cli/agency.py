"""``almoner agency``: let people at partner agencies in."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from plugin.agency.links import invite, withdraw
from plugin.cli import options
from plugin.store import open_store
from plugin.store.versions import ready


@click.group()
def command() -> None:
    """Let people at partner agencies in, and end that."""


@command.command(name="invite")
@click.argument("agency")
@click.option("--name", required=True, help="Who is invited there.")
@options.config
def invite_(agency: str, name: str, config: Path | None) -> None:
    """Make a link for somebody at AGENCY (its key, as almoner directory shows it): send the link, tell the number on the phone."""
    settings = options.settings(config)
    with closing(ready(open_store(settings.database_url))) as store, store.write() as connection:
        try:
            made = invite(connection, options.shell(), agency, name, datetime.now(UTC))
        except ValueError as reason:
            raise click.UsageError(str(reason)) from None
    address = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    click.echo(f"{address}/agency/enter/{made.token}")
    click.echo(f"number: {made.number} (tell it on the phone, not with the link); both until {made.until:%Y-%m-%d}", err=True)


@command.command(name="withdraw")
@click.argument("agency")
@options.config
def withdraw_(agency: str, config: Path | None) -> None:
    """End every link of AGENCY."""
    settings = options.settings(config)
    with closing(ready(open_store(settings.database_url))) as store, store.write() as connection:
        ended = withdraw(connection, options.shell(), agency, datetime.now(UTC))
    click.echo(f"{ended} ended")
