"""``almoner cds``: the CDS Hooks service from the command line."""

import click

from plugin.cli.cds_replay import command as replay


@click.group(name="cds")
def command() -> None:
    """Look into the CDS Hooks service: what it said, and why."""


command.add_command(replay)
