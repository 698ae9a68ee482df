"""``almoner backup``: a copy of everything that cannot be made anew, and the way back."""

from datetime import UTC, datetime
from pathlib import Path

import click

from plugin.backup import Backup, back_up
from plugin.backup import restore as restored
from plugin.cli import options


@click.group(name="backup")
def command() -> None:
    """Copy what cannot be made anew: the database, what waits for EHRs, keys, and the published sweep. Keep it as you keep the record."""


@command.command()
@click.argument("to", type=click.Path(path_type=Path))
@options.config
def make(to: Path, config: Path | None) -> None:
    """Copy into the new folder TO, while everything goes on. PostgreSQL needs pg_dump on the path."""
    found = options.settings(config)
    _say("copied", back_up(found.database_url, found.state, to, datetime.now(UTC)))


@command.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.config
def restore(source: Path, config: Path | None) -> None:
    """Put the copy in SOURCE into the state folder and the database of the settings, which must be empty, and verify it."""
    found = options.settings(config)
    _say("restored, and the record is whole", restored(source, found.database_url, found.state, datetime.now(UTC)))


def _say(what: str, backup: Backup) -> None:
    click.echo(f"{what}: {backup.files:,} files, made {backup.made:%Y-%m-%d %H:%M} UTC, tables of version {backup.version}")
    click.echo("it holds the record of who did what as far as {}:{}".format(*backup.end))
