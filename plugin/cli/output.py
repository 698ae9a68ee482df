"""Writing files that others may be reading."""

import os
from collections.abc import Iterable
from pathlib import Path


def write_lines(target: Path, lines: Iterable[str]) -> None:
    """All lines or nothing: a file appears under its name only when it is complete."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    temporary.replace(target)
