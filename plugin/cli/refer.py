"""``almoner refer``: the closed loop of referrals, for cron and for people."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import click

from fhir_adapters.connections import Opened
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.smart.scopes import READ
from fhir_adapters.writeback import Outbox
from plugin.access import Role, Scope
from plugin.cds.dispatch import read_partners
from plugin.cds.ledger.opening import OUTBOX_FILE, handover, open_ledger
from plugin.cli import options
from plugin.referrals.apart import FAILED, REFUSED
from plugin.referrals.cards import take_over, tell
from plugin.referrals.carrying import carry_out
from plugin.referrals.engines import answers_by
from plugin.referrals.orders import NEVER_SIGNED, Orders
from plugin.referrals.polling import Polled, overdue, poll
from plugin.referrals.reading import PAGE, VIEWS, listed
from plugin.referrals.relaying import Post, carry_back, receive
from plugin.referrals.taking import ASIDE
from plugin.referrals.timers import run
from plugin.servers.opening import open_for
from plugin.settings import Settings
from plugin.store import Store, open_store
from plugin.store.versions import ready
from rules.errors import ExitCode

_OPERATOR = Scope("operator", Role.SYSTEM)
Steps = dict[str, Callable[[], Counter[str]]]
"""What is done at a server beside polling, by its name; each may raise `EhrUnavailable`."""


@click.group(name="refer")
def command() -> None:
    """Follow referrals to partner agencies until something came of them. What is to be written waits in the outbox: almoner outbox."""


@command.command(name="poll")
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@click.option("--whole", is_flag=True, help="Ask for every Task of an open referral, not only for what changed.")
@options.config
@click.pass_context
def poll_(context: click.Context, servers: tuple[str, ...], whole: bool, config: Path | None) -> None:
    """Ask servers of the settings (all of them, if none is named) what became of Tasks, and put what is to be told into the outbox.

    Run it at least hourly in working hours. A server that was asked less than 15 minutes ago is left alone. Exits with 1 if the server
    shows what cannot be or cannot be taken in, refuses to show a part, or was not asked for more than a business day, and once for an order
    that was never signed; with 4 if a server failed.
    """
    settings = options.settings(config)
    now = datetime.now(UTC)
    failed = amiss = False
    with closing(ready(open_store(settings.database_url))) as store:
        outbox = Outbox.at(settings.state / OUTBOX_FILE)
        _say("to the EHR", _carried(settings, store, outbox, now))
        for name in servers or tuple(settings.servers):
            opened = open_for(settings, name, _needs(settings, name))
            late = overdue(store, opened.connection.tenant, now)
            try:
                found = poll(store, opened.server, opened.connection.tenant, now, whole=whole)
            except EhrUnavailable as problem:
                click.echo(f"{name}: {problem}", err=True)
                failed = True
                continue
            amiss |= _told(name, found, late)
            if found.asked:
                steps = _ordered(settings, store, outbox, name, opened, now) | _relayed(settings, store, outbox, name, opened, now)
                done, problems = _each(name, steps)
                failed |= problems
                amiss |= bool(done[FAILED] + done[REFUSED] + done[NEVER_SIGNED])
        _say("to the EHR", _carried(settings, store, outbox, now))
    if failed or amiss:
        context.exit(ExitCode.SERVER_FAILED if failed else ExitCode.ANSWER_IS_NO)


@command.command(name="timers")
@options.as_of
@options.config
def timers(as_of: date, config: Path | None) -> None:
    """Do what is due: remind after ten days without an answer, withdraw five days later, turn to the next agency, ask for outcomes.

    Run it once a day. The next agency is looked for in the directory of the settings (cds.directory).
    """
    settings = options.settings(config)
    now = datetime.combine(as_of, datetime.now(UTC).astimezone().timetz())
    directory = read_partners(settings.cds.directory, as_of)
    with closing(ready(open_store(settings.database_url))) as store, answers_by(settings.engine) as answers:
        _say("due", run(store, directory, now, answers))
        _say("to the EHR", _carried(settings, store, Outbox.at(settings.state / OUTBOX_FILE), now))


@command.command(name="list")
@click.option("--view", type=click.Choice(list(VIEWS)), default="open", show_default=True, help="Which ones.")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True, help=f"{PAGE} at a time.")
@options.config
def list_(view: str, page: int, config: Path | None) -> None:
    """List referrals by id, need and state; nobody is named."""
    settings = options.settings(config)
    with closing(ready(open_store(settings.database_url))) as store, store.read() as connection:
        rows, total = listed(connection, _OPERATOR, view, page)
    for row in rows:
        due = f"due {row.due}" if row.due else ""
        click.echo(f"{row.id}  {row.state:<16}  {row.need}  {row.partner}  {due}  {row.attention or ''}".rstrip())
    click.echo(f"{total:,} referrals", err=True)


def _carried(settings: Settings, store: Store, outbox: Outbox, now: datetime) -> Counter[str]:
    """Whatever waits goes on: referrals of cards are taken over and told of, moves go to the outbox."""
    done: Counter[str] = Counter()
    if any(client.server for client in settings.cds.clients.values()):
        cards = handover(settings, store)
        cards.carry_out()
        done += take_over(store, cards, outbox, now, read_partners(settings.cds.directory, now.date()))
        done["resolved"] += tell(store, open_ledger(settings, store), now)
    return done + carry_out(store, outbox, now)


def _has_cards(settings: Settings, name: str) -> bool:
    """Whether a server is the EHR of a client."""
    return any(client.server == name for client in settings.cds.clients.values())


def _needs(settings: Settings, name: str) -> dict[str, str]:
    """What is read there."""
    platform, card = name in settings.referrals.platforms, _has_cards(settings, name)
    return {"Task": READ} | ({"ServiceRequest": READ} if platform or card else {}) | ({"Patient": READ} if platform else {})


def _relayed(settings: Settings, store: Store, outbox: Outbox, name: str, opened: Opened, now: datetime) -> Steps:
    """What came to us as a coordination platform goes on, and what became of it back: that does not wait for the agency's server."""
    platform, tenant = settings.referrals.platforms.get(name), opened.connection.tenant
    if platform is None:
        return {}
    there = open_for(settings, platform.to, {"Patient": READ, "Organization": READ})
    post = Post(opened.server, tenant, platform.owner, there.server, there.connection.tenant, platform.agency, platform.partner)
    return {"to go on": lambda: receive(store, post, now), "to go back": lambda: carry_back(store, post, outbox, now)}


def _ordered(settings: Settings, store: Store, outbox: Outbox, name: str, opened: Opened, now: datetime) -> Steps:
    """Orders that a client's EHR made are found there."""
    tenant = opened.connection.tenant
    if not _has_cards(settings, name):
        return {}
    orders = Orders(store, opened.server, tenant, read_partners(settings.cds.directory, now.date()))
    return {"orders": lambda: orders.follow(handover(settings, store), outbox, now)}


def _each(name: str, steps: Steps) -> tuple[Counter[str], bool]:
    """Take each step, whatever becomes of those before, and say what came of it; that, and whether a server failed."""
    done: Counter[str] = Counter()
    failed = False
    for what, step in steps.items():
        try:
            found = step()
        except EhrUnavailable as problem:
            click.echo(f"{name}, {what}: {problem}", err=True)
            failed = True
        else:
            _say(f"{name}, {what}", found)
            done += found
    return done, failed


def _told(name: str, found: Polled, late: bool) -> bool:
    """Say what a poll brought; whether somebody must look."""
    if not found.asked:
        click.echo(f"{name}: asked less than 15 minutes ago; left alone", err=True)
        return False
    _say(name, found.tasks)
    for place in found.gone:
        click.echo(f"{name}: {place} is no longer there", err=True)
    if late:
        click.echo(f"{name}: not asked for more than a business day: run almoner refer poll at least once a day", err=True)
    return late or bool(found.gone) or bool(found.tasks[ASIDE] + found.tasks[FAILED] + found.tasks[REFUSED])


def _say(what: str, counts: Counter[str]) -> None:
    words = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()) if number)
    click.echo(f"{what}: {words or 'nothing new'}")
