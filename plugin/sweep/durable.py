"""Files that are whole or not there, whatever happens to the machine meanwhile."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple


class Written(NamedTuple):
    """What a file must be when it is read again."""

    sha256: str
    bytes: int


def write_durably(path: Path, text: str) -> None:
    """Replace a small file in one step."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def written(path: Path) -> Written:
    """What a file is now."""
    with path.open("rb") as file:
        return Written(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
