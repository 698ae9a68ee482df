"""``almoner account``: who may sign in, and with which tokens programs call the API."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from plugin.access import Role
from plugin.access import accounts as kept
from plugin.access import tokens as given
from plugin.cli import options
from plugin.store import Store, open_store
from plugin.store.versions import ready


@click.group(name="account")
def command() -> None:
    """Look after the accounts with which people sign in (access.mode: local).

    Passwords are asked for, or read as one line from what is piped in; never given as an argument, which others on this machine could see.
    """


@command.command()
@click.argument("login")
@click.option("--role", type=click.Choice([str(role) for role in Role if role is not Role.SYSTEM]), required=True, help="What they may do.")
@click.option("--name", default="", help="How pages call them; else the login.")
@click.option("--agency", help="The key of the agency for which an agency's user works.")
@options.config
def add(login: str, role: str, name: str, agency: str | None, config: Path | None) -> None:
    """Make an account for LOGIN."""
    with _store(config) as store, _told():
        password = _password()
        with store.write() as connection:
            made = kept.add(connection, options.shell(), login, name, Role(role), agency, password, datetime.now(UTC))
        click.echo(f"{made.login} may sign in as {made.role}")


@command.command(name="list")
@options.config
def list_(config: Path | None) -> None:
    """Show every account: its role, when somebody last signed in with it, and wrong passwords since."""
    with _store(config) as store, store.read() as connection:
        for each in kept.listed(connection):
            state = "disabled" if each.disabled else "may sign in"
            last = f"{each.signed_in:%Y-%m-%d %H:%M} UTC" if each.signed_in else "never"
            agency = f" of {each.agency}" if each.agency else ""
            click.echo(f"{each.login}  {each.role}{agency}  {state}  last signed in: {last}  wrong passwords since: {each.failed}")


@command.command()
@click.argument("login")
@click.option("--again", is_flag=True, help="Let them sign in again.")
@options.config
def disable(login: str, again: bool, config: Path | None) -> None:
    """Let nobody sign in as LOGIN any more, and end their sessions at once."""
    with _store(config) as store, _told(), store.write() as connection:
        found = _found(kept.find(connection, login), login)
        (kept.enable if again else kept.disable)(connection, options.shell(), found, datetime.now(UTC))
        click.echo(f"{found.login} may sign in again" if again else f"{found.login} may not sign in any more")


@command.command()
@click.argument("login")
@options.config
def password(login: str, config: Path | None) -> None:
    """Give LOGIN a new password, and end their sessions."""
    with _store(config) as store, _told():
        with store.read() as connection:
            found = _found(kept.find(connection, login), login)
        new = _password()
        with store.write() as connection:
            kept.set_password(connection, options.shell(), found, new, datetime.now(UTC))
        click.echo(f"{found.login} has a new password")


@command.command()
@click.argument("login")
@click.option("--days", type=click.IntRange(1, given.LONGEST.days), default=90, show_default=True, help="How long it lasts.")
@click.option("--name", default="", help="What it is for.")
@options.config
def token(login: str, days: int, name: str, config: Path | None) -> None:
    """Make a token with which a program calls the API as LOGIN, and show it: this once, for only its hash is kept."""
    with _store(config) as store, _told(), store.write() as connection:
        found = _found(kept.find(connection, login), login)
        click.echo(given.make(connection, options.shell(), found, name, timedelta(days=days), datetime.now(UTC)))


@command.command()
@options.config
def tokens(config: Path | None) -> None:
    """Show the tokens that hold: how each is called, whose it is, until when it lasts, and the last day on which it was used."""
    with _store(config) as store, store.read() as connection:
        for each in given.listed(connection, datetime.now(UTC)):
            purpose = f"  {each.name}" if each.name else ""
            until, used = f"{each.until:%Y-%m-%d %H:%M} UTC", each.used or "never"
            click.echo(f"{each.id[: given.SHOWN]}  {each.account.login}{purpose}  until {until}  last used: {used}")


@command.command()
@click.argument("called", metavar="TOKEN")
@options.config
def revoke(called: str, config: Path | None) -> None:
    """End a token at once. TOKEN is how almoner account tokens calls it, never the token itself."""
    with _store(config) as store, _told(), store.write() as connection:
        ended = given.revoke(connection, options.shell(), called, datetime.now(UTC))
        click.echo(f"the token {ended.id[: given.SHOWN]} of {ended.account.login} does not hold any more")


@contextmanager
def _store(config: Path | None) -> Iterator[Store]:
    with closing(ready(open_store(options.settings(config).database_url))) as store:
        yield store


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be is a mistake of whoever typed it."""
    try:
        yield
    except kept.AccountRefused as reason:
        raise click.UsageError(str(reason)) from None


def _found(account: kept.Account | None, login: str) -> kept.Account:
    if account is None:
        raise kept.AccountRefused(f"there is no account {kept.folded(login)}; almoner account list shows all")
    return account


def _password() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
