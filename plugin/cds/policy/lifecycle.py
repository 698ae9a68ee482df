"""Since when rules are what they are: noted whenever a service starts, because a pack does not say it of itself."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from plugin.cds.ledger import CardEntries
from plugin.store import Store
from plugin.store.inserting import insert_new
from plugin.store.tables.policy import RULE_STATES
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class Period:
    """For how long a rule had one status and one meaning."""

    status: str
    fingerprint: str
    since: datetime
    until: datetime | None = None
    """``None``: it has them still."""

    def days(self, now: datetime) -> int:
        """Whole days of it until ``now``."""
        return max(0, ((self.until or now) - self.since).days)


def note(store: Store, packs: Iterable[Pack], at: datetime) -> None:
    """Write down every rule whose status or meaning is not what was last written."""
    packs = tuple(packs)
    entries, known = CardEntries(packs), periods(store)
    rows = []
    for rule in (rule for pack in packs for rule in pack.document.rules):
        name = rule.id.text
        now = (rule.status, entries.fingerprint(name))
        last = known.get(name, ())
        if not last or (last[-1].status, last[-1].fingerprint) != now:
            rows.append({"rule": name, "since": at, "status": now[0], "fingerprint": now[1]})
    if rows:
        with store.write() as connection:
            insert_new(connection, RULE_STATES, rows)


def periods(store: Store) -> Mapping[str, Sequence[Period]]:
    """Rule → its periods, the oldest first. Several services that start at one time note the same twice: that is one period."""
    found: dict[str, list[Period]] = defaultdict(list)
    with store.read() as connection:
        for row in connection.execute(select(RULE_STATES).order_by(RULE_STATES.c.rule, RULE_STATES.c.since)):
            mine = found[row.rule]
            if mine and (mine[-1].status, mine[-1].fingerprint) == (row.status, row.fingerprint):
                continue
            if mine:
                mine[-1] = replace(mine[-1], until=row.since)
            mine.append(Period(row.status, row.fingerprint, row.since))
    return dict(found)
