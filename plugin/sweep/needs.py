"""What of their source the rules of some packs can ever look at."""

from collections.abc import Iterable

from fhir_adapters.warehouse.needed import Needed
from rules.engines.columnar.standing import wanted
from rules.pack import Pack


def needed_by(packs: Iterable[Pack]) -> Needed:
    """What the facts of the packs can rest on."""
    asked = wanted([pack.program for pack in packs])
    return Needed(asked.tables, asked.codes, asked.uncoded)
