"""``almoner serve``: the worklist and CDS Hooks."""

from pathlib import Path
from typing import Any

import click


@click.command(name="serve")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Settings file; see config/almoner.yaml.")
@click.option("--packs", type=click.Path(path_type=Path), help="A folder of packs, one pack, or one rule file.")
@click.option("--state", type=click.Path(path_type=Path), help="Where sweeps are published.")
@click.option("--host", help="Address to listen on; this machine only unless you say otherwise.")
@click.option("--port", type=int, help="Port to listen on; 0 finds a free one.")
def command(config: Path | None, **given: Any) -> None:
    """Serve the worklist, the rule pages and the CDS Hooks endpoint."""
    import os

    if config:
        os.environ["ALMONER_CONFIG"] = str(config)
    from plugin.runtime import build_runtime
    from plugin.serve import serve
    from plugin.settings import Settings

    settings = Settings(**{key: value for key, value in given.items() if value is not None})
    runtime = build_runtime(settings)
    if runtime.engine_note:
        click.echo(f"note: {runtime.engine_note}", err=True)
    serve(runtime, on_ready=lambda url: click.echo(f"Worklist   {url}/\nCDS Hooks  {url}/cds-services\nCtrl-C to stop", err=True))
