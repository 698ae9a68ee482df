"""The watch for personal data in output: seen in every stream, and never repeated."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

LEAKS = {
    "print": 'print("Mrs ZZ" + "CANARY")',
    "stderr": 'import sys; sys.stderr.write("Mrs ZZ" + "CANARY")',
    "log": 'import logging; logging.getLogger("any").debug("read %s", "ZZ" + "CANARY")',
}


def run(pytester: pytest.Pytester, root: Path, body: str, *args: str, fixture: str = "") -> pytest.RunResult:
    pytester.makeconftest((root / "tests" / "conftest.py").read_text())
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nlog_level = "DEBUG"')
    pytester.makepyfile(f"def test_it({fixture}):\n    {body}\n")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *args)


@pytest.mark.parametrize("stream", sorted(LEAKS))
def test_a_leak_fails_the_run_although_the_test_passes(pytester: pytest.Pytester, root: Path, stream: str) -> None:
    result = run(pytester, root, LEAKS[stream])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "personal data in output" in result.stdout.str()
    assert "Mrs" not in result.stdout.str()


def test_a_leak_in_a_worker_fails_the_run(pytester: pytest.Pytester, root: Path) -> None:
    assert run(pytester, root, LEAKS["print"], "-n", "1").ret == pytest.ExitCode.TESTS_FAILED


def test_other_output_does_not(pytester: pytest.Pytester, root: Path) -> None:
    assert run(pytester, root, 'print("Patient/1: unit not understood")').ret == pytest.ExitCode.OK


@pytest.mark.parametrize(("file", "fails"), [("pull.json", True), ("servers/clinic.json", True), ("worklist.ndjson", False)])
def test_a_leak_in_the_state_of_a_job_fails_its_test(pytester: pytest.Pytester, root: Path, file: str, fails: bool) -> None:
    """A worklist names people; what a job writes about itself does not."""
    body = f'file = tmp_path / "{file}"; file.parent.mkdir(exist_ok=True); file.write_text("Mrs ZZ" + "CANARY")'
    result = run(pytester, root, body, fixture="tmp_path")
    assert (result.ret == pytest.ExitCode.TESTS_FAILED) is fails
    assert ("personal data in " in result.stdout.str()) is fails
    assert "Mrs" not in result.stdout.str()
