"""The ``almoner`` command. Commands are imported only when used, so that ``--help`` costs next to nothing."""

import importlib
import sys
from typing import Final, NoReturn

import click

from plugin import __version__
from rules.errors import ExitCode

COMMANDS: Final = {
    "demo": "Show it working: seeded people, a sweep, engines compared, pages to look at.",
    "pull": "Export a population from a FHIR server into a folder (Bulk Data).",
    "evaluate": "Evaluate rules over a folder or a FHIR server into a file of findings.",
    "sweep": "Evaluate everybody and publish the worklist.",
    "warehouse": "Keep people and events between pulls, so that only what changed is read again.",
    "check": "Check rules: every mistake with its line and column.",
    "pack": "Record what every rule means; fetch the codes of value sets from a terminology server.",
    "schema": "Print the JSON Schemas of rule files, for editors.",
    "test": "Run the examples of rules on every engine.",
    "measure": "Compute quality measures: rates with who counts, who is excluded, and what is not known.",
    "explain": "Say why a rule answers as it does for one person.",
    "plan": "Compare two versions of rules: who would be newly flagged, who no longer.",
    "mutate": "Change rules one thing at a time: do the examples notice?",
    "forecast": "Say how many people the coming weeks will flag if nothing new is recorded.",
    "docs": "Write a page about each rule.",
    "directory": "Check and search what partner agencies offer.",
    "export": "Hand rules on to other systems: FHIR with CQL.",
    "outbox": "Look after what is to be written to EHRs: show it, send it, count it there.",
    "refer": "Follow referrals to partner agencies: ask what became of them, do what is due.",
    "serve": "Serve the worklist and CDS Hooks.",
    "doctor": "Say what works on this machine, or with a FHIR server, and what does not.",
    "cds": "Try cards, set clients of CDS Hooks up, and ask again what a card said.",
    "outreach": "Turn what a sweep published into conversations with people.",
    "message": "Check and preview what is written to people, and send it.",
    "subscription": "Hear of changes as they happen, and evaluate those people again.",
    "account": "Look after the accounts with which people sign in.",
    "agency": "Let people at partner agencies in.",
    "audit": "Look after the record of who saw and did what: verify it, hand it on.",
    "db": "Look after the database: its version, and the way to another one.",
    "backup": "Copy what cannot be made anew, and put it back.",
    "keys": "Make and rotate the keys by which FHIR servers know us.",
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and help lines, and imports a command's module on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"plugin.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="almoner")
@click.option("--debug", is_flag=True, help="Show a traceback when something of ours breaks.")
def cli(debug: bool) -> None:
    """Find the people who need something, say why, and put them in touch with those who can help."""


def main() -> NoReturn:
    """Run the command line and exit with one of `rules.errors.ExitCode`."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as wrong:
        wrong.show()
        code = ExitCode.USAGE
    except click.Abort:
        click.echo("stopped", err=True)
        code = ExitCode.ANSWER_IS_NO
    except Exception as failure:
        if "--debug" in sys.argv:
            raise
        from plugin.cli.failures import exit_code_of

        code = exit_code_of(failure)
    sys.exit(code if isinstance(code, int) else ExitCode.FINE)
