"""What of their source the rules of some packs can ever look at."""

from collections.abc import Iterable

from fhir_adapters.warehouse.needed import Needed
from rules.engines.columnar.standing import Wanted, wanted, wanted_of_others
from rules.pack import Pack


def needed_by(packs: Iterable[Pack]) -> Needed:
    """What the facts of the packs can rest on."""
    return _needed(wanted([pack.program for pack in packs]))


def needed_of_others(packs: Iterable[Pack]) -> Needed:
    """What of it the facts can rest on that ask of everybody at the address."""
    return _needed(wanted_of_others([pack.program for pack in packs]))


def needs_tags(packs: Iterable[Pack]) -> bool:
    """Whether some fact asks for the tags of events."""
    return any(series.tags for pack in packs for series in pack.program.series())


def _needed(asked: Wanted) -> Needed:
    return Needed(asked.tables, asked.codes, asked.uncoded)
