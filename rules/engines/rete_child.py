"""The child process that holds durable_rules: the only module that imports it. Runs as ``python -m rules.engines.rete_child``.

It reads frames from standard input and answers each on standard output; a frame is a 4-byte little-endian length and JSON. The
first frames are rule sets (``{"rules": …, "heads": …, "silent": …}``: the rules as a text, what each concludes as a message body, and
the numbers of those whose conclusion no rule reads), each answered by ``"ready"``. Each further frame is the number of the question, the
number of a rule set and one person's message bodies; it is answered by the number of the question and the indices of the rules that fired.

durable_rules 2.0.28 is a C extension with defects that depend on how it is used (wild pointers on ``delete_state``, threads, more
than one live context). So: one context (``sid`` 0) at a time, a warm-up firing before the first ``delete_state``,
facts asserted one by one, no timers, no background threads. If it still dies, only this process is lost.
"""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, BinaryIO

import durable_rules_engine as durable

from rules.engines.frames import read_frame, write_frame

GO = '{"sid":"0","id":"go","f":"$go","v":1}'
"""Always matches, asserted last: something fires for every person, which keeps ``delete_state`` safe."""


class RuleSet:
    """One durable_rules rule set over one person at a time."""

    def __init__(self, name: str, rules: str, heads: list[str], silent: Iterable[int]) -> None:
        self.heads, self.silent = heads, frozenset(silent)
        self.handle = durable.create_ruleset(name, rules)
        self.run([])  # the warm-up

    def run(self, bodies: list[str]) -> list[int]:
        """Assert one person's facts and drain the agenda; the indices of the clauses that concluded something new."""
        done: dict[str, int] = {}
        try:
            for number, body in enumerate(bodies, 1):
                self._assert(f'{{"sid":"0","id":"{number}",{body}}}')
            context = self._assert(GO)
            message = _message(durable.start_action_for_state(self.handle, context))
            while message is not None:
                (rule,) = json.loads(message)
                self._conclude(rule, done, len(bodies))
                message = durable.complete_and_start_action(self.handle, context)
        finally:
            durable.delete_state(self.handle, "0")
        return list(done.values())

    def _conclude(self, rule: str, done: dict[str, int], asserted: int) -> None:
        if rule == "go":
            return
        index = int(rule[1:])
        head = self.heads[index]
        if head not in done:
            done[head] = index
            if index not in self.silent:
                self._assert(f'{{"sid":"0","id":"{asserted + len(done)}",{head}}}')

    def _assert(self, message: str) -> Any:
        return durable.assert_fact(self.handle, message)[1]


def _message(started: Any) -> str | None:
    return started[1] if started else None


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer frames until the parent closes its end."""
    sets: list[RuleSet] = []
    while (frame := read_frame(requests)) is not None:
        request = json.loads(frame)
        if isinstance(request, dict):
            sets.append(RuleSet(f"p{len(sets)}", request["rules"], request["heads"], request["silent"]))
            write_frame(answers, b'"ready"')
        else:
            asked, number, bodies = request
            write_frame(answers, json.dumps([asked, sets[number].run(bodies)]).encode())


def main() -> None:
    """Keep the protocol's channel to ourselves: whatever prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
