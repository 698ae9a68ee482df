"""An unfinished sweep: what is gone on with, and what is made anew."""

from pathlib import Path

import pytest

from plugin.sweep.work import Work, open_work

IDENTITY = {"as_of": "2026-06-30"}
INPUTS = {"low": -1, "high": 7}


def finished(state: Path) -> Work:
    """A sweep under way with one finished step."""
    work = open_work(state, IDENTITY, "first")
    work.path("count", "txt").write_text("3")
    work.finish("count", INPUTS, ["txt"], {"people": 3}, 0.5, {})
    return work


def test_the_same_sweep_goes_on_under_its_id(tmp_path: Path) -> None:
    finished(tmp_path)
    work = open_work(tmp_path, IDENTITY, "second")
    assert (work.sweep, work.resumed) == ("first", True)
    step = work.done("count", INPUTS)
    assert step is not None
    assert step.counts == {"people": 3}


def test_another_sweep_begins_anew(tmp_path: Path) -> None:
    finished(tmp_path)
    work = open_work(tmp_path, {"as_of": "2026-07-01"}, "second")
    assert (work.sweep, work.resumed) == ("second", False)
    assert work.done("count", INPUTS) is None
    assert sorted(path.name for path in work.folder.iterdir()) == ["plan.json"]


def test_one_that_is_to_begin_anew_does(tmp_path: Path) -> None:
    finished(tmp_path)
    assert open_work(tmp_path, IDENTITY, "second", anew=True).sweep == "second"


def test_a_step_of_other_inputs_is_not_done(tmp_path: Path) -> None:
    assert finished(tmp_path).done("count", INPUTS | {"high": 8}) is None


@pytest.mark.parametrize("damage", ["change", "cut", "remove"])
def test_a_step_whose_output_is_not_what_it_wrote_is_not_done(tmp_path: Path, damage: str) -> None:
    work = finished(tmp_path)
    output = work.path("count", "txt")
    if damage == "remove":
        output.unlink()
    else:
        output.write_text({"change": "4", "cut": ""}[damage])
    assert work.done("count", INPUTS) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "count"}', "null"])
def test_a_manifest_that_cannot_be_read_is_no_manifest(tmp_path: Path, text: str) -> None:
    work = finished(tmp_path)
    (work.folder / "count.json").write_text(text)
    assert work.done("count", INPUTS) is None
    (work.folder / "plan.json").write_text(text)
    assert open_work(tmp_path, IDENTITY, "second").sweep == "second"
