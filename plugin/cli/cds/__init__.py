"""``almoner cds``: the CDS Hooks service from the command line."""

import click

from plugin.cli.cds.replay import command as replay
from plugin.cli.cds.trying import setup_sheet, try_


@click.group(name="cds")
def command() -> None:
    """Try cards, set clients of CDS Hooks up, and ask again what a card said."""


for each in (try_, setup_sheet, replay):
    command.add_command(each)
