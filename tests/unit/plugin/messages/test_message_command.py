"""``almoner message``."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.databases import database_of
from support.messages import Desk, desk_at

from plugin.cli import cli
from plugin.store import open_store
from plugin.store.versions import ready

EMAIL = "ana@example.org"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = desk_at(ready(open_store(database_of(tmp_path / "state"))), tmp_path)
    found.agree("a", "email", EMAIL)
    return found


def run(tmp_path: Path, *arguments: str) -> Result:
    settings = {
        "ALMONER_STATE": str(tmp_path / "state"),
        "ALMONER_MESSAGES__ORGANISATION": "Northside",
        "ALMONER_MESSAGES__SENDER": "Northside",
        "ALMONER_MESSAGES__PHONE": "555 0199",
        "ALMONER_MESSAGES__EMAIL": "files",
        "ALMONER_MESSAGES__FOLDER": str(tmp_path / "out"),
    }
    return CliRunner().invoke(cli, ["message", *arguments], env=settings)


def test_templates_are_checked(tmp_path: Path) -> None:
    found = run(tmp_path, "check")
    assert found.exit_code == 0
    assert "mood  4 texts  How you have been feeling  restricted" in found.output
    (tmp_path / "food.yaml").write_text("title: Food\n", encoding="utf-8")
    wrong = run(tmp_path, "check", str(tmp_path))
    assert "food.yaml:1:1: ALM535" in str(wrong.exception)


def test_words_are_shown_to_nobody_in_particular(tmp_path: Path) -> None:
    found = run(tmp_path, "preview", "food", "--channel", "sms", "--language", "es", "--level", "easy")
    assert found.stdout == "Northside: ¿Necesita ayuda con la comida? Es gratis. Llame al 555 0199. ¿No quiere mensajes? Responda STOP.\n"
    found = run(tmp_path, "preview", "mood")
    assert "says nothing about why" in found.stderr
    assert found.stdout.startswith("Please call us\n\nDear ________,")
    assert run(tmp_path, "preview", "weather").exit_code == 2


def test_what_waits_goes_and_nobody_is_named(desk: Desk, tmp_path: Path) -> None:
    desk.send("a", by="files")
    waiting = run(tmp_path, "list")
    assert waiting.stdout.startswith("m-1  waits    email  files  0 tried  due 2026-06-30 12:00")
    assert EMAIL not in waiting.output
    assert run(tmp_path, "deliver").stdout == "1 held\n"  # it was written long ago
    assert desk.message().reason == "too late"
    assert run(tmp_path, "deliver").stdout == "nothing is due\n"
    assert "too late" in run(tmp_path, "list", "--state", "held").stdout


def test_what_came_back_is_noted(desk: Desk, tmp_path: Path) -> None:
    desk.send("a", by=None)
    assert run(tmp_path, "bounced", "<m-1@northside.example.org>").exit_code == 0
    assert desk.message().state == "failed"
    again = run(tmp_path, "bounced", "m-1", "m-2")
    assert (again.exit_code, again.stderr.count("counts as sent")) == (1, 2)
