"""The FHIR servers of the settings: opened with as little access as the packs need, examined, and described to their operators."""
