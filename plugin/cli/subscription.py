"""``almoner subscription``: hear of changes as they happen, and look at the people they are about."""

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from fhir_adapters.connections import Opened
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.subscriptions import Expected, Inbox, Wanted, catch_up, subscribe
from plugin.cli import options
from plugin.errors import SettingsUnreadable
from plugin.referrals.polling import heard
from plugin.runtime import Runtime, build_runtime
from plugin.servers.opening import open_for, open_server
from plugin.settings import Settings
from plugin.store import Store, open_store
from plugin.store.versions import ready
from plugin.subscriptions.box import inbox_file
from plugin.subscriptions.evaluating import evaluate_again
from plugin.subscriptions.worker import look
from plugin.sweep.fresh import Fresh
from rules.errors import ExitCode


@click.group(name="subscription")
def command() -> None:
    """Hear of changes as they happen, and evaluate again the people they are about.

    A server notifies almoner serve under its public_url; almoner subscription work looks at what it told.
    """


@command.command(name="add")
@options.config
@click.argument("key")
@click.option("--server", "name", required=True, help="A FHIR server of the settings.")
@click.option("--search", "searches", multiple=True, required=True, help="What it is about: Observation?category=survey. May be repeated.")
@click.option("--topic", default="", help="Canonical URL of a SubscriptionTopic; without it the subscription is a classic one.")
@click.option("--heartbeat", type=click.IntRange(min=30), help="Seconds after which a topic's server shows that it is still there.")
def add(key: str, name: str, searches: tuple[str, ...], topic: str, heartbeat: int | None, config: Path | None) -> None:
    """Ask a server to notify us of changes, under a KEY of our choice.

    Notifications carry ids only. The secret by which the server is known is made here; a digest of it is kept.
    """
    found = options.settings(config)
    if found.public_url is None:
        raise SettingsUnreadable("the settings should say under which address servers reach almoner serve: public_url")
    opened = open_for(found, name, {"Subscription": "crus"})
    wanted = Wanted(key, f"{found.public_url.rstrip('/')}/subscriptions", topic, searches, heartbeat)
    try:
        id = subscribe(opened.server, name, _inbox(found), wanted)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    click.echo(f"{key}: Subscription/{id} of {name}; almoner subscription work looks at what it tells")


@command.command(name="list")
@options.config
def listing(config: Path | None) -> None:
    """Say what was subscribed to, and how it stands."""
    inbox = _inbox(options.settings(config))
    for each in inbox.expected():
        heard = f"heard {_moment(each.heard)}" if each.heard else "nothing heard yet"
        gaps = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in inbox.missing(each.key))
        click.echo(f"{each.key}: {each.server}, {each.status}, {each.sent} changes, {heard}{f'; missing: {gaps}' if gaps else ''}")


@command.command(name="work")
@options.config
@click.option("--once", is_flag=True, help="One round, then end.")
@click.option("--every", type=click.FloatRange(min=1), default=30.0, show_default=True, help="Seconds between two rounds.")
@click.option(
    "--silence", type=click.FloatRange(min=60), default=3600.0, show_default=True, help="Seconds after which silence is looked into."
)
@click.pass_context
def work(context: click.Context, config: Path | None, once: bool, every: float, silence: float) -> None:
    """Look at what was told: fill gaps, find out whom each change is about, evaluate those people again; take in answers to referrals.

    Ends with 4 if, in its only round, a server did not answer; what it told is kept.
    """
    runtime = build_runtime(options.settings(config))
    with closing(ready(open_store(runtime.settings.database_url))) as store:
        worker = _Worker(runtime, _inbox(runtime.settings), store, silence)
        while True:
            failed = worker.round()
            if once:
                context.exit(ExitCode.SERVER_FAILED if failed else ExitCode.FINE)
            time.sleep(every)


class _Worker:
    def __init__(self, runtime: Runtime, inbox: Inbox, store: Store, silence: float) -> None:
        self._runtime, self._inbox, self._store, self._silence = runtime, inbox, store, silence
        self._fresh = Fresh(runtime.settings.state)
        self._servers: dict[str, Opened] = {}

    def round(self) -> bool:
        """Catch up, look, and look again for what was told without saying what. Whether some server failed."""
        failed = self._catch_up({each.key for each in self._inbox.expected() if self._is_quiet(each)})
        looked = look(self._inbox, lambda name: self._opened(name).server, self._evaluate, self._hear)
        if looked.vague:
            failed |= self._catch_up(looked.vague)
            again = look(self._inbox, lambda name: self._opened(name).server, self._evaluate, self._hear)
            looked.people, looked.put_off = looked.people + again.people, looked.put_off + again.put_off
        if looked.people or looked.put_off:
            click.echo(f"{_moment(time.time())}: {looked.people} people evaluated again, {looked.put_off} changes put off")
        return failed or bool(looked.put_off)

    def _catch_up(self, silent: set[str]) -> bool:
        failed = False
        for each in self._inbox.expected():
            if each.key not in silent and not self._inbox.missing(each.key):
                continue
            opened = self._opened(each.server)
            try:
                found = catch_up(opened.server, self._inbox, each, plan=opened.plan(), silent=each.key in silent)
            except EhrUnavailable as problem:
                click.echo(f"{each.key}: {problem}; tried again in the next round", err=True)
                failed = True
                continue
            click.echo(f"{each.key}: {found.status}, {found.found} changes found by {found.by}")
            for note in found.notes:
                click.echo(f"{each.key}: {note}", err=True)
        return failed

    def _evaluate(self, name: str, patient: str) -> None:
        opened = self._opened(name)
        evaluate_again(self._runtime, self._fresh, opened.server, patient, opened.plan(), tuple(opened.needs))

    def _hear(self, name: str, place: str) -> None:
        """What a Task says may be an agency's answer to a referral."""
        opened = self._opened(name)
        heard(self._store, opened.server, opened.connection.tenant, place, datetime.now(UTC))

    def _is_quiet(self, each: Expected) -> bool:
        return time.time() - (each.heard or each.since) > self._silence

    def _opened(self, name: str) -> Opened:
        if name not in self._servers:
            self._servers[name] = open_server(self._runtime.settings, name, self._runtime.packs)
        return self._servers[name]


def _inbox(settings: Settings) -> Inbox:
    return Inbox(inbox_file(settings))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
