"""A rule that stands in no file: it knows the pack around it and nothing else of this machine. Examples that run together."""

from dataclasses import replace
from pathlib import Path

import pytest

from rules.checks import lint
from rules.engines import engine
from rules.errors import RuleError
from rules.example_runs import run_case, run_cases
from rules.pack import BUILT_IN, DRAFT, load_draft, load_packs

PACK = BUILT_IN / "whole-person"
RULES = sorted((PACK / "rules").glob("*.yaml"))
TEXT = RULES[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_a_draft_means_what_its_file_means(file: Path) -> None:
    (from_file,) = load_packs(file)
    draft = load_draft(PACK, file.read_text(encoding="utf-8"))
    assert (draft.program.facts, draft.program.derived) == (from_file.program.facts, from_file.program.derived)
    assert [replace(case, span=None) for case in draft.cases] == [replace(case, span=None) for case in from_file.cases]


def test_a_draft_may_have_any_name() -> None:
    assert load_draft(PACK, TEXT.replace("rule: cold-damp-home-respiratory", "rule: another-name")).program.rules == ("another-name",)


def test_mistakes_of_a_draft_have_places_in_it() -> None:
    with pytest.raises(RuleError) as caught:
        load_draft(PACK, TEXT.replace("status: live", "status: alive"))
    assert [str(each).split(" ")[0] for each in caught.value.diagnostics] == [f"{DRAFT}:3:9:"]


@pytest.mark.parametrize("name", ["secret.csv", "../secret.csv", "{folder}/secret.csv", "/etc/passwd"])
def test_a_draft_cannot_read_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.csv").write_text("system,code\nsnomed,195967001\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    text = TEXT.replace(
        "facts:\n", f'valuesets:\n  mine: {{file: "{name.format(folder=tmp_path)}"}}\nfacts:\n  x: {{exists: conditions, code: mine}}\n', 1
    )
    with pytest.raises(RuleError) as caught:
        load_draft(PACK, text)
    assert [each.code for each in caught.value.diagnostics] == ["ALM260"]
    assert "195967001" not in str(caught.value)


def test_a_draft_uses_the_files_of_its_pack(tmp_path: Path) -> None:
    (tmp_path / "valuesets").mkdir()
    (tmp_path / "valuesets" / "asthma.csv").write_text("system,code\nsnomed,195967001\n", encoding="utf-8")
    (tmp_path / "valuesets" / "sets.yaml").write_text("valuesets: {asthma: {file: asthma.csv}}\n", encoding="utf-8")
    (tmp_path / "pack.yaml").write_text("pack: p\nversion: 1.0.0\ntitle: A pack\nowner: us\n", encoding="utf-8")
    head, tail = TEXT[: TEXT.index("facts:")], TEXT[TEXT.index("then:") : TEXT.index("examples:")]
    example = "examples: {as_of: 2026-06-30, cases: [{name: nobody, expect: no}]}\n"
    pack = load_draft(tmp_path, f"{head}facts: {{a: {{exists: conditions, code: asthma}}}}\nwhen: a\n{tail}{example}")
    assert pack.program.facts


def test_lints_look_at_a_draft_without_a_file() -> None:
    text = TEXT[: TEXT.index("  cases:")] + "  cases:\n    - {name: nobody, expect: no}\n"
    found = lint([load_draft(PACK, text)], whole=False)
    assert [(each.code, each.span.path) for each in found] == [("ALM305", DRAFT)]


# ---------------------------------------------------------------- examples together


@pytest.mark.parametrize("name", ["reference", "durable", "columnar"])
def test_examples_answer_together_as_they_answer_alone(name: str) -> None:
    (pack,) = load_packs(PACK)
    chosen = engine(name)
    together = run_cases(pack, chosen)
    chosen.close()
    assert [run.case for run in together] == list(pack.cases)
    assert [(run.case.name, run.answer) for run in together if not run.as_expected] == []


def test_a_wrong_example_is_told_alike_alone_and_together() -> None:
    (pack,) = load_packs(RULES[0])
    wrong = replace(pack, cases=tuple(replace(case, expect="unknown" if case.expect == "yes" else "yes") for case in pack.cases))
    reference = engine("reference")
    alone = [message for case in wrong.cases for message in run_case(wrong, case, [reference])]
    together = [f"{run.case.span}: {message}" for run in run_cases(wrong, reference) for message in run.messages()]
    assert together == alone
    assert len(alone) == len(wrong.cases)
