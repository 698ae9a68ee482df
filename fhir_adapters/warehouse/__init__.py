"""The warehouse: people and events as Parquet, filled pull by pull, read as one consistent snapshot."""

from fhir_adapters.warehouse.errors import WarehouseBusy, WarehouseDamaged, WarehouseTooNew
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.load import load_dataset, load_pull
from fhir_adapters.warehouse.pull import Pull, pull_in
from fhir_adapters.warehouse.read import people_batches, read_warehouse
from fhir_adapters.warehouse.snapshot import is_warehouse

__all__ = [
    "Habits",
    "Loaded",
    "Pull",
    "WarehouseBusy",
    "WarehouseDamaged",
    "WarehouseTooNew",
    "is_warehouse",
    "load_dataset",
    "load_pull",
    "people_batches",
    "pull_in",
    "read_warehouse",
]
