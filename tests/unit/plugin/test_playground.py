"""The playground over HTTP: what a draft is told, and what a hostile one cannot do."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.worklist import AS_OF, application

from fhir_adapters import read_directory
from fhir_adapters.synthetic import write_ndjson
from plugin.playground import child, cohort
from plugin.playground.bench import Bench, BenchDefect, Busy, Refused
from plugin.playground.views import EXTENSION, MOST_BYTES
from plugin.settings import PlaygroundSettings
from rules.pack import BUILT_IN, load_packs

PACK = BUILT_IN / "whole-person"
RULE = "diabetes-food-insecurity"
TEXT = (PACK / "rules" / f"{RULE}.yaml").read_text(encoding="utf-8")
PEOPLE = 60
CODE_WORD = "Schnabeltier"
"""A word that nobody else writes: it must not turn up anywhere but in the answer."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = application(tmp_path_factory.mktemp("state"), playground=PlaygroundSettings(enabled=True, people=PEOPLE))
    yield app
    for bench in app.extensions[EXTENSION].values():
        bench.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def sent(client: FlaskClient, text: str, what: str = "check", pack: str = "whole-person", accept: str = "application/json") -> Any:
    return client.post(f"/playground/{what}", data={"text": text, "pack": pack}, headers={"Accept": accept})


def messages(client: FlaskClient, text: str) -> list[tuple[int, int, str, str, str]]:
    answer = sent(client, text)
    assert answer.status_code == 200
    return [(m["line"], m["column"], m["code"], m["text"], m["hint"]) for m in answer.get_json()["messages"]]


def with_facts(facts: str, when: str) -> str:
    """The rule with other facts and another condition, and an example that nothing is known about."""
    head, tail = TEXT[: TEXT.index("facts:")], TEXT[TEXT.index("then:") : TEXT.index("examples:")]
    return f"{head}facts:\n{facts}when: {when}\n{tail}examples:\n  as_of: 2026-06-30\n  cases:\n    - {{name: a, expect: no}}\n"


# ---------------------------------------------------------------- being there or not


def test_without_the_setting_there_is_no_playground(tmp_path: Path) -> None:
    client = application(tmp_path).test_client()
    assert client.get("/playground").status_code == 404
    assert [sent(client, TEXT, what).status_code for what in ("check", "run")] == [404, 404]
    assert b"playground" not in client.get(f"/rules/{RULE}").data


def test_rules_lead_to_it_and_it_starts_from_any_of_them(client: FlaskClient) -> None:
    assert f"/playground?rule={RULE}" in client.get(f"/rules/{RULE}").get_data(as_text=True)
    for file in (PACK / "rules").glob("*.yaml"):
        page = client.get(f"/playground?rule={file.stem}").get_data(as_text=True)
        assert f'value="{file.stem}" selected' in page
        assert f"rule: {file.stem}" in page


def test_it_starts_from_the_first_rule_or_from_a_beginning(client: FlaskClient) -> None:
    assert "rule: cold-damp-home-respiratory" in client.get("/playground").get_data(as_text=True)
    assert "rule: my-rule" in client.get("/playground?rule=new/whole-person").get_data(as_text=True)
    assert client.get("/playground?rule=nothing").status_code == 404
    assert client.get("/playground?rule=new/nothing").status_code == 404
    assert client.get("/playground/schema/nothing").status_code == 404
    assert sent(client, TEXT, pack="nothing").status_code == 404


@pytest.mark.parametrize("pack", load_packs(BUILT_IN), ids=lambda pack: pack.document.id)
def test_the_beginning_of_a_rule_is_right_in_every_pack(client: FlaskClient, pack: Any) -> None:
    page = client.get(f"/playground?rule=new/{pack.document.id}").get_data(as_text=True)
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    answer = sent(client, text.replace("&#34;", '"').replace("&gt;", ">"), pack=pack.document.id).get_json()
    assert answer["messages"] == []
    assert "3 examples, all as expected" in answer["html"]["verdict"]


# ---------------------------------------------------------------- what a draft is told


def test_a_rule_without_a_mistake(client: FlaskClient) -> None:
    answer = sent(client, TEXT).get_json()
    assert answer["messages"] == []
    assert "33 examples, all as expected" in answer["html"]["verdict"]
    assert "reach" not in answer["html"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title:", "titel: 3\ntitle:", (2, 1, "ALM102", "a rule has no key 'titel'", "did you mean 'title'?")),
        ("\nlevel: act", "", (1, 1, "ALM103", "this rule lacks 'level'", "What the finding asks for: act, watch, prevent.")),
        (
            "status: live",
            "status: [",
            (5, 9, "ALM006", "this is not well-formed YAML: did not find expected ',' or ']'", "check quotes, colons and indentation"),
        ),
        ("code: HbA1c", "code: HbA1d", (23, 39, "ALM231", "there is no value set called 'HbA1d'", "did you mean 'HbA1c'?")),
        (
            "HbA1c, within: 12 months",
            "HbA1c, within: 12 moons",
            (23, 54, "ALM109", "expected a length of time such as \"12 months\", got '12 moons'", "units: day, week, month, year"),
        ),
    ],
)
def test_a_mistake_has_its_place_and_its_remedy(client: FlaskClient, old: str, new: str, expected: tuple[int, int, str, str, str]) -> None:
    assert messages(client, TEXT.replace(old, new, 1)) == [expected]


def test_lines_of_a_form_end_as_browsers_end_them(client: FlaskClient) -> None:
    text = TEXT.replace("title:", "titel:", 1)
    assert messages(client, text.replace("\n", "\r\n")) == messages(client, text)


def test_a_warning_is_no_mistake(client: FlaskClient) -> None:
    found = sent(client, with_facts("  hba1c: {patient: age}\n", "hba1c > 3").replace("no}", "unknown}")).get_json()
    assert {m["severity"] for m in found["messages"]} == {"warning"}
    assert "1 example, all as expected" in found["html"]["verdict"]


def test_an_example_that_fails_says_what_was_expected_and_why_it_is_not_so(client: FlaskClient) -> None:
    found = sent(client, TEXT.replace("hba1c > 9 %", "hba1c > 8 %", 1)).get_json()
    (message,) = [m for m in found["messages"] if "exactly 9 %" in m["text"]]
    assert "expected no, the rule answers yes" in message["text"]
    assert "hba1c: 9" in message["text"]
    assert "not as expected" in found["html"]["verdict"]


def test_a_name_of_the_pack_is_told_without_the_folders_of_the_server(client: FlaskClient) -> None:
    text = with_facts("  has diabetes: {patient: deceased}\n  respiratory condition: {patient: deceased}\n", "has diabetes")
    answer = sent(client, text)
    assert "is defined twice (first at pack.yaml:" in answer.get_data(as_text=True)
    assert str(BUILT_IN) not in answer.get_data(as_text=True)


def test_without_a_script_it_is_a_whole_page_with_the_text(client: FlaskClient) -> None:
    page = sent(client, TEXT.replace("title:", "titel:", 1), accept="text/html").get_data(as_text=True)
    assert "Line 2, column 1" in page
    assert "Did you mean &#39;title&#39;?" in page
    assert "titel: " in page


def test_markup_in_a_draft_stays_text(client: FlaskClient) -> None:
    text = TEXT.replace("status: live", "status: <script>alert(1)</script>", 1)
    for accept in ("application/json", "text/html"):
        assert "<script>alert" not in sent(client, text, accept=accept).get_data(as_text=True).replace(r"\u003c", "<").split("messages")[-1]


# ---------------------------------------------------------------- whom it finds


def test_a_rule_is_tried_on_people_by_every_engine(client: FlaskClient) -> None:
    html = sent(client, TEXT, "run").get_json()["html"]
    assert "Answered by reference, durable, columnar" in html["examples"]
    assert f"Among {PEOPLE} made-up people" in html["reach"]
    assert "Reference and columnar give the same answers" in html["reach"]
    counts = [int(number) for number in re.findall(r"<dd>(\d+)</dd>", html["reach"])]
    assert sum(counts) == PEOPLE
    assert "What stands against it" in html["reach"]
    assert "has diabetes" in html["reach"]


def test_a_rule_with_a_mistake_is_tried_on_nobody(client: FlaskClient) -> None:
    assert "reach" not in sent(client, TEXT.replace("title:", "titel:", 1), "run").get_json()["html"]


def test_the_people_are_those_of_the_demonstration(tmp_path: Path) -> None:
    write_ndjson(tmp_path, PEOPLE, cohort.SEED, AS_OF)
    assert list(cohort.cohort(PEOPLE, AS_OF)) == read_directory(tmp_path).records


# ---------------------------------------------------------------- what a hostile draft cannot do


def test_a_text_that_is_too_large_is_refused(client: FlaskClient) -> None:
    for text in ("#" * (MOST_BYTES + 1), "ä" * MOST_BYTES, "\n" * (3 * MOST_BYTES), "#" * (20 * MOST_BYTES)):
        answer = sent(client, text)
        assert answer.status_code == 413
        assert "The text is larger than 100 kB" in answer.get_json()["detail"]
        assert b"The text is larger than 100 kB" in sent(client, text, accept="text/html").data
    assert sent(client, "#" * MOST_BYTES).status_code == 200


def test_a_draft_cannot_read_files_of_the_server(client: FlaskClient) -> None:
    text = with_facts("  a: {exists: conditions, code: mine}\n", "a").replace("facts:", "valuesets: {mine: {file: /etc/passwd}}\nfacts:", 1)
    assert [(code, text) for _, _, code, text, _ in messages(client, text)] == [("ALM260", "a draft cannot read files")]


DEEP = "".join(f"  a{i}: {{value: a{i - 1} * a{i - 1}}}\n" for i in range(1, 1500))


def test_a_draft_that_is_nested_as_deeply_as_it_can_be_is_answered(client: FlaskClient) -> None:
    codes = [code for _, _, code, _, _ in messages(client, with_facts("  a0: {patient: age}\n" + DEEP, "a1499 > 1"))]
    assert codes == ["ALM306", "ALM305", ""]


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_a_draft_that_is_too_much_for_the_process_is_told_so(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_: object) -> None:
        raise error

    monkeypatch.setattr(child, "_trial", exhausted)
    assert child.answer({}) == {"too_large": True}


def test_numbers_beyond_all_bounds_are_unknown_and_no_failure(client: FlaskClient) -> None:
    text = with_facts("  age: {patient: age}\n  b: {value: 9 ^ 9 ^ 9 ^ 9 ^ age, round: 2}\n", "b > 1")
    assert sent(client, text, "run").status_code == 200


def test_a_long_line_is_not_told_in_full(client: FlaskClient) -> None:
    found = messages(client, with_facts("  a: {patient: age}\n", "a " * 40_000))
    assert max(len(text) for *_, text, _ in found) < 500


def test_a_draft_that_takes_too_long_is_stopped_and_the_next_is_not_hurt() -> None:
    doubling = "  a0: {patient: deceased}\n" + "".join(f"  a{i}: {{when: {{any: [a{i - 1}, a{i - 1}]}}}}\n" for i in range(1, 200))
    bench = Bench(1)
    try:
        with pytest.raises(Refused, match="took longer than 1 seconds"):
            bench.trial(PACK, with_facts(doubling, "a199"), AS_OF)
        assert bench.trial(PACK, with_facts("  a: {patient: deceased}\n", "a"), AS_OF)["loads"]
    finally:
        bench.close()


def test_who_comes_while_another_draft_is_tried_is_asked_to_wait(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise Busy

    monkeypatch.setattr(Bench, "trial", busy)
    answer = sent(client, TEXT)
    assert answer.status_code == 503
    assert "Try again in a few seconds" in answer.get_json()["detail"]


def test_a_defect_is_logged_without_a_word_of_the_text(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise BenchDefect("KeyError at somewhere.py:7")

    monkeypatch.setattr(Bench, "trial", broken)
    answer = sent(client, f"# {CODE_WORD}\n{TEXT}")
    assert answer.status_code == 500
    assert "KeyError at somewhere.py:7" in caplog.text
    assert CODE_WORD not in caplog.text + answer.get_data(as_text=True)


def test_the_process_answers_a_defect_with_its_kind_and_place_only() -> None:
    assert child.answer({"folder": "x", "text": "y"}) == {
        "defect": "KeyError",
        "at": "child.py:" + str(child.answer({"folder": "x", "text": "y"})["at"]).split(":")[1],
    }


def test_the_process_can_write_no_file(tmp_path: Path) -> None:
    script = (
        "import sys; from plugin.playground.child import confine; confine(); from pathlib import Path; Path(sys.argv[1]).write_text('x')"
    )
    found = subprocess.run([sys.executable, "-c", script, str(tmp_path / "file")], capture_output=True, text=True, check=False)
    assert "File too large" in found.stderr
    assert (tmp_path / "file").read_bytes() == b""


def test_nothing_is_kept(client: FlaskClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    for what in ("check", "run"):
        answer = sent(client, f"# {CODE_WORD}\n{TEXT}", what, accept="text/html")
        assert CODE_WORD in answer.get_data(as_text=True)
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    output = capfd.readouterr()
    assert CODE_WORD not in caplog.text + output.out + output.err
    assert CODE_WORD not in client.get("/playground").get_data(as_text=True)


# ---------------------------------------------------------------- what is vendored


def test_what_is_vendored_is_what_the_manifest_says(root: Path) -> None:
    import hashlib

    folder = root / "plugin" / "static" / "vendor"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    lock = json.loads((root / "requirements" / "editor" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert {file.name for file in folder.iterdir()} == {"manifest.json", *manifest, *(each["licence_file"] for each in manifest.values())}
    for name, each in manifest.items():
        licences = (folder / each["licence_file"]).read_text(encoding="utf-8")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == each["sha256"], "run: make vendor"
        for package in each["packages"]:
            assert lock[f"node_modules/{package['name']}"]["version"] == package["version"]
            assert f"{package['name']} {package['version']}\n" in licences
            assert package["licence"] == "MIT"
