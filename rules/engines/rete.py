"""The *durable* engine: facts reduced in Python, rules fired by durable_rules in a child process.

An independent second opinion: its rules layer shares no code with the reference engine's logic. See `rules.engines.horn` for what
durable_rules is given and `rules.engines.rete_child` for how it is kept safe.
"""

import importlib.util
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from threading import Lock
from typing import IO, Final

from rules.engines.base import Evaluation
from rules.engines.frames import read_frame, write_frame
from rules.engines.horn import HornProgram
from rules.engines.reference import reduce_facts
from rules.errors import EngineError, EngineUnavailable
from rules.facts import PersonRecord, Value
from rules.ir import Program

ANSWER_SECONDS: Final = 5.0
"""How long the child may take for one person (it needs under a millisecond) before it is taken for dead."""


class DurableEngine:
    """Evaluates one person at a time with durable_rules. Safe to share between threads."""

    name = "durable"

    def __init__(self) -> None:
        """Nothing starts until the first evaluation.

        Raises:
            EngineUnavailable: durable_rules cannot be imported by this Python.
        """
        reason = why_unavailable()
        if reason:
            raise EngineUnavailable(reason)
        self._children: dict[int, _Child] = {}
        self._programs: dict[int, Program] = {}
        self._lock = Lock()

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`.

        Raises:
            EngineLimit: the program is more than durable_rules can hold safely.
            EngineError: the child process died twice on one person.
        """
        child = self._child(program)
        for record in people:
            facts = {name: result.value for name, result in reduce_facts(program, record, as_of).items()}
            yield Evaluation(record.person.id, facts, child.answers(facts))

    def close(self) -> None:
        """End the child processes."""
        for child in self._children.values():
            child.stop()
        self._children.clear()
        self._programs.clear()

    def _child(self, program: Program) -> "_Child":
        key = id(program)
        with self._lock:
            if key not in self._children:
                self._children[key] = _Child(HornProgram(program))
                self._programs[key] = program  # keeps the id from being used again
            return self._children[key]


def why_unavailable() -> str:
    """Why durable_rules cannot run here, or the empty string."""
    if sys.version_info >= (3, 13):
        return "durable_rules 2.0.28 does not load on Python 3.13 or later: use Python 3.11 or 3.12, or --engine reference"
    if importlib.util.find_spec("durable_rules_engine") is None:
        return "durable_rules is not installed: pip install durable-rules==2.0.28 (it needs a C compiler), or use --engine reference"
    return ""


class _Child:
    """One child process for one program; restarted when it dies, once for each person."""

    def __init__(self, program: HornProgram) -> None:
        self._program = program
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    def answers(self, facts: dict[str, Value]) -> dict[str, bool | None]:
        request = json.dumps(self._program.messages(facts)).encode()
        with self._lock:
            reply = self._ask(request)
            if reply is None:
                self.restarts += 1
                reply = self._ask(request)
        if reply is None:
            raise EngineError("durable_rules died twice on the same person; the reference engine can answer")
        return self._program.answers(self._program.heads[i] for i in json.loads(reply))

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, request: bytes) -> bytes | None:
        process = self._process or self._start()
        reply = _exchange(process, request) if process else None
        if reply is None:
            self._end()
        return reply

    def _start(self) -> subprocess.Popen[bytes] | None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rules.engines.rete_child"], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        hello = json.dumps([self._program.ruleset(), json.dumps(self._program.heads)]).encode()
        return self._process if _exchange(self._process, hello) == b'"ready"' else None

    def _end(self) -> None:
        if self._process is None:
            return
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                _close_quietly(stream)
        self._process.kill()
        self._process.wait()
        self._process = None


def _close_quietly(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return  # the child was gone already: nothing was lost, its answer had not been used


def _exchange(process: "subprocess.Popen[bytes]", request: bytes) -> bytes | None:
    """Send a frame and wait for its answer; ``None`` if the child died or did not answer in time."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        write_frame(process.stdin, request)
    except BrokenPipeError:
        return None
    return read_frame(_Patient(process.stdout))


class _Patient:
    """Reads from the child, but gives up when it is silent for `ANSWER_SECONDS`, be it in the middle of a frame."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """``size`` bytes, or fewer if the child ended or fell silent."""
        found = b""
        while len(found) < size:
            ready, _, _ = select.select([self._stream], [], [], ANSWER_SECONDS)
            piece = os.read(self._stream.fileno(), size - len(found)) if ready else b""
            if not piece:
                break
            found += piece
        return found
