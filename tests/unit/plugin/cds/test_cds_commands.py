"""``almoner cds``: cards on trial, and set-up sheets."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.cds_calls import hook_call, prefetch, resources
from support.command_line import almoner_here

from plugin.cds import compiler
from rules.errors import ExitCode


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    file = tmp_path / "call.json"
    file.write_text(json.dumps(hook_call(prefetch())), encoding="utf-8")
    return file


def tried(file: Path, *more: str | Path) -> tuple[int, str, str]:
    ran = almoner_here("cds", "try", file, "--as-of", "2026-06-30", *more)
    return ran.code, " ".join(ran.out.replace("│", " ").split()), ran.err


@pytest.mark.parametrize("client", ["generic", "epic", "oracle"])
def test_cards_are_shown_as_the_client_would(request_file: Path, client: str) -> None:
    code, out, _ = tried(request_file, "--client", client)
    assert code == ExitCode.FINE
    assert "Refer to a food programme: HbA1c 9.6 %, food insecurity, wants help" in out
    assert "Observation/hba1c" in out
    assert ("▸ Refer:" in out) is (client == "generic")
    assert ("cannot show" in out) is (client != "generic")


def test_the_patient_can_be_read_from_a_source(tmp_path: Path) -> None:
    (tmp_path / "fhir").mkdir()
    (tmp_path / "fhir" / "all.ndjson").write_text("\n".join(json.dumps(each) for each in resources(prefetch())), encoding="utf-8")
    call = tmp_path / "call.json"
    call.write_text(json.dumps(hook_call()), encoding="utf-8")
    code, out, _ = tried(call, "--source", tmp_path / "fhir", "--loaded", "ServiceRequest")
    assert code == ExitCode.FINE
    assert "HbA1c 9.6 %" in out
    call.write_text(json.dumps(hook_call() | {"context": {"userId": "Practitioner/x", "patientId": "nobody"}}), encoding="utf-8")
    code, _, err = tried(call, "--source", tmp_path / "fhir")
    assert code == ExitCode.INPUT_UNREADABLE
    assert "nobody" not in err


def test_a_page_with_the_cards_needs_nothing_else(request_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "cards.html"
    assert tried(request_file, "--client", "epic", "--html", page)[0] == ExitCode.FINE
    text = page.read_text(encoding="utf-8")
    assert "<style>:root" in text
    assert "HbA1c 9.6 %" in text
    assert not any(part in text for part in ("<link", "<script", "src="))


@pytest.mark.parametrize(
    ("body", "said"),
    [("{", "this is not JSON"), ("{}", "hook is missing"), (json.dumps(hook_call()), "the prefetch lacks patient")],
)
def test_a_request_that_cannot_be_used(tmp_path: Path, body: str, said: str) -> None:
    file = tmp_path / "call.json"
    file.write_text(body, encoding="utf-8")
    code, _, err = tried(file)
    assert (code, said in err) == (ExitCode.INPUT_UNREADABLE, True), err


def test_a_card_that_is_not_valid_is_an_answer_of_no(request_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> str:
        return "x" * 140

    monkeypatch.setattr(compiler, "summary", broken)
    code, _, err = tried(request_file)
    assert code == ExitCode.ANSWER_IS_NO
    assert "140 characters" in err


def test_a_sheet_for_a_client_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "almoner.yaml"
    settings.write_text(
        "public_url: https://cards.example\n"
        "cds: {clients: {clinic: {profile: epic, issuer: 'https://ehr.example/fhir', tenant: north, audience: ['https://outside.example']}}}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("ALMONER_CONFIG", str(settings))
    ran = almoner_here("cds", "setup-sheet", "--client", "clinic")
    assert ran.code == ExitCode.FINE
    assert "# Set-up sheet: Epic (clinic)" in ran.out
    assert "`https://cards.example/cds-services/almoner-patient-view`" in ran.out
    assert "| iss | https://ehr.example/fhir |" in ran.out
    assert "| tenant | north |" in ran.out
    assert "`https://outside.example/cds-services/almoner-patient-view/feedback`" in ran.out


def test_a_client_that_is_not_there(request_file: Path) -> None:
    code, _, err = tried(request_file, "--client", "cerner")
    assert code == ExitCode.USAGE
    assert "open, athena, epic" in err
