"""A pack's program as CQL 1.5 over FHIR R4, for engines that are not ours.

The exported library means what `rules.engines.reference` means: its tests are three-valued, a missing piece makes an answer null, and
nothing in it reads a clock. It needs no other library and no terminology server. What CQL cannot say faithfully raises `ExportGap`.
"""

from rules.cql.library import library_text
from rules.cql.terms import Names

__all__ = ["Names", "library_text"]
