"""``almoner cds``: the CDS Hooks service from the command line."""

import click

from plugin.cli.cds.canary import canary
from plugin.cli.cds.gates import gates, review, reviews
from plugin.cli.cds.replay import command as replay
from plugin.cli.cds.trying import setup_sheet, try_
from plugin.cli.cds.watch import watch


@click.group(name="cds")
def command() -> None:
    """Try cards, set clients of CDS Hooks up, bring rules to clinicians, and ask again what a card said."""


for each in (try_, setup_sheet, gates, review, reviews, watch, canary, replay):
    command.add_command(each)
