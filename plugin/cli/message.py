"""``almoner message``: templates, and what is to be sent to people."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from plugin.access import Role, Scope
from plugin.cli import options
from plugin.messages.carrying import carry_out
from plugin.messages.composing import Choice, compose, values
from plugin.messages.opening import gateways
from plugin.messages.reading import STATES, counted, listed
from plugin.messages.sending import FAILED, UNKNOWN, came_back
from plugin.messages.topics import load_topics
from plugin.messages.words import CHANNELS, LEVELS, NEUTRAL
from plugin.store import open_store
from plugin.store.versions import ready
from plugin.translations import LANGUAGES
from rules.errors import ExitCode

_OPERATOR = Scope("operator", Role.SYSTEM)
_MOST = 1_000
_TEMPLATES = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Check and preview what is written to people, and carry it out."""


@command.command()
@click.argument("folder", required=False, type=_TEMPLATES)
@options.config
def check(folder: Path | None, config: Path | None) -> None:
    """Check the templates that come along, and those of FOLDER (else of the settings): every mistake with its line and column."""
    topics = load_topics(folder or options.settings(config).messages.templates)
    for topic in topics.values():
        kept = "  restricted" if topic.restricted else ""
        click.echo(f"{topic.id}  {len(topic.texts)} texts  {topic.title}{kept}")


@command.command()
@click.argument("topic", default=NEUTRAL)
@click.option("--channel", type=click.Choice(list(CHANNELS)), default="letter", show_default=True)
@click.option("--language", type=click.Choice(LANGUAGES), default=LANGUAGES[0], show_default=True)
@click.option("--level", type=click.Choice(list(LEVELS)), default=next(iter(LEVELS)), show_default=True)
@options.config
def preview(topic: str, channel: str, language: str, level: str, config: Path | None) -> None:
    """Show the words of TOPIC, as they would be sent to nobody in particular."""
    own = options.settings(config).messages
    topics = load_topics(own.templates)
    if topic not in topics:
        raise click.UsageError(f"no such topic; there are: {', '.join(topics)}")
    choice = Choice(topic, channel, language, level)
    found = compose(topics, choice, values(own, ""), sensitive=topics[topic].restricted)
    if found.instead:
        click.echo(found.instead, err=True)
    click.echo("\n\n".join(filter(None, (found.subject, found.text))))


@command.command()
@options.config
@click.pass_context
def deliver(context: click.Context, config: Path | None) -> None:
    """Send what waits, and look after what is under way. Run it every five minutes.

    Exits with 1 if something could not be delivered, or nobody knows whether it was.
    """
    settings = options.settings(config)
    with closing(ready(open_store(settings.database_url))) as store:
        done = carry_out(store, gateways(settings), lambda: datetime.now(UTC).astimezone())
    click.echo(", ".join(f"{number} {state}" for state, number in sorted(done.items())) or "nothing is due")
    if done[FAILED] + done[UNKNOWN]:
        context.exit(ExitCode.ANSWER_IS_NO)


@command.command(name="list")
@click.option("--state", "states", multiple=True, type=click.Choice(list(STATES)), help="Only these; else all that somebody may look at.")
@options.config
def list_(states: tuple[str, ...], config: Path | None) -> None:
    """List messages that were not simply sent, by id and state: nobody is named, and no address."""
    settings = options.settings(config)
    with closing(ready(open_store(settings.database_url))) as store, store.read() as connection:
        rows = listed(connection, _OPERATOR, states or tuple(STATES), _MOST)
        counts = counted(connection, _OPERATOR)
    for row in rows:
        due = f"due {row.due:%Y-%m-%d %H:%M}" if row.due else ""
        click.echo(f"{row.id}  {row.state:<7}  {row.channel}  {row.gateway}  {row.tries} tried  {due}  {row.reason}".rstrip())
    click.echo(", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "no messages", err=True)


@command.command()
@click.argument("ids", nargs=-1, required=True)
@options.config
@click.pass_context
def bounced(context: click.Context, ids: tuple[str, ...], config: Path | None) -> None:
    """Note that messages came back. IDS: what stands before the @ of their Message-ID, or the name of the supplier's file.

    Exits with 1 if one of them does not count as sent.
    """
    settings = options.settings(config)
    failed = False
    with closing(ready(open_store(settings.database_url))) as store:
        for id in ids:
            with store.write() as connection:
                known = came_back(connection, options.shell(), id.strip("<>").partition("@")[0], datetime.now(UTC))
            if not known:
                click.echo(f"{id}: no message of this id counts as sent", err=True)
                failed = True
    if failed:
        context.exit(ExitCode.ANSWER_IS_NO)
