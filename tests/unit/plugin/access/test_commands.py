"""``almoner account`` and ``almoner audit``, as operators run them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from stat import S_IMODE

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, select, update
from support.access import PASSWORD
from support.databases import database_of

from plugin.access import accounts
from plugin.cli import account, audit
from plugin.store import open_store
from plugin.store.tables.access import AUDIT


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))


def accounting(*arguments: str, typed: str = PASSWORD + "\n") -> Result:
    return CliRunner().invoke(account.command, list(arguments), input=typed)


def auditing(*arguments: str) -> Result:
    return CliRunner().invoke(audit.command, list(arguments))


def test_an_account_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    assert accounting("add", "Ann", "--role", "care-manager", "--name", "Ann Lee").output == "ann may sign in as care-manager\n"
    assert accounting("add", "food", "--role", "agency", "--agency", "bank-1").exit_code == 0
    listed = accounting("list").output.splitlines()
    assert listed[0] == "ann  care-manager  may sign in  last signed in: never  wrong passwords since: 0"
    assert listed[1].startswith("food  agency of bank-1  ")
    assert accounting("password", "ann", typed="another password\n").output == "ann has a new password\n"
    store = open_store(database_of(tmp_path))
    with store.read() as connection:
        assert accounts.matches(connection, "ann", "another password") is not None
        assert str(connection.scalar(select(AUDIT.c.user))).startswith("shell:")
    store.close()
    assert accounting("disable", "ann").output == "ann may not sign in any more\n"
    assert "disabled" in accounting("list").output
    assert accounting("disable", "ann", "--again").output == "ann may sign in again\n"


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "ann", "--role", "analyst"), "short\n", "12 to 256 characters"),
        (("add", "ann", "--role", "system"), PASSWORD, "system"),
        (("add", "ann", "--role", "agency"), PASSWORD, "agency"),
        (("password", "nobody"), PASSWORD, "there is no account nobody"),
        (("disable", "nobody"), "", "there is no account nobody"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], typed: str, said: str) -> None:
    result = accounting(*arguments, typed=typed)
    assert result.exit_code == 2
    assert said in result.output
    assert typed.strip() == "" or typed.strip() not in result.output


def test_a_password_is_no_argument() -> None:
    assert accounting("add", "ann", PASSWORD, "--role", "analyst").exit_code == 2
    assert not [option for option in account.add.params if "password" in str(option.name)]


def test_the_record_is_verified_against_an_end_that_was_noted(tmp_path: Path) -> None:
    accounting("add", "ann", "--role", "analyst")
    noted = auditing("head").output.strip()
    assert noted.startswith("1:")
    accounting("disable", "ann")
    assert (
        auditing("verify", "--noted", noted).output
        == "the record is whole: 2 entries were made, and the end that was noted is among them\n"
    )
    assert auditing("verify", "--noted", "1:x").exit_code == 2
    other = auditing("verify", "--noted", "1:" + "0" * 64)
    assert (other.exit_code, "another one" in other.output) == (1, True)
    store = open_store(database_of(tmp_path))
    with store.write() as connection:
        connection.execute(update(AUDIT).where(AUDIT.c.seq == 1).values(user="somebody else"))
    broken = auditing("verify")
    assert (broken.exit_code, "not whole at entry 1" in broken.output) == (1, True)
    with store.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.seq == 1))
    assert "lost its first 1 entries" in auditing("verify").output
    store.close()


def test_the_record_is_handed_on_as_lines(tmp_path: Path) -> None:
    accounting("add", "ann", "--role", "analyst")
    out = tmp_path / "audit.ndjson"
    out.touch(0o644)
    assert auditing("export", "--out", str(out)).exit_code == 0
    assert S_IMODE(out.stat().st_mode) == 0o600
    assert auditing("export", "--out", str(tmp_path / "none" / "audit.ndjson")).exit_code == 1
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["resourceType"] == "AuditEvent"
    assert auditing("export", "--since", f"{datetime.now(UTC).year + 1}-01-01").output == ""
