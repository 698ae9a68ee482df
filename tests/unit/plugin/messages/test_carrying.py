"""From the store to the gateways: tried again where nothing was taken, never where somebody could get it twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select, update
from support.messages import CARE, NOON, Carrier, Desk, desk_at

from plugin.access import verify
from plugin.messages.carrying import GIVES_UP, LEASE, carry_out
from plugin.messages.gateways.gateway import Outgoing, Result, Word
from plugin.outreach import acting
from plugin.outreach.acting import Grip
from plugin.outreach.restricting import restrict
from plugin.outreach.words import Restriction
from plugin.store import Store
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import ATTEMPTS

EMAIL = "ana@example.org"
SOON = NOON + timedelta(minutes=6)


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    found = desk_at(store, tmp_path)
    found.agree("a", "email", EMAIL)
    found.agree("a", "sms", "+1 555 0101")
    return found


def carried(desk: Desk, carrier: Carrier, at: datetime = NOON) -> dict[str, int]:
    return dict(carry_out(desk.store, {"smtp": carrier}, lambda: at))


def test_what_was_taken_is_sent_once(desk: Desk) -> None:
    desk.send("a")
    carrier = Carrier()
    assert carried(desk, carrier) == {"sent": 1}
    assert carried(desk, carrier, SOON) == {}
    (got,) = carrier.got
    assert (got.address, got.subject, got.language) == (EMAIL, "Help with getting food", "en")
    assert (desk.message().state, desk.message().tries, desk.message().due, desk.outcome()) == ("sent", 1, None, "sent")
    assert desk.whole("a").episode.row.last_outcome == "sent"
    with desk.store.read() as connection:
        assert verify(connection) > 0


def test_what_was_put_off_is_tried_again_after_a_while(desk: Desk) -> None:
    desk.send("a")
    carrier = Carrier([Result(Word.LATER, "smtp 451")])
    assert carried(desk, carrier) == {"waits": 1}
    assert (desk.message().reason, desk.outcome()) == ("smtp 451", "sending")
    assert carried(desk, carrier, NOON + timedelta(minutes=4)) == {}
    assert carried(desk, carrier, SOON) == {"sent": 1}
    assert [message.id for message in carrier.got] == ["m-1", "m-1"]


def test_what_never_goes_is_held_back_after_two_days(desk: Desk) -> None:
    desk.send("a")
    carrier, at = Carrier([Result(Word.LATER, "smtp 451")] * 100), NOON
    while desk.message().due is not None:
        carried(desk, carrier, at)
        at += timedelta(hours=5)
    assert (desk.message().state, desk.message().reason, desk.outcome()) == ("held", "too late", "held-back")
    assert at - NOON < GIVES_UP + timedelta(hours=11)


def test_what_was_refused_is_undeliverable_and_counts(desk: Desk) -> None:
    desk.send("a")
    assert carried(desk, Carrier([Result(Word.FAILED, "smtp 550")])) == {"failed": 1}
    assert (desk.message().reason, desk.outcome()) == ("smtp 550", "undeliverable")


def test_what_nobody_knows_is_said_and_not_tried_again(desk: Desk) -> None:
    desk.send("a")
    carrier = Carrier([Result(Word.UNKNOWN, "TimeoutError after the words")])
    assert carried(desk, carrier) == {"unknown": 1}
    assert carried(desk, carrier, NOON + timedelta(days=1)) == {}
    assert (len(carrier.got), desk.outcome()) == (1, "not-known")


def test_what_was_handed_over_is_asked_for_until_it_is_known(desk: Desk) -> None:
    desk.send("a")
    carrier = Carrier([Result(Word.HANDED)], seen=Result(Word.HANDED, "parked"))
    assert carried(desk, carrier) == {"handed": 1}
    assert carried(desk, carrier, NOON + timedelta(minutes=20)) == {"handed": 1}
    assert (desk.message().reason, desk.outcome()) == ("parked", "sending")
    carrier.seen = Result(Word.SENT)
    assert carried(desk, carrier, NOON + timedelta(hours=1)) == {"sent": 1}
    assert len(carrier.got) == 1


def test_what_is_not_where_it_was_handed_to_is_not_handed_over_twice(desk: Desk) -> None:
    desk.send("a")
    carrier = Carrier([Result(Word.HANDED)], seen=Result(Word.LATER))
    carried(desk, carrier)
    assert carried(desk, carrier, NOON + timedelta(minutes=20)) == {"unknown": 1}


class Killed(BaseException):
    """The process ends."""


class Deadly(Carrier):
    """Takes the message, and the process with it."""

    def send(self, message: Outgoing) -> Result:
        super().send(message)
        raise Killed


@pytest.mark.parametrize(("found", "state", "tries"), [(Word.UNKNOWN, "unknown", 1), (Word.SENT, "sent", 1), (Word.LATER, "waits", 1)])
def test_whoever_is_killed_while_sending_leaves_what_is_looked_at_first(desk: Desk, found: Word, state: str, tries: int) -> None:
    desk.send("a")
    deadly = Deadly(seen=Result(found))
    with pytest.raises(Killed):
        carried(desk, deadly)
    assert desk.message().state == "going"
    carrier = Carrier(seen=Result(found))
    assert carried(desk, carrier, NOON + LEASE - timedelta(minutes=1)) == {}
    assert carried(desk, carrier, NOON + LEASE) == {state: 1}
    assert (carrier.got, desk.message().tries) == ([], tries)


def test_whoever_was_only_slow_is_believed_what_they_know(desk: Desk) -> None:
    desk.send("a")

    class Slow(Carrier):
        def send(self, message: Outgoing) -> Result:
            assert carried(desk, Carrier(), NOON + LEASE) == {"unknown": 1}
            return Result(Word.SENT)

    assert carried(desk, Slow()) == {}
    assert (desk.message().state, desk.outcome()) == ("sent", "sent")


@pytest.mark.parametrize(
    ("thought", "known", "state", "outcome"),
    [
        (Word.UNKNOWN, Word.LATER, "waits", "sending"),
        (Word.UNKNOWN, Word.FAILED, "failed", "undeliverable"),
        (Word.LATER, Word.SENT, "sent", "sent"),
        (Word.LATER, Word.FAILED, "failed", "undeliverable"),
        (Word.LATER, Word.UNKNOWN, "unknown", "not-known"),
        (Word.SENT, Word.LATER, "sent", "sent"),
    ],
)
def test_what_was_thought_of_whoever_was_slow_gives_way_to_what_they_know(
    desk: Desk, thought: Word, known: Word, state: str, outcome: str
) -> None:
    desk.send("a")

    class Slow(Carrier):
        def send(self, message: Outgoing) -> Result:
            assert len(carried(desk, Carrier(seen=Result(thought)), NOON + LEASE)) == 1
            return Result(known, "late")

    assert carried(desk, Slow()) == {}
    assert (desk.message().state, desk.outcome()) == (state, outcome)
    again = Carrier()
    carried(desk, again, NOON + timedelta(hours=4))
    assert len(again.got) == (state == "waits")
    with desk.store.read() as connection:
        assert verify(connection) > 0


class Day:
    """A clock that goes on by some minutes whenever it is looked at."""

    def __init__(self, minutes: float, at: datetime = NOON) -> None:
        self.at, self.step = at, timedelta(minutes=minutes)

    def __call__(self) -> datetime:
        self.at += self.step
        return self.at


def test_each_message_has_a_lease_of_its_own_however_long_the_run_takes(desk: Desk) -> None:
    desk.agree("c", "email", "cem@example.org")
    desk.send("a", "m-1")
    desk.send("c", "m-2", topic="neutral")
    clock = Day(0)

    class Slow(Carrier):
        def send(self, message: Outgoing) -> Result:
            assert desk.message(message.id).due == clock.at + LEASE
            clock.at += LEASE
            return super().send(message)

    assert dict(carry_out(desk.store, {"smtp": Slow()}, clock)) == {"sent": 2}


def test_who_begins_in_the_evening_sends_nothing_at_night(desk: Desk) -> None:
    desk.agree("c", "sms", "+1 555 0102")
    for patient, id in (("a", "m-1"), ("c", "m-2")):
        desk.send(patient, id, channel="sms", topic="neutral")
    carrier, clock = Carrier(), Day(12, NOON.replace(hour=19, minute=15))
    assert dict(carry_out(desk.store, {"smtp": carrier}, clock)) == {"sent": 1, "waits": 1}
    assert [message.id for message in carrier.got] == ["m-1"]


def test_what_breaks_a_gateway_holds_nothing_else_up(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.agree("c", "email", "cem@example.org")
    desk.send("a", "m-1")
    desk.send("c", "m-2", topic="neutral")

    class Fragile(Carrier):
        def send(self, message: Outgoing) -> Result:
            if message.id == "m-1":
                raise LookupError(message.address)
            return super().send(message)

    assert carried(desk, Fragile()) == {"unknown": 1, "sent": 1}
    assert (desk.message("m-1").reason, desk.outcome("m-1")) == ("LookupError in the gateway", "not-known")
    assert "m-1" in caplog.text
    assert EMAIL not in caplog.text


def test_of_many_who_carry_at_one_time_one_sends(desk: Desk) -> None:
    desk.send("a")
    carrier, start = Carrier(), Barrier(4)

    def carry() -> None:
        start.wait()
        carried(desk, carrier)

    threads = [Thread(target=carry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(carrier.got) == 1
    assert desk.message().state == "sent"


def _close(desk: Desk) -> None:
    row = desk.whole("a").episode.row
    with desk.store.write() as connection:
        acting.close(connection, CARE, Grip(row.id, row.version), "already-done", NOON)


def _restrict(desk: Desk) -> None:
    with desk.store.write() as connection:
        restrict(connection, CARE, "a", Restriction.UNSAFE, NOON)


CHANGES: dict[str, tuple[Callable[[Desk], None], str]] = {
    "closed": (_close, "the conversation is over"),
    "unsafe": (_restrict, "not to be reached this way"),
    "leave taken back": (lambda desk: desk.agree("a", "email", ""), "not agreed to any more"),
    "another address": (lambda desk: desk.agree("a", "email", "ana@home.example.org"), "not agreed to any more"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_came_up_on_the_way_holds_it_back(desk: Desk, change: str) -> None:
    desk.send("a")
    meanwhile, why = CHANGES[change]
    meanwhile(desk)
    carrier = Carrier()
    assert carried(desk, carrier) == {"held": 1}
    assert (carrier.got, desk.message().reason, desk.outcome()) == ([], why, "held-back")


def test_at_night_it_waits_for_the_morning_and_its_own_attempt_is_no_contact_too_many(desk: Desk) -> None:
    desk.send("a", "m-0", by=None, channel="letter")
    desk.send("a", channel="sms", at=NOON)
    carrier = Carrier()
    with desk.store.write() as connection:
        connection.execute(update(MESSAGES).where(MESSAGES.c.id == "m-1").values(due=NOON.replace(hour=22)))
    assert carried(desk, carrier, NOON.replace(hour=22)) == {"waits": 1}
    assert desk.message().reason == "not at this moment"
    assert carried(desk, carrier, NOON.replace(hour=9) + timedelta(days=1)) == {"sent": 1}


def test_what_a_gateway_carried_that_the_settings_name_no_more_stays_waiting(desk: Desk) -> None:
    desk.send("a", by="files")
    assert carried(desk, Carrier()) == {}
    assert desk.message().state == "waits"


def test_with_a_forgotten_conversation_its_messages_go(desk: Desk) -> None:
    desk.send("a")
    _close(desk)
    from plugin.outreach.forgetting import forget

    with desk.store.write() as connection:
        assert forget(connection, NOON + timedelta(days=1), NOON + timedelta(days=2)) == 1
    with desk.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(MESSAGES)) == 0
        assert connection.scalar(select(func.count()).select_from(ATTEMPTS)) == 0
