"""The durable engine survives the death of its child process; the verify engine survives a second engine that errs."""

import logging
import os
import resource
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from threading import Thread
from typing import IO

import pytest

from rules.conformance.populations import World, random_world
from rules.engines import Evaluation
from rules.engines import rete as durable
from rules.engines.reference import ReferenceEngine
from rules.engines.rete import DurableEngine
from rules.engines.verify import Second, VerifyEngine
from rules.errors import EngineError, EngineLimit, EngineUnavailable
from rules.facts import PersonRecord, Value
from rules.ir import Derived, PatientFact, Program, derive
from rules.logic import Compare

SECRET = "ZZ" + "CANARY-NAME"


@pytest.fixture(scope="module")
def world() -> World:
    world = random_world("durable", rules=8, people=30)
    return replace(world, people=tuple(replace(r, person=replace(r.person, name=SECRET)) for r in world.people))


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    engine = DurableEngine()
    yield engine
    engine.close()


def child_of(engine: DurableEngine) -> durable._Child:
    (child,) = engine._children.values()
    return child


def pid_of(engine: DurableEngine) -> int:
    process = child_of(engine)._process
    assert process is not None
    return process.pid


def test_a_process_with_thousands_of_open_files_can_still_ask(world: World, engine: DurableEngine) -> None:
    """A server under load holds a connection for each call."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this user may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1050)]
    try:
        found = list(engine.evaluate(world.program, world.people[:2], world.as_of))
    finally:
        for each in opened:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [each.answers for each in found] == [e.answers for e in ReferenceEngine().evaluate(world.program, world.people[:2], world.as_of)]


def test_a_killed_child_is_replaced_and_nothing_is_lost(world: World, engine: DurableEngine) -> None:
    expected = list(ReferenceEngine().evaluate(world.program, world.people, world.as_of))
    found = []
    for number, evaluation in enumerate(engine.evaluate(world.program, world.people, world.as_of)):
        found.append(evaluation)
        if number % 10 == 5:
            os.kill(pid_of(engine), signal.SIGKILL)
    assert found == expected
    assert child_of(engine).restarts == 3


def test_a_child_that_hangs_is_replaced(world: World, engine: DurableEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    people = iter(engine.evaluate(world.program, world.people[:2], world.as_of))
    first = next(people)
    monkeypatch.setattr(durable, "ANSWER_SECONDS", 0.5)
    stopped = pid_of(engine)
    os.kill(stopped, signal.SIGSTOP)
    assert [first, next(people)] == list(ReferenceEngine().evaluate(world.program, world.people[:2], world.as_of))
    assert child_of(engine).restarts == 1
    assert pid_of(engine) != stopped


def test_a_child_that_takes_no_question_does_not_hold_us(world: World, engine: DurableEngine) -> None:
    """A pipe holds 64 KiB; a longer question must be taken out at the other end."""
    next(engine.evaluate(world.program, world.people, world.as_of))
    os.kill(pid_of(engine), signal.SIGSTOP)
    channel = child_of(engine)._channel
    assert channel is not None
    assert channel.exchange(b"x" * 1_000_000, 0.2) is None


NONSENSE = {
    "no JSON": b"\x05\x00\x00\x00[1, 2",
    "not even a frame": b"\x05",
    "a frame that is too long": b"\xff\xff\xff\xff" + b"x" * 100,
    "another question's answer": b"\x07\x00\x00\x00[0, []]",
    "a clause that does not exist": b"\x0a\x00\x00\x00[1, [9999]]",
    "no list": b"\x06\x00\x00\x00[1, 2]",
    "no pair": b"\x01\x00\x00\x007",
    "deep brackets": b"\xa0\x86\x01\x00" + b"[" * 100_000,
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_child_that_answers_nonsense_is_replaced(world: World, engine: DurableEngine, nonsense: bytes) -> None:
    people = iter(engine.evaluate(world.program, world.people[:2], world.as_of))
    first = next(people)
    child = child_of(engine)
    assert child._channel is not None
    child._asked = 0
    with fed(nonsense) as stream:
        real, child._channel._output = child._channel._output, stream
        answers = [first, next(people)]
        real.close()
    assert answers == list(ReferenceEngine().evaluate(world.program, world.people[:2], world.as_of))
    assert child.restarts == 1


@contextmanager
def fed(data: bytes) -> Iterator[IO[bytes]]:
    """The reading end of a pipe that holds these bytes and no more."""
    ours, theirs = os.pipe()
    writer = Thread(target=lambda: os.write(theirs, data) and os.close(theirs))
    writer.start()
    with os.fdopen(ours, "rb", buffering=0) as stream:
        yield stream
    writer.join()


@pytest.mark.parametrize("end", ["_input", "_output"])
def test_a_closed_pipe_is_replaced(world: World, engine: DurableEngine, end: str) -> None:
    people = iter(engine.evaluate(world.program, world.people[:2], world.as_of))
    first = next(people)
    getattr(child_of(engine)._channel, end).close()
    assert [first, next(people)] == list(ReferenceEngine().evaluate(world.program, world.people[:2], world.as_of))


def test_a_forked_process_asks_a_child_of_its_own(world: World, engine: DurableEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that read from one child would get each other's answers."""
    people = iter(engine.evaluate(world.program, world.people[:2], world.as_of))
    first, process = next(people), child_of(engine)._process
    assert process is not None
    monkeypatch.setattr(durable.os, "getpid", lambda: 1)
    assert [first, next(people)] == list(ReferenceEngine().evaluate(world.program, world.people[:2], world.as_of))
    assert pid_of(engine) != process.pid
    assert child_of(engine).restarts == 0
    assert os.waitpid(process.pid, 0) == (process.pid, 0)  # its pipe closed, it ended by itself


def test_a_child_that_cannot_start_is_told(world: World, engine: DurableEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.engines.rete.sys.executable", shutil.which("false"))
    with pytest.raises(EngineError, match="died twice on the same person"):
        next(engine.evaluate(world.program, world.people, world.as_of))


def test_the_engine_serves_again_after_it_was_closed(world: World, engine: DurableEngine) -> None:
    before = list(engine.evaluate(world.program, world.people[:3], world.as_of))
    pid = pid_of(engine)
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert list(engine.evaluate(world.program, world.people[:3], world.as_of)) == before


def test_one_person_leaves_nothing_behind_for_the_next(world: World, engine: DurableEngine) -> None:
    """The same person again, after everybody else, gets the same answers."""
    first, *_ = engine.evaluate(world.program, world.people, world.as_of)
    (again,) = engine.evaluate(world.program, world.people[:1], world.as_of)
    assert again == first


def test_a_program_without_rules(engine: DurableEngine, world: World) -> None:
    empty = Program((), (), ())
    assert [e.answers for e in engine.evaluate(empty, world.people[:2], world.as_of)] == [{}, {}]


def test_where_durable_rules_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.engines.rete.importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"durable_rules is not installed.*--engine reference"):
        DurableEngine()


# ---------------------------------------------------------------- verify


class Liar:
    """Says the contrary of the first rule."""

    name = "liar"

    def __init__(self, error: EngineError | None = None) -> None:
        self.error = error
        self.closed = False

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        return ReferenceEngine().evaluate(program, people, as_of)

    def answers(self, program: Program, facts: Mapping[str, Value]) -> dict[str, bool | None]:
        if self.error:
            raise self.error
        answers, rule = derive(program, facts), program.rules[0]
        return {**answers, rule: None if answers[rule] else True}

    def close(self) -> None:
        self.closed = True


def verified(second: Second, world: World) -> tuple[VerifyEngine, list[Evaluation]]:
    engine = VerifyEngine(ReferenceEngine(), second)
    return engine, list(engine.evaluate(world.program, world.people, world.as_of))


def test_agreement_is_counted(world: World, engine: DurableEngine) -> None:
    verify, answers = verified(engine, world)
    assert answers == list(ReferenceEngine().evaluate(world.program, world.people, world.as_of))
    assert verify.outcomes == {"agreed": len(world.people)}


def test_a_difference_is_counted_and_logged_and_the_first_answer_stands(world: World, caplog: pytest.LogCaptureFixture) -> None:
    verify, answers = verified(Liar(), world)
    assert answers == list(ReferenceEngine().evaluate(world.program, world.people, world.as_of))
    assert verify.outcomes == {"differed": len(world.people)}
    assert {r.getMessage() for r in caplog.records} == {"engines_differ first=reference second=liar names=r0"}
    assert {r.levelno for r in caplog.records} == {logging.ERROR}


@pytest.mark.parametrize("error", [EngineError("died"), EngineLimit("too large"), EngineUnavailable("not here")])
def test_a_second_engine_that_fails_is_counted_and_the_first_answer_stands(
    world: World, error: EngineError, caplog: pytest.LogCaptureFixture
) -> None:
    verify, answers = verified(Liar(error), world)
    assert len(answers) == len(world.people)
    assert verify.outcomes == {"failed": len(world.people)}
    assert {r.getMessage() for r in caplog.records} == {f"engine_failed engine=liar reason={type(error).__name__}"}


def test_a_program_that_durable_cannot_hold_is_still_answered(world: World, engine: DurableEngine) -> None:
    program = Program((PatientFact("n", "age", "number"),), (Derived("r", Compare("n", ">", 1e300)),), ("r",))
    verify = VerifyEngine(ReferenceEngine(), engine)
    assert len(list(verify.evaluate(program, world.people, world.as_of))) == len(world.people)
    assert verify.outcomes == {"failed": len(world.people)}


def test_closing_closes_both() -> None:
    first, second = Liar(), Liar()
    VerifyEngine(first, second).close()
    assert (first.closed, second.closed) == (True, True)
