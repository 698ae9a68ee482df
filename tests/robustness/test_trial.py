"""The trial of a mutant notices one that changes an answer, spares the code as it is, and survives one that never ends."""

import json
import subprocess
import sys

import pytest
from robustness.trial import HERE, ROOT

pytestmark = pytest.mark.slow
MODULE = {"module": "rules.days", "path": "rules/days.py"}
TESTS = ["tests/unit/rules/test_days.py::test_after_ends_with_the_calendar"]


def test_trials() -> None:
    text = (ROOT / "rules/days.py").read_text(encoding="utf-8")
    bent = text.replace("if year > 9999:\n        return date.max", "if year > 9999:\n        return date.min")
    endless = text.replace("if year > 9999:\n", "while year > 9999:\n        pass\n    if year > 9999:\n")
    broken = text + "\nraise KeyError\n"
    requests = [{**MODULE, "source": source, "tests": TESTS} for source in (text, bent, endless, broken)]
    done = subprocess.run(
        [sys.executable, "-P", str(HERE / "trial.py"), "--seconds", "3"],
        input="".join(json.dumps(r) + "\n" for r in requests),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["outcome"] for a in answers] == ["survived", "killed", "timeout", "killed"]
    assert answers[1]["by"] == TESTS[0]
    assert (ROOT / "rules/days.py").read_text(encoding="utf-8") == text
