"""``almoner cds watch``: do rules speak as often as they did, and are they wanted?"""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from plugin.cli import options
from rules.errors import ExitCode


@click.command(name="watch")
@click.option("--day", type=options.Day(), help="The last day to look at (UTC); else yesterday, the newest whole one.")
@click.option("--close", "closed", metavar="RULE", help="Say that the open alarms about RULE were looked into.")
@click.option("--client", help="With --close: only those of this client.")
@options.config
@click.pass_context
def watch(context: click.Context, day: date | None, closed: str | None, client: str | None, config: Path | None) -> None:
    """Compare the newest day, and the last seven, with the weeks before, and keep alarms until they are closed. Run it daily.

    Exits with 1 if an alarm is open. With cds.watch.demotes its rule is silent for that client meanwhile.
    """
    from plugin.cds.ledger.opening import open_ledger
    from plugin.cds.policy.alarms import close_alarms, found_on, open_alarms, raise_alarms

    chosen, now = options.settings(config), datetime.now(UTC)
    ledger = open_ledger(chosen)
    with closing(ledger.store) as store:
        if closed:
            click.echo(f"{close_alarms(store, closed, client, now)} alarms closed")
        else:
            raise_alarms(store, found_on(store, chosen.cds, day or now.date() - timedelta(days=1)), now)
        alarms = open_alarms(store)
    for alarm in alarms:
        click.echo(f"{alarm.rule} at {alarm.client}: {alarm.text}")
    click.echo(f"{len(alarms)} alarms are open" if alarms else "no alarm is open")
    if alarms:
        context.exit(ExitCode.ANSWER_IS_NO)
