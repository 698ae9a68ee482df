"""``almoner outreach``: from what was published to whom staff reach out."""

from datetime import date
from pathlib import Path

import click

from plugin.cli import options
from plugin.outreach.taking import take_published


@click.group()
def command() -> None:
    """Turn what a sweep published into conversations with people; the pages of almoner serve show them."""


@command.command()
@options.as_of
@options.config
def take(as_of: date, config: Path | None) -> None:
    """Open, confirm and close episodes as the published sweep says. almoner sweep does it by itself; done again, it changes nothing."""
    settings = options.settings(config)
    taken = take_published(settings.database_url, settings.state, as_of)
    click.echo(", ".join(f"{number:,} {kind}" for kind, number in sorted(taken.items())) or "nothing to take")
