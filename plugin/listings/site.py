"""The directory of the application: read once by each process, with what agencies said about their services since."""

from typing import Final

from flask import current_app
from sqlalchemy import Connection

from fhir_adapters.directory import Directory
from plugin.cds.dispatch import read_partners
from plugin.listings.keeping import laid_over
from plugin.runtime import runtime

EXTENSION: Final = "almoner.directory"


def sources() -> Directory | None:
    """As the sources of the settings have it; ``None``: they name none."""
    if EXTENSION not in current_app.extensions:
        current_app.extensions[EXTENSION] = read_partners(runtime().settings.cds.directory, runtime().today())
    found: Directory | None = current_app.extensions[EXTENSION]
    return found


def directory(connection: Connection) -> Directory | None:
    """With what agencies said."""
    found = sources()
    return laid_over(connection, found) if found else None
