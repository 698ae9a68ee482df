"""``almoner serve``: the worklist and CDS Hooks."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugin.cli import options

if TYPE_CHECKING:
    from plugin.settings import Settings


@click.command(name="serve")
@options.config
@click.option("--packs", type=click.Path(path_type=Path), help="A folder of rule packs, one pack, or one rule file.")
@click.option("--state", type=click.Path(path_type=Path), help="Where sweeps are published.")
@click.option("--host", help="Address to listen on; this machine only unless you say otherwise.")
@click.option("--port", type=int, help="Port to listen on; 0 finds a free one.")
def command(config: Path | None, **given: Any) -> None:
    """Serve the worklist, the rule pages and the CDS Hooks endpoint."""
    from plugin.runtime import build_runtime
    from plugin.serve import serve

    settings = options.settings(config, **given)
    _prepare(settings)
    runtime = build_runtime(settings)
    if runtime.engine_note:
        click.echo(f"note: {runtime.engine_note}", err=True)
    serve(runtime, on_ready=lambda url: click.echo(f"Worklist   {url}/\nCDS Hooks  {url}/cds-services\nCtrl-C to stop", err=True))


def _prepare(settings: "Settings") -> None:
    """Once, before there are workers: what would keep each of them from starting is said here, and the database is brought up to date."""
    from plugin.access.exposure import check as check_access
    from plugin.cds.clients.client import clients
    from plugin.cds.trust import check
    from plugin.store import open_store
    from plugin.store.versions import ready

    check(settings, clients(settings))
    check_access(settings)
    with closing(open_store(settings.database_url)) as store:
        ready(store)
