"""``almoner db``: the version of the database."""

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import config, settings
from plugin.store import open_store
from plugin.store.versions import HEAD, current, migrate, newest


@click.group()
def command() -> None:
    """Look after the database: its version, and the way to another one."""


@command.command()
@config
def upgrade(config: Path | None) -> None:
    """Bring the database to the version that this program needs."""
    _moved(config, HEAD)


@command.command()
@click.argument("version")
@config
def downgrade(config: Path | None, version: str) -> None:
    """Bring the database back to VERSION, such as 0001; base: no tables. What later tables held is lost: make a copy first."""
    _moved(config, version)


@command.command(name="current")
@config
def show(config: Path | None) -> None:
    """Print the version of the database, and the one that this program needs."""
    _moved(config, None)


def _moved(config: Path | None, version: str | None) -> None:
    with closing(open_store(settings(config).database_url)) as store:
        if version:
            migrate(store, version)
        click.echo(f"the database is at version {current(store) or 'none'}; this program needs {newest()}")
