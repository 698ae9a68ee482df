"""What canaries got, against what they must and must not get; and what is remembered of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from plugin.cds.canaries.asking import Asked
from plugin.cds.canaries.people import Canary
from plugin.cds.clients.profile import ClientProfile
from plugin.cds.fitting import topic_code
from plugin.store import Store
from plugin.store.inserting import upsert
from plugin.store.tables.policy import CANARY_RUNS
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class Run:
    """One time all canaries were sent."""

    people: int
    problems: tuple[str, ...]
    """What differs."""
    not_asked: tuple[str, ...]
    """Rules that canaries name and that speak to nobody: silent, out of date, or of no pack."""
    unguarded: tuple[str, ...]
    """Rules in use of which no canary must get a card."""


def run(asked: Asked, canaries: Sequence[Canary], packs: Iterable[Pack], profile: ClientProfile, today: date) -> Run:
    """Send them all. Raises `fhir_adapters.errors.AdapterError` if the service cannot be reached, or offers nothing."""
    speaking = {rule.id.text for pack in packs for rule in pack.document.rules if rule.is_shown(today)}
    codes = {topic_code(rule, profile): rule for rule in speaking}
    problems: list[str] = []
    for canary in canaries:
        service = asked.offered(canary.hook)
        cards = asked.cards(service.id, canary.call(service.prefetch))
        topics = [card.get("source", {}).get("topic", {}).get("code", "") for card in cards]
        got = {codes.get(topic, topic) for topic in topics}
        problems += [f"{canary.id} ({canary.about}): no card of {rule}" for rule in canary.must if rule in speaking and rule not in got]
        problems += [f"{canary.id} ({canary.about}): a card of {rule}" for rule in canary.must_not if rule in got]
    named = {rule for canary in canaries for rule in canary.must}
    return Run(len(canaries), tuple(problems), tuple(sorted(named - speaking)), tuple(sorted(speaking - named)))


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last run for a client."""

    client: str
    at: datetime
    people: int
    problems: tuple[str, ...]


def remember(store: Store, client: str, found: Run, at: datetime) -> None:
    """Keep the outcome instead of the last one."""
    row = {"at": at, "people": found.people, "problems": list(found.problems)}
    with store.write() as connection:
        insert = upsert(connection, CANARY_RUNS).values(client=client, **row)
        connection.execute(insert.on_conflict_do_update(index_elements=[CANARY_RUNS.c.client], set_=row))


def last_runs(store: Store) -> tuple[Remembered, ...]:
    """The last run for each client."""
    with store.read() as connection:
        rows = connection.execute(select(CANARY_RUNS).order_by(CANARY_RUNS.c.client)).all()
    return tuple(Remembered(row.client, row.at, row.people, tuple(row.problems)) for row in rows)
