"""The ledger keeps what was advised, tells it again, and forgets it in time; the same on both databases."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from support.cds_calls import AS_OF, PATIENT, prefetch, resources
from support.ledger import CLIENT, KEY, NOON, accepted, call, card, message, overridden, refer

from fhir_adapters import records_from_resources
from fhir_adapters.errors import KeyUnusable
from fhir_adapters.quarantine import Quarantine
from plugin.cds.advice import advise
from plugin.cds.feedback import Outcome, parse_feedback
from plugin.cds.ledger import CardEntries, CardState, Ledger
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.ledger.pseudonyms import Pseudonyms, key_at
from plugin.cds.ledger.writing import Writer
from plugin.cli.db import command
from plugin.settings import CdsSettings, ClientSettings, Settings
from plugin.store import Store, open_store
from plugin.store.direct import Direct
from plugin.store.tables import METADATA
from plugin.store.tables.cds import CALLS, CARDS, HANDOVERS, QUARANTINE, SUGGESTIONS
from plugin.store.versions import current, migrate
from rules.engines import engine
from rules.fingerprint import fingerprint
from rules.pack import BUILT_IN, load_packs

LONG_AGO = NOON - timedelta(days=1000)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, KEY)


def everything(store: Store) -> str:
    """All that the database holds, as text."""
    with store.read() as connection:
        return " ".join(str(tuple(row)) for table in METADATA.sorted_tables for row in connection.execute(select(table)))


def count(store: Store, table: Any) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_card_is_found_again_by_person_and_topic(ledger: Ledger) -> None:
    food, damp = card("food"), card("damp")
    ledger.record(call(food, damp))
    ledger.record(call(card("food"), patient="p2"))
    (shown,) = ledger.history(CLIENT, "p1", {"food"}, LONG_AGO)
    assert (shown.card, shown.rule, shown.topic, shown.client, shown.at, shown.state) == (food.id, "food", "food", CLIENT, NOON, "returned")
    assert (shown.outcome, shown.reasons, shown.outcome_at) == (None, (), None)
    assert ledger.history(CLIENT, "p1", {"food", "damp"}, NOON + timedelta(seconds=1)) == []
    assert {each.topic for each in ledger.history(CLIENT, "p1", {"food", "damp"}, NOON)} == {"food", "damp"}


def test_history_knows_what_became_of_a_card(ledger: Ledger) -> None:
    food = card()
    ledger.record(call(food))
    ledger.take(parse_feedback(message(overridden(food))), CLIENT, NOON)
    (shown,) = ledger.history(CLIENT, "p1", {"food"}, NOON)
    assert (shown.outcome, [reason.code for reason in shown.reasons]) == (Outcome.OVERRIDDEN, ["patient-refuses"])
    assert shown.outcome_at == NOON + timedelta(seconds=60)


def test_history_remembers_the_silent_and_not_the_suppressed(ledger: Ledger) -> None:
    states = (CardState.RETURNED, CardState.SILENT, CardState.SUPPRESSED)
    ledger.record(call(*(card(state=state, reason="snoozed" if state is CardState.SUPPRESSED else None) for state in states)))
    assert {each.state for each in ledger.history(CLIENT, "p1", {"food"}, NOON)} == {"returned", "silent"}
    assert len(ledger.history(CLIENT, "p1", {"food"}, NOON, states=states)) == 3


def test_the_same_id_in_another_ehr_is_another_person(store: Store) -> None:
    ledger = Ledger(store, KEY, {"portal": "server:epic", "chart": "server:epic"})
    for client in ("portal", "chart", "elsewhere"):
        ledger.record(call(card(), client=client))
    found = {client: [each.client for each in ledger.history(client, "p1", {"food"}, NOON)] for client in ("portal", "elsewhere")}
    assert {client: sorted(names) for client, names in found.items()} == {"portal": ["chart", "portal"], "elsewhere": ["elsewhere"]}
    assert ledger.user_hash("portal", "Practitioner/7") == ledger.user_hash("chart", "Practitioner/7")
    assert ledger.user_hash("portal", "Practitioner/7") != ledger.user_hash("elsewhere", "Practitioner/7")


def test_users_and_encounters_are_kept_as_keyed_hashes(store: Store) -> None:
    ledger = Ledger(store, KEY)
    ledger.record(call(card(), user="Practitioner/dr-seldom", encounter="enc-rare"))
    kept = everything(store)
    assert "seldom" not in kept
    assert "enc-rare" not in kept
    (shown,) = ledger.history(CLIENT, "p1", {"food"}, NOON)
    assert shown.user_hash == ledger.user_hash(CLIENT, "Practitioner/dr-seldom")
    assert shown.encounter_hash == ledger.encounter_hash(CLIENT, "enc-rare")
    assert shown.user_hash != Ledger(store, KEY[::-1]).user_hash(CLIENT, "Practitioner/dr-seldom")
    assert ledger.user_hash(CLIENT, "x") != ledger.encounter_hash(CLIENT, "x")
    assert ledger.user_hash(CLIENT, None) is None


@pytest.mark.requirement("cds-hooks_2.0@82")
def test_a_card_can_be_looked_up_to_ask_again(ledger: Ledger) -> None:
    food = card()
    ledger.record(call(food))
    found = ledger.card(food.id)
    assert found is not None
    assert (found.patient, found.rule, found.version, found.as_of) == ("p1", "food", "1.2.0", date(2026, 6, 30))
    assert (found.evidence, found.not_loaded) == ((("Observation/a1c", "2026-05-02"),), ("goals",))
    assert ledger.card("no such") is None


def test_advice_becomes_an_entry_without_values(store: Store) -> None:
    packs = load_packs(BUILT_IN)
    record = replace(records_from_resources(resources(prefetch()), PATIENT, (), Quarantine()), not_loaded=frozenset({"household"}))
    (advice, *_) = advise(packs, record, date.fromisoformat(AS_OF), engine("reference"), 1)
    entry = CardEntries(packs).of(advice, "card-1", CardState.RETURNED)
    assert entry.rule == entry.topic == advice.rule.id.text
    assert entry.fingerprint == fingerprint(advice.pack.program, entry.rule)
    assert ("Observation/hba1c", "2026-05-02") in entry.evidence
    Ledger(store, KEY).record(call(entry))
    assert "9.6" not in everything(store)


def test_threads_that_write_at_once_lose_nothing(ledger: Ledger) -> None:
    start = Barrier(6)

    def write(number: int) -> None:
        start.wait()
        for _ in range(15):
            ledger.record(call(card("food", refer()), card("damp"), patient=f"p{number}"))

    threads = [Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (count(ledger.store, CALLS), count(ledger.store, CARDS), count(ledger.store, SUGGESTIONS)) == (90, 180, 90)
    assert len(ledger.history(CLIENT, "p3", {"damp"}, NOON)) == 15


class Slow(Store):
    """A store whose transactions wait until they are let."""

    def __init__(self, store: Store, barrier: Barrier) -> None:
        super().__init__(store.engine)
        self.barrier, self.transactions = barrier, 0

    @contextmanager
    def write_direct(self, *, durable: bool = True) -> Iterator[Direct]:
        self.transactions += 1
        if self.transactions == 1:
            self.barrier.wait()
            self.barrier.wait()
        with super().write_direct(durable=durable) as transaction:
            yield transaction


def test_who_waits_for_a_commit_shares_the_next_one_and_a_bad_call_harms_nobody(store: Store) -> None:
    """The first call holds the disk; four others lay their rows down meanwhile, one of them a card that is there already."""
    barrier = Barrier(2)
    slow = Slow(store, barrier)
    ledger, known, failed = Ledger(slow, KEY), card(), []

    def write(entry: Any) -> None:
        try:
            ledger.record(entry)
        except SQLAlchemyError:
            failed.append(entry)

    calls = [call(known), call(card()), call(replace(card(), id=known.id)), call(card()), call(card())]
    threads = [Thread(target=write, args=(entry,)) for entry in calls]
    threads[0].start()
    barrier.wait()
    for thread in threads[1:]:
        thread.start()
    waiting = ledger._writer._waiting
    while len(waiting) < 4:
        waiting = ledger._writer._waiting
    barrier.wait()
    for thread in threads:
        thread.join()
    assert failed == [calls[2]]
    assert count(store, CARDS) == count(store, CALLS) == 4
    assert slow.transactions == 1 + 1 + 4, "one, then all together, then, for one of them was bad, each by itself"


def test_whoever_is_stopped_in_the_middle_leaves_nobody_waiting(store: Store) -> None:
    class Stopped(Store):
        @contextmanager
        def write_direct(self, *, durable: bool = True) -> Iterator[Direct]:
            raise SystemExit
            yield

    writer = Writer(Stopped(store.engine))
    with pytest.raises(SystemExit):
        writer.write({})
    with pytest.raises(SystemExit):
        writer.write({})


def test_old_calls_are_forgotten_with_all_that_hangs_on_them(ledger: Ledger) -> None:
    offer = refer()
    old, new = card("food", offer), card("damp")
    ledger.record(call(old, at=LONG_AGO))
    ledger.record(call(new))
    ledger.take(parse_feedback(message(accepted(old, offer), overridden(card()), 7)), CLIENT, LONG_AGO)
    assert ledger.purge(NOON) == {"calls": 1, "cards": 1, "quarantined": 2}
    assert ledger.card(old.id) is None
    assert ledger.card(new.id) is not None
    assert count(ledger.store, QUARANTINE) == 0
    assert count(ledger.store, HANDOVERS) == 1, "an accepted referral waits until somebody has taken it over"
    assert ledger.purge(NOON) == {}
    assert ledger.take(parse_feedback(message(accepted(old, offer))), CLIENT, NOON).quarantined == {"unknown-card": 1}


def test_the_operator_purges_by_day_or_by_the_setting(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALMONER_CONFIG", raising=False)
    monkeypatch.setenv("ALMONER_DATABASE", database_url)
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    store = open_store(database_url)
    migrate(store)
    ledger = open_ledger(Settings(), store)
    ledger.record(call(card(), at=datetime.now(UTC) - timedelta(days=800)))
    ledger.record(call(card(), at=NOON))
    said = CliRunner().invoke(command, ["purge"], catch_exceptions=False).output
    assert said.splitlines()[0].endswith(": 1 calls, 1 cards")
    said = CliRunner().invoke(command, ["purge", "--before", "2026-11-23"], catch_exceptions=False).output
    assert said.splitlines()[0] == "forgotten from before 2026-11-23: 1 calls, 1 cards"
    store.close()


def test_a_step_back_takes_the_ledger_and_leaves_the_rest(store: Store) -> None:
    migrate(store, "0001")
    assert current(store) == "0001"
    with store.read() as connection:
        assert not store.engine.dialect.has_table(connection, "cds_calls")
        assert store.engine.dialect.has_table(connection, "seen_tokens")
    migrate(store)
    Ledger(store, KEY).record(call(card("food", refer())))


# ---------------------------------------------------------------- the key


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.key"
    found: list[bytes] = []
    threads = [Thread(target=lambda: found.append(key_at(str(path)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["ledger.key"]
    assert found[0].decode() not in repr(Pseudonyms(found[0]))


def test_a_key_that_is_not_safe_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.key"
    path.write_text("s3cret" * 8)
    path.chmod(0o640)
    monkeypatch.setenv("SHORT", "s3cret")
    monkeypatch.setenv("GOOD", "s3cret" * 8)
    for reference in (str(path), "env:SHORT", "env:MISSING", str(tmp_path / "ledger.key" / "below")):
        with pytest.raises(KeyUnusable) as refused:
            key_at(reference)
        assert "s3cret" not in str(refused.value)
    assert key_at("env:GOOD") == b"s3cret" * 8


def test_clients_of_one_server_share_patients(store: Store, tmp_path: Path) -> None:
    clients = {name: ClientSettings(issuer=name, server="ehr") for name in ("a", "b")}
    ledger = open_ledger(Settings(state=tmp_path, cds=CdsSettings(clients=clients)), store)
    ledger.record(call(card(), client="a"))
    assert len(ledger.history("b", "p1", {"food"}, NOON)) == 1
