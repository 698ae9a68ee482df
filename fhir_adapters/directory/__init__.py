"""What partner agencies offer: listings of services in FHIR and Open Referral HSDS, read into one directory that can be searched.

`fhir_adapters.directory.authoring` writes it as FHIR; it stands apart because the models that validate take a second to load.
"""

from fhir_adapters.directory.areas import Residence
from fhir_adapters.directory.crosswalk import crosswalk
from fhir_adapters.directory.entries import Directory, Entry, assemble, read_links
from fhir_adapters.directory.finding import Inquiry, Match, find
from fhir_adapters.directory.model import Service
from fhir_adapters.directory.server import read_server
from fhir_adapters.directory.source import named_source, read_source

__all__ = [
    "Directory",
    "Entry",
    "Inquiry",
    "Match",
    "Residence",
    "Service",
    "assemble",
    "crosswalk",
    "find",
    "named_source",
    "read_links",
    "read_server",
    "read_source",
]
