"""What is made when first asked for is whole or not there at all: another thread may ask while it is made."""

from collections.abc import Iterator

import pytest

from rules import ir
from rules.facts import Coding, Event, Person, PersonRecord
from rules.ir import Derived, PatientFact, Program, derive
from rules.logic import Condition, Holds, Judge

DEAD = PatientFact("dead", "deceased", "yes/no")
CODES = [Coding("http://loinc.org", code) for code in ("4548-4", "85354-9", "44261-6")]


def test_the_conditions_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program((DEAD,), tuple(Derived(name, Holds("dead")) for name in "abc"), ())
    real, made, seen = ir.judge, list[Condition](), list[dict[str, bool | None]]()

    def interrupted(condition: Condition) -> Judge:
        made.append(condition)
        if len(made) == 2:
            seen.append(derive(program, {"dead": True}))
        return real(condition)

    monkeypatch.setattr(ir, "judge", interrupted)
    seen.append(derive(program, {"dead": True}))
    assert seen == [dict.fromkeys("abc", True)] * 2


def test_the_codes_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    record = PersonRecord(Person("a"), tuple(Event("observations", "Observation/1", codes=(code,)) for code in CODES))
    real, seen, asking = PersonRecord.ordered, list[int](), False

    def interrupted(self: PersonRecord) -> Iterator[Event]:
        nonlocal asking
        for event in real(self):
            yield event
            if not asking:
                asking = True
                seen.append(len(list(self.having(frozenset(CODES)))))
                asking = False

    monkeypatch.setattr(PersonRecord, "ordered", interrupted)
    seen.append(len(list(record.having(frozenset(CODES)))))
    assert seen == [3, 3, 3, 3]
