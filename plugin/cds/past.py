"""What of a chart lies too far back to change a card: many charts hold decades, and most rules ask about a year or two."""

from collections.abc import Iterable
from datetime import date, timedelta

from fhir_adapters.mapping import DATED, Past
from fhir_adapters.social import Aspect, crosswalk
from plugin.cds.prefetch import SLACK
from plugin.cds.wish import STALE_AFTER
from rules.facts import TABLES
from rules.horizon import horizons
from rules.ir import Program


def past(programs: Iterable[Program], today: date) -> Past:
    """What began before all windows of the programs, and so long ago that a card cannot tell it from nothing (`plugin.cds.wish`).

    An answer to whether somebody wants help is told on a card however old it is.
    """
    found = {}
    for table, days in horizons(programs).items():
        reach = max(timedelta(days=days), STALE_AFTER) + timedelta(days=SLACK)
        first = today - min(reach, today - date.min)
        found.update({name: first for name in TABLES[table].resource_types if name in DATED})
    asking = (code for code, meanings in crosswalk().questions.items() if any(m.aspect is not Aspect.RISK for m in meanings))
    return Past(found, frozenset(asking))
