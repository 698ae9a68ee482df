"""The warehouse: people and events as Parquet, filled pull by pull, read as one consistent snapshot.

`load.load_pulled`, `load.load_export` and `load.load_dataset` fill it, `read.read_warehouse` and `read.people_batches` read it. Importing
this package alone loads no database.
"""

from pathlib import Path
from typing import Final

SNAPSHOTS: Final = "snapshots"
"""The folder of the manifests."""


def is_warehouse(path: Path) -> bool:
    """Whether ``path`` is a folder that holds a warehouse."""
    return (path / SNAPSHOTS).is_dir()
