"""The examples of schedules call a sweep that there is, and try again only what may go by itself."""

import configparser
import re
import shlex
from pathlib import Path

import pytest
import yaml

from plugin.cli.sweep import command
from rules.errors import ExitCode

FOLDER = Path(__file__).parents[2] / "config" / "schedules"
FILES = sorted(FOLDER.iterdir())
CALL = re.compile(r"almoner sweep [^\n>;\"]*")
OPTIONS = {option for parameter in command.params for option in parameter.opts}
LOOK = {ExitCode.ANSWER_IS_NO, ExitCode.USAGE, ExitCode.INPUT_UNREADABLE, ExitCode.OUR_DEFECT}
"""Exit codes that need somebody to look: nothing is gained by trying again."""


def calls(text: str) -> list[list[str]]:
    """The words of each call of a sweep."""
    plain = re.sub(r"[\[\]\",]+", " ", text)
    return [shlex.split(found) for found in CALL.findall(re.sub(r" +", " ", plain))]


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix != ".timer"], ids=lambda file: file.name)
def test_each_calls_a_sweep_with_options_that_there_are(file: Path) -> None:
    found = calls(file.read_text(encoding="utf-8"))
    assert found
    for words in found:
        options = {word for word in words if word.startswith("--")}
        assert "--source" in options
        assert options <= OPTIONS


def test_python_files_can_be_read() -> None:
    for file in FOLDER.glob("*.py"):
        compile(file.read_text(encoding="utf-8"), str(file), "exec")


def test_who_may_try_again_does_so_only_where_it_may_help() -> None:
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(FOLDER / "almoner-sweep.service", encoding="utf-8")
    job = yaml.safe_load((FOLDER / "cronjob.yaml").read_text(encoding="utf-8"))
    rules = job["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    scripts = ((FOLDER / name).read_text(encoding="utf-8") for name in ("airflow_sweep.py", "dagster_sweep.py"))
    told = [
        unit["Service"]["RestartPreventExitStatus"].split(),
        rules[0]["onExitCodes"]["values"],
        *(re.findall(r"\d+", script[script.index("= {") : script.index("}")]) for script in scripts),
    ]
    assert [set(map(int, codes)) for codes in told] == [set(map(int, LOOK))] * 4
