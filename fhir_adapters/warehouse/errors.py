"""What stops a warehouse from being read or filled. No message carries a person's id or data."""

from fhir_adapters.errors import AdapterError, SourceUnreadable


class WarehouseDamaged(SourceUnreadable):
    """A file of the warehouse is missing or is not what the manifest says. Nothing of the snapshot may be used."""


class WarehouseTooNew(SourceUnreadable):
    """The warehouse was written by a newer version of this program."""


class WarehouseNarrow(SourceUnreadable):
    """The warehouse was filled for other rules, and lacks what these ask for."""


class WarehouseBusy(AdapterError):
    """Another process writes to the warehouse, or did so meanwhile; nothing was changed by this one."""
