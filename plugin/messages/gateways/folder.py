"""A folder from which a letter shop or a supplier of text messages fetches: one file for each message, there whole or not at all."""

import csv
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plugin.messages.gateways.gateway import Outgoing, Result, Word
from plugin.sweep.durable import sync

COLUMNS: Final = ("id", "channel", "patient", "name", "address", "language", "subject", "text", "created")
_FOLDER: Final = 0o750
_FILE: Final = 0o640
"""Whoever fetches is in the group of the folder; nobody else learns who gets what."""
_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"\+[0-9 ]+", re.ASCII)
"""A telephone number is no formula that does anything; an apostrophe before it would make it one that nobody can call."""


@dataclass(frozen=True, slots=True)
class Folder:
    """``FOLDER/<channel>/<id>.csv``. A name that begins with a dot is not finished, and nobody's to fetch."""

    path: Path

    def send(self, message: Outgoing) -> Result:
        """Write it; see `plugin.messages.gateways.gateway.Gateway`."""
        draft, file = self._places(message)
        if file.exists():
            return Result(Word.SENT)
        try:
            self.path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            file.parent.mkdir(mode=_FOLDER, exist_ok=True)
            with open(draft, "w", encoding="utf-8", newline="", opener=_ours) as stream:
                stream.write(as_csv(message))
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(file)
        except OSError as error:
            return Result(Word.LATER, type(error).__name__)
        return self._kept(file)

    def look(self, message: Outgoing) -> Result:
        """It is there; or it was not finished; or it was fetched already, or never begun: nobody knows."""
        draft, file = self._places(message)
        if file.exists():
            return Result(Word.SENT)
        return Result(Word.LATER) if draft.exists() else Result(Word.UNKNOWN, "stopped while writing")

    def _kept(self, file: Path) -> Result:
        """From here on somebody may have fetched it."""
        try:
            sync(file.parent)
        except OSError as error:
            return Result(Word.UNKNOWN, f"{type(error).__name__} after the file")
        return Result(Word.SENT)

    def _places(self, message: Outgoing) -> tuple[Path, Path]:
        folder = self.path / message.channel
        return folder / f".{message.id}.csv", folder / f"{message.id}.csv"


def _ours(path: str, flags: int) -> int:
    """Open a file that nobody may read but its owner and their group."""
    return os.open(path, flags, _FILE)


def as_csv(message: Outgoing) -> str:
    """A line of names and one of values (RFC 4180). No spreadsheet runs a cell of it."""
    row = {name: str(getattr(message, name)) for name in COLUMNS} | {"created": message.created.isoformat(timespec="seconds")}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_STARTS_A_FORMULA) and not _NUMBER.fullmatch(value) else value
