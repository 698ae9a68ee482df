"""CSV files of registries, screening tools and statistics offices, described by a YAML file (`NAME.extract.yaml`).

Every cell is read as text and understood by what the description says of its column; what cannot be understood is counted with its
file, line and column, never with its content. Whose a row is goes by identifier (system and value) or id only: nothing is matched by
name or birth date.
"""

from fhir_adapters.extracts.description import SUFFIX, Extract, read_description
from fhir_adapters.extracts.reading import read_extract

__all__ = ["SUFFIX", "Extract", "read_description", "read_extract"]
