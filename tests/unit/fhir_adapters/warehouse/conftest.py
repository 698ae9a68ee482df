"""A warehouse that a small server's exports are loaded into."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.ehr_history import EhrHistory

from fhir_adapters.dataset import Dataset
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse
from rules.facts import PersonRecord

ADDING = Habits(rewrite_at=1000.0)
"""Never writes everything anew, so that even a tiny warehouse is added to."""


@dataclass
class Store:
    """A warehouse and the server that fills it."""

    ehr: EhrHistory
    folder: Path
    habits: Habits = ADDING
    pulls: int = 0

    @property
    def root(self) -> Path:
        return self.folder / "warehouse"

    def pull(self, since: datetime | None = None, **arguments: Any) -> Loaded:
        """Export and load."""
        self.pulls += 1
        return load_export(self.root, self.ehr.export(self.folder / f"pull-{self.pulls}", since, **arguments), self.habits)

    def read(self) -> Dataset:
        return read_warehouse(self.root)

    def records(self) -> dict[str, PersonRecord]:
        """By id."""
        return {record.person.id: record for record in self.read().records}

    def sources(self) -> dict[str, list[str]]:
        """Person → the resources that their events come from."""
        return {id: [event.source for event in record.events] for id, record in self.records().items()}


NewStore = Callable[..., Store]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(EhrHistory(), tmp_path)
