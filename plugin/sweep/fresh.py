"""What is newer than the sweep about single people, because a server told that something changed."""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Final

from plugin.sweep.published import WorklistPerson

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS person (id TEXT PRIMARY KEY, evaluated TEXT NOT NULL, line TEXT NOT NULL) STRICT"


class Fresh:
    """The latest lines of people who were evaluated one by one, beside the published sweeps under a state folder."""

    def __init__(self, state: Path) -> None:
        """``state`` need not exist yet."""
        self._path = state / "fresh.sqlite"

    def keep(self, person: WorklistPerson, evaluated: str) -> None:
        """Keep a person's line. ``evaluated``: when, in ISO form in UTC. A line without findings says that there are none now."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as connection, connection:
            connection.execute(_SCHEMA)
            connection.execute(
                "INSERT INTO person VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET evaluated = excluded.evaluated, line = excluded.line",
                (person.id, evaluated, json.dumps(asdict(person), ensure_ascii=False)),
            )
        self._path.chmod(0o600)

    def of(self, id: str) -> WorklistPerson | None:
        """A person's line; ``None`` if they were never evaluated alone."""
        if not self._path.exists():
            return None
        with closing(self._open()) as connection:
            row = connection.execute("SELECT line FROM person WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        fields = json.loads(row[0])
        return WorklistPerson(**(fields | {"findings": tuple(fields["findings"])}))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)
