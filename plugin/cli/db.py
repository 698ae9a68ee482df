"""``almoner db``: the version of the database, and what it forgets."""

from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import click

from plugin.cli.options import Day, config, settings
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


@command.command()
@click.option("--before", type=Day(), help="Forget what was before this day (UTC), instead of what the setting cds.keep_days says.")
@config
def purge(config: Path | None, before: date | None) -> None:
    """Forget old calls of CDS Hooks with their cards and feedback, closed episodes of outreach, sessions and tokens that ran out, and
    old entries of the record of who did what, which stays verifiable. Run it daily; docs/reference/ledger.md says what is kept, and why.
    """
    # Of these commands only this one needs to know what is in the tables.
    from plugin.cds.ledger.opening import open_ledger
    from plugin.cli.forgetting import forget_what_is_over

    chosen = settings(config)
    day = before or datetime.now(UTC).date() - timedelta(days=chosen.cds.keep_days)
    ledger = open_ledger(chosen)
    with closing(ledger.store):
        gone = ledger.purge(datetime.combine(day, time.min, UTC))
        over = forget_what_is_over(ledger.store, chosen, datetime.now(UTC))
    counts = ", ".join(f"{number:,} {kind}" for kind, number in sorted(gone.items())) or "nothing"
    click.echo(f"forgotten from before {day}: {counts}")
    for told in over:
        click.echo(told)


def _moved(config: Path | None, version: str | None) -> None:
    with closing(open_store(settings(config).database_url)) as store:
        if version:
            migrate(store, version)
        click.echo(f"the database is at version {current(store) or 'none'}; this program needs {newest()}")
