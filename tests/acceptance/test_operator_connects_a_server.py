"""An operator connects a FHIR server: makes a key, sends the sheet, is told what is missing, rotates the key."""

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from support.command_line import Ran
from support.command_line import almoner_here as almoner
from support.ehr_server import Ehr, Smart, ehr_server, peer_python
from support.faulty_ehr import body, fixed, serving
from support.hand_made import HAND_MADE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ring with one key."""
    folder = tmp_path_factory.mktemp("ring") / "keys"
    ran = almoner("keys", "new", "--keys", folder)
    assert (ran.code, ran.err) == (0, "")
    return folder


@pytest.fixture
def site(keys: Path, tmp_path: Path) -> Path:
    """A folder with a copy of that ring."""
    copytree(keys, tmp_path / "keys")
    return tmp_path


def described(site: Path, base_url: str, **more: Any) -> Path:
    """A settings file that describes one server, ``main``."""
    file = site / "almoner.yaml"
    server = {"base_url": base_url, **more}
    settings = {
        "keys": str(site / "keys"),
        "state": str(site / "state"),
        "public_url": "https://almoner.example/",
        "servers": {"main": server},
    }
    file.write_text(json.dumps(settings))
    return file


def doctor(config: Path, *more: str) -> Ran:
    return almoner("doctor", "--server", "main", "--config", config, *more)


@pytest.fixture(scope="module")
def python() -> Path:
    path = peer_python()
    if path is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    return path


@pytest.fixture(scope="module")
def ehr(python: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    jwks = json.loads(almoner("keys", "list", "--jwks", "--keys", keys).out)
    clients = [
        {"client_id": "almoner", "jwks": jwks, "scopes": "system/*.*"},
        {"client_id": "almoner-few", "jwks": jwks, "scopes": "system/Patient.rs system/Condition.rs"},
    ]
    with ehr_server(python, tmp_path_factory.mktemp("peer"), smart=Smart(clients)) as server:
        server.put(HAND_MADE)
        yield server


def test_a_server_that_can_do_everything_passes(ehr: Ehr, site: Path) -> None:
    ran = doctor(described(site, ehr.base_url, client_id="almoner", write=["Task"]))
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert not [line for line in lines if line.startswith("MISS")]
    assert any(line.startswith("ok    token") and "system/Goal.rs" in line and "system/Task.crus" in line for line in lines)
    assert any(line.startswith("ok    Goal") and "read by diabetes-food-insecurity" in line for line in lines)
    assert any(line.startswith("ok    write Task") for line in lines)


def test_rules_are_evaluated_over_the_server_by_its_name(ehr: Ehr, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token for what the packs read: nothing else is asked for."""
    monkeypatch.setenv("ALMONER_CONFIG", str(described(site, ehr.base_url, client_id="almoner")))
    ran = almoner("evaluate", "--source", "main", "--as-of", "2026-06-30", "--all", "--out", site / "findings.ndjson")
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in (site / "findings.ndjson").read_text().splitlines()]
    assert {each["patient"] for each in found} == {"ann", "bob", "cleo"}
    read = {line.split()[0] for line in ran.err.splitlines()}
    assert {"Patient", "Observation", "Goal"} <= read
    assert not read & {"Task", "MedicationRequest", "Consent"}, "no rule of the packs asks about these"


def test_scopes_that_were_not_granted_are_named_and_the_exit_code_is_4(ehr: Ehr, site: Path) -> None:
    ran = doctor(described(site, ehr.base_url, client_id="almoner-few"))
    assert ran.code == 4
    (line,) = [line for line in ran.out.splitlines() if line.startswith("MISS")]
    assert "not granted: " in line
    assert "system/Observation.rs" in line
    assert "system/Condition.rs" not in line


def test_a_registration_that_the_server_does_not_know_is_told(ehr: Ehr, site: Path) -> None:
    ran = doctor(described(site, ehr.base_url, client_id="almoner-nobody"))
    assert ran.code == 4
    assert "invalid_client: is the client id right" in ran.out
    assert "almoner-nobody" not in ran.out


def test_the_sheet_is_complete_before_there_is_a_registration(ehr: Ehr, site: Path) -> None:
    ran = doctor(described(site, ehr.base_url, per_minute=250, write=["Task"]), "--sheet")
    assert (ran.code, ran.err) == (0, "")
    (key,) = json.loads(almoner("keys", "list", "--jwks", "--keys", site / "keys").out)["keys"]
    fingerprint = almoner("keys", "list", "--keys", site / "keys").out.split()[-1]
    for said in (
        "# Registration of Almoner: main",
        "`https://almoner.example/.well-known/jwks.json`",
        f"| `{key['kid']}` | ES384 | `{fingerprint}` |",
        f"`{ehr.base_url.removesuffix('/fhir')}/auth/token`",
        "| reads; writes Task |",
        "| at most 4 at one time and 250 a minute |",
        "| `system/Goal.rs` | read, search | `diabetes-food-insecurity`",
        "| `system/Task.crus` | create, read, update, search | to write what somebody decided here |",
        "| Our outgoing addresses | ________ |",
        "| clinical responsibility | ________ | ________ |",
    ):
        assert said in ran.out
    assert '"d"' not in ran.out


def test_the_sheet_can_be_made_before_the_server_can_be_reached(site: Path) -> None:
    with serving() as server:
        base_url = server.base_url
    ran = doctor(described(site, base_url, vendor="epic"), "--sheet")
    assert ran.code == 0, ran.err
    assert "## Usual steps with Epic\n\n- Register a Backend Systems app" in ran.out
    assert "The server was not asked which syntax it speaks" in ran.out
    assert "| Token endpoint | ________ |" in ran.out
    assert "| `system/Patient.rs` |" in ran.out


def test_a_server_that_cannot_be_reached_exits_with_4(site: Path) -> None:
    with serving() as server:
        base_url = server.base_url
    ran = doctor(described(site, base_url))
    assert ran.code == 4
    assert "no complete answer" in ran.err


def test_a_name_that_the_settings_do_not_know_is_a_wrong_use(site: Path) -> None:
    ran = almoner("doctor", "--server", "mian", "--config", described(site, "https://ehr.example"))
    assert ran.code == 2
    assert "there are: main did you mean 'main'?" in ran.err


def statement(*types: str, searches: tuple[str, ...] = ("patient", "_id", "_lastUpdated")) -> dict[str, Any]:
    resources = [{"type": name, "interaction": [{"code": "search-type"}], "searchParam": [{"name": s} for s in searches]} for name in types]
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server", "resource": resources}]}


def test_what_a_server_lacks_is_told_with_the_rules_that_need_it(site: Path) -> None:
    types = ["Patient", "Observation", "QuestionnaireResponse", "Condition", "ServiceRequest", "Encounter", "Procedure"]
    with serving() as server:
        server.behaviours["metadata"] = fixed(body(statement(*types, searches=("_id",))))
        ran = doctor(described(site, server.base_url, write=["Task"]))
    assert ran.code == 1
    missing = {line[6:].split("  ")[0]: line for line in ran.out.splitlines() if line.startswith("MISS")}
    assert "the server does not have this type; needed by diabetes-food-insecurity" in missing["Goal"]
    assert "it cannot be searched by 'patient'; needed by" in missing["Observation"]
    assert "the server does not have this type" in missing["write Task"]
    assert "Patient" not in missing
    assert "the server does not say that it knows _lastUpdated: Condition, " in ran.out


def test_what_has_changed_since_the_last_time_is_told(site: Path) -> None:
    with serving() as server:
        config = described(site, server.base_url)
        server.behaviours["metadata"] = fixed(body(statement("Patient", "Goal")))
        assert "changed" not in doctor(config).out
        server.behaviours["metadata"] = fixed(body(statement("Patient")))
        changed = [line for line in doctor(config).out.splitlines() if line.startswith("note  changed")]
    assert any(line.endswith("Goal: known") and "gone since " in line for line in changed)


def test_a_key_that_others_can_read_stops_everything_with_the_remedy(site: Path) -> None:
    key = site / "open.pem"
    key.write_bytes(next((site / "keys").glob("*.pem")).read_bytes())
    key.chmod(0o644)
    with serving() as server:
        server.behaviours["metadata"] = fixed(body(statement("Patient")))
        server.behaviours[".well-known"] = fixed(body({"token_endpoint": f"{server.base_url}/token"}))
        ran = doctor(described(site, server.base_url, client_id="almoner", key=str(key)))
    assert ran.code == 3
    assert f"chmod 600 {key}" in ran.err
    assert server.posted == []


def test_a_key_is_rotated_step_by_step(site: Path) -> None:
    at = ("--keys", site / "keys")
    assert almoner("keys", "rotate", *at).code == 1
    assert almoner("keys", "new", *at).code == 0
    early = almoner("keys", "rotate", *at)
    assert early.code == 1
    assert "wait, or say --now" in early.err
    assert almoner("keys", "rotate", "--now", *at).code == 0
    states = [line.split()[1] for line in almoner("keys", "list", *at).out.splitlines()]
    assert states == ["retired", "current"]
    assert almoner("keys", "retire", *at).code == 1
    gone = almoner("keys", "retire", "--now", *at)
    assert gone.code == 0
    assert [line.split()[1] for line in gone.out.splitlines()] == ["deleted", "current"]
    assert "PRIVATE" not in gone.out


def test_what_a_vendor_does_not_take_is_told_though_the_server_claims_it(ehr: Ehr, site: Path) -> None:
    ran = doctor(described(site, ehr.base_url, vendor="epic", write=["Communication", "Task"]))
    rows = {line[6:28].strip(): line for line in ran.out.splitlines()}
    assert rows["write Task"].startswith("MISS")
    assert "Epic takes no new Task: its referral module makes it from an order, and Almoner can change it then" in rows["write Task"]
    assert "Epic takes no changed Communication: let somebody enter it there by hand" in rows["write Communication"]
    assert "Epic does not keep meta.lastUpdated: Condition, " in rows["incremental"]
