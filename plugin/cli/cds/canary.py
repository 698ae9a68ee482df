"""``almoner cds canary``: made-up people through the live path."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli import options
from rules.errors import ExitCode

if TYPE_CHECKING:
    from plugin.cds.canaries.asking import Asked
    from plugin.cds.clients.client import Client
    from plugin.runtime import Runtime
    from plugin.settings import Settings
    from plugin.store import Store


@click.command(name="canary")
@click.option("--url", help="The address of a running service: real calls over HTTP. Without it the service is asked within this process.")
@click.option("--client", "name", metavar="NAME", help="As which client of the settings; it may be left out where there is only one.")
@options.config
@click.pass_context
def canary(context: click.Context, url: str | None, name: str | None, config: Path | None) -> None:
    """Send made-up people through the service: do they get the cards that they must get, and none that they must not?

    Their calls are in the ledger, and count for nothing there. Exits with 1 if something differs. Run it after each change of rules, codes
    or settings, and daily.
    """
    from plugin.cds.canaries.comparing import remember, run
    from plugin.cds.canaries.people import read_canaries
    from plugin.runtime import build_runtime
    from plugin.store import open_store
    from plugin.store.versions import ready

    chosen = options.settings(config)
    client, runtime = _client(chosen, name), build_runtime(chosen)
    people = read_canaries(chosen.cds.canary.people, chosen.cds.canary.prefix, runtime.today())
    with closing(ready(open_store(chosen.database_url))) as store:
        found = run(_asked(url, client, runtime, store), people, runtime.packs, client.profile, runtime.today())
        remember(store, client.name, found, datetime.now(UTC))
    for problem in found.problems:
        click.echo(problem)
    for text, rules in (("not asked, for they speak to nobody", found.not_asked), ("no canary must get a card of", found.unguarded)):
        if rules:
            click.echo(f"{text}: {', '.join(rules)}")
    verdict = f"{len(found.problems)} things differ" if found.problems else "all as it must be"
    click.echo(f"{found.people} canaries as {client.name}: {verdict}")
    if found.problems:
        context.exit(ExitCode.ANSWER_IS_NO)


def _client(settings: "Settings", name: str | None) -> "Client":
    from plugin.cds.clients.client import clients

    known = {client.name: client for client in clients(settings)}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        raise click.UsageError(f"say --client; there are: {', '.join(known)}")
    return known[name]


def _asked(url: str | None, client: "Client", runtime: "Runtime", store: "Store") -> "Asked":
    from fhir_adapters.smart import KeyRing
    from plugin.cds.canaries.asking import OverHttp, Within
    from plugin.cds.opening import open_cds

    if url is None:
        return Within(open_cds(runtime, store), client)
    return OverHttp(url, client, KeyRing(runtime.settings.keys), runtime.settings.public_url)
