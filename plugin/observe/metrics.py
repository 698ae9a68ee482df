"""The counters and durations. Labels are names from the settings and the packs, never anything of a person.

Several workers count together through files, in the folder that `share` names before any of them starts.
"""

import os
import shutil
from pathlib import Path
from typing import Final

_SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"


def share(folder: Path) -> None:
    """Let all processes that begin from here on count into ``folder``, which starts empty. Call it before `prometheus_client` is read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[_SHARED] = str(folder)


def text(state: Path) -> tuple[bytes, str]:
    """Everything counted so far by all workers, what the sweep published in ``state`` did, and the media type of that text."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
    from prometheus_client import REGISTRY as own

    registry = own
    if _SHARED in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + _swept(state), CONTENT_TYPE_LATEST


def _swept(state: Path) -> bytes:
    """A sweep that cannot be read is no reason to tell nothing else; that it is not told is an alarm by itself."""
    from plugin.sweep.metrics import sweep_text

    try:
        return sweep_text(state)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return b""
