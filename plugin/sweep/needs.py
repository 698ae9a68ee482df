"""What of their source the rules of some packs can ever look at."""

from collections.abc import Iterable

from fhir_adapters.warehouse.bucket import Buckets
from fhir_adapters.warehouse.needed import Needed
from rules.engines.columnar.standing import Wanted, wanted, wanted_of_others
from rules.pack import Pack


def needed_by(packs: Iterable[Pack]) -> Needed:
    """What the facts of the packs can rest on."""
    return _needed(wanted([pack.program for pack in packs]))


def want(buckets: Buckets, packs: Iterable[Pack]) -> None:
    """Have that read, and nothing else; tags if some fact tells events apart by them.

    Raises:
        WarehouseNarrow: the warehouse lacks some of it.
    """
    programs = [pack.program for pack in packs]
    asked, of_others = wanted(programs), wanted_of_others(programs)
    buckets.want(_needed(asked), _needed(of_others), tagged=asked.tagged)


def _needed(asked: Wanted) -> Needed:
    return Needed(asked.tables, asked.codes, asked.uncoded)
