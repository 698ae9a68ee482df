"""The *durable* engine: facts reduced in Python, rules fired by durable_rules in a child process.

An independent second opinion: its rules layer shares no code with the reference engine's logic. See `rules.engines.horn` for what
durable_rules is given and `rules.engines.rete_child` for how it is kept safe.
"""

import importlib.util
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Final

from rules.engines.base import Evaluation
from rules.engines.channel import Channel
from rules.engines.horn import HornProgram
from rules.engines.reference import reduce_facts
from rules.engines.stages import stages
from rules.errors import EngineError, EngineUnavailable
from rules.facts import PersonRecord, Value
from rules.ir import Derived, Program

LOG = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 5.0
"""How long the child may take for one rule set and one person (it needs under a millisecond) before it is taken for dead."""
START_SECONDS: Final = 30.0
"""How long it may take to start and to build a rule set: on a busy machine, seconds."""


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
            EngineLimit: the program compares with numbers that durable_rules cannot hold.
            EngineError: the child process died twice on one person.
        """
        for record in people:
            facts = {name: result.value for name, result in reduce_facts(program, record, as_of).items()}
            yield Evaluation(record.person.id, facts, self.answers(program, facts))

    def answers(self, program: Program, facts: Mapping[str, Value]) -> dict[str, bool | None]:
        """Every derived fact and rule, given the base facts of one person. Raises what `evaluate` does."""
        return self._child(program).answers(facts)

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
                self._children[key] = _Child(stages(program, program.twins), [d.name for d in program.derived])
                self._programs[key] = program  # keeps the id from being used again
            return self._children[key]


class DurableRules:
    """Formulas over values that are given, asked of durable_rules in a child process of their own. Safe to share between threads."""

    def __init__(self, rules: Sequence[Derived], given: Sequence[str]) -> None:
        """``given`` names the values that `answers` gets.

        Raises:
            EngineUnavailable: durable_rules cannot be imported by this Python.
        """
        if reason := why_unavailable():
            raise EngineUnavailable(reason)
        self._child = _Child((HornProgram(Program((), tuple(rules), ()), tuple(given)),), [rule.name for rule in rules])

    def answers(self, values: Mapping[str, Value]) -> dict[str, bool | None]:
        """Rule → its answer. Raises `EngineError` if the child process died twice."""
        return self._child.answers(dict(values))

    def close(self) -> None:
        """End the child process."""
        self._child.stop()


def why_unavailable() -> str:
    """Why durable_rules cannot run here, or the empty string."""
    if sys.version_info >= (3, 13):
        return "durable_rules 2.0.28 does not load on Python 3.13 or later: use Python 3.11 or 3.12, or --engine reference"
    if importlib.util.find_spec("durable_rules_engine") is None:
        return "durable_rules is not installed: pip install durable-rules==2.0.28 (it needs a C compiler), or use --engine reference"
    return ""


class _Child:
    """One child process for one program; restarted when it dies, once for each person and stage."""

    def __init__(self, stages: tuple[HornProgram, ...], names: list[str]) -> None:
        self._stages = stages
        self._names = names
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._owner = 0
        self._asked = 0
        self.restarts = 0

    def answers(self, facts: Mapping[str, Value]) -> dict[str, bool | None]:
        """Stage by stage: what one has settled is a fact of the next."""
        known = dict(facts)
        settled: dict[str, bool | None] = {}
        for number, stage in enumerate(self._stages):
            messages = stage.messages(known)
            with self._lock:
                fired = self._ask(number, messages)
                if fired is None:
                    self.restarts += 1
                    LOG.warning("engine_restarted engine=durable restarts=%d", self.restarts)
                    fired = self._ask(number, messages)
            if fired is None:
                raise EngineError("durable_rules died twice on the same person; the reference engine can answer")
            found = stage.answers(stage.heads[i] for i in fired)
            settled |= found
            known |= found
        return {name: settled[name] for name in self._names}

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, number: int, messages: list[str]) -> list[int] | None:
        """The clauses of a stage that fired; ``None``, and no child any more, if it died, fell silent or answered nonsense."""
        self._forget_if_forked()
        self._asked += 1
        request = json.dumps([self._asked, number, messages]).encode()
        channel = self._channel or self._start()
        reply = channel.exchange(request, ANSWER_SECONDS) if channel else None
        fired = _fired(reply, self._asked, len(self._stages[number].heads))
        if fired is None:
            self._end()
        return fired

    def _start(self) -> Channel | None:
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rules.engines.rete_child"], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._channel = Channel(self._process)
        for stage in self._stages:
            hello = json.dumps({"rules": stage.ruleset(), "heads": stage.conclusions(), "silent": stage.silent()}).encode()
            if self._channel.exchange(hello, START_SECONDS) != b'"ready"':
                return None
        return self._channel

    def _forget_if_forked(self) -> None:
        """A child process answers the process that started it; one that was forked from that starts its own."""
        if self._process is None or self._channel is None or self._owner == os.getpid():
            return
        self._channel.close()
        self._process.returncode = 0  # not ours to wait for
        self._process = self._channel = None

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._channel = None


def _fired(reply: bytes | None, asked: int, heads: int) -> list[int] | None:
    """The numbers of clauses in the answer to the question ``asked``; ``None`` if it is nothing of the kind."""
    try:
        echo, fired = json.loads(reply) if reply is not None else (None, None)
    except (ValueError, TypeError, RecursionError):
        return None
    if echo != asked or not isinstance(fired, list) or not all(type(i) is int and 0 <= i < heads for i in fired):
        return None
    return fired
