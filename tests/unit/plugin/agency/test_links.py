"""The way in without an account: the link and the number together, for a time, and not for those who guess."""

from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select
from support.access import Clock, site, store_of
from support.databases import database_of

from plugin.access import Forbidden, Role, Scope, verify
from plugin.agency.links import LASTS, TRIES, Invitation, LinkOver, WrongNumber, enter, invite, usable, withdraw
from plugin.cli.agency import command
from plugin.store import Store, open_store
from plugin.store.tables.access import ACCOUNTS, AUDIT, SESSIONS
from plugin.store.tables.agency import LINKS

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)
BANK = "dir#Organization/bank-1"


def made(store: Store) -> Invitation:
    with store.write() as connection:
        return invite(connection, CARE, BANK, "A volunteer", NOON)


def wrong(invitation: Invitation) -> str:
    return "000000" if invitation.number != "000000" else "000001"


def test_link_and_number_together_open_the_agencys_own_pages(store: Store) -> None:
    invitation = made(store)
    assert enter(store, invitation.token, f" {invitation.number} ", NOON)
    assert enter(store, invitation.token, invitation.number, NOON + timedelta(days=20))
    with store.read() as connection:
        (account,) = connection.execute(select(ACCOUNTS)).all()
        assert (account.role, account.agency, account.name, account.password) == ("agency", BANK, "A volunteer", None)
        assert connection.scalar(select(func.count()).select_from(SESSIONS)) == 2
        assert verify(connection) > 2


def test_neither_alone_opens_anything(store: Store) -> None:
    invitation = made(store)
    with pytest.raises(LinkOver):
        enter(store, "another", invitation.number, NOON)
    with pytest.raises(WrongNumber) as refused:
        enter(store, invitation.token, wrong(invitation), NOON)
    assert refused.value.left == TRIES - 1


def test_whoever_guesses_ends_the_link(store: Store) -> None:
    invitation = made(store)
    for left in range(TRIES - 1, 0, -1):
        with pytest.raises(WrongNumber) as refused:
            enter(store, invitation.token, wrong(invitation), NOON)
        assert refused.value.left == left
    with pytest.raises(LinkOver):
        enter(store, invitation.token, wrong(invitation), NOON)
    with pytest.raises(LinkOver):
        enter(store, invitation.token, invitation.number, NOON)
    assert not usable(store, invitation.token, NOON)


def test_the_right_number_forgives_the_wrong_ones(store: Store) -> None:
    invitation = made(store)
    for _ in range(3):
        for _ in range(TRIES - 1):
            with pytest.raises(WrongNumber):
                enter(store, invitation.token, wrong(invitation), NOON)
        assert enter(store, invitation.token, invitation.number, NOON)


def test_a_link_ends_after_its_time(store: Store) -> None:
    invitation = made(store)
    assert usable(store, invitation.token, NOON + LASTS - timedelta(seconds=1))
    with pytest.raises(LinkOver):
        enter(store, invitation.token, invitation.number, NOON + LASTS)


def test_links_are_withdrawn(store: Store) -> None:
    invitation = made(store)
    with store.write() as connection:
        assert withdraw(connection, CARE, BANK, NOON) == 1
        assert withdraw(connection, CARE, BANK, NOON) == 0
    assert not usable(store, invitation.token, NOON)


def test_neither_link_nor_number_is_kept(store: Store) -> None:
    invitation = made(store)
    with store.read() as connection:
        kept = str(connection.execute(select(LINKS)).all())
    assert invitation.token not in kept
    assert invitation.number not in kept


@pytest.mark.parametrize("role", [Role.ANALYST, Role.ADMINISTRATOR])
def test_only_who_refers_invites(store: Store, role: Role) -> None:
    with pytest.raises(Forbidden), store.write() as connection:
        invite(connection, Scope("a", role), BANK, "A volunteer", NOON)


def test_nobody_is_invited_without_a_name(store: Store) -> None:
    with pytest.raises(ValueError, match="who there"), store.write() as connection:
        invite(connection, CARE, BANK, " ", NOON)


@pytest.fixture
def app(tmp_path: Path) -> tuple[Flask, Clock]:
    return site(tmp_path)


def test_a_volunteer_comes_in_from_the_mail(app: tuple[Flask, Clock]) -> None:
    site, _ = app
    invitation = made(store_of(site))
    browser = site.test_client()
    address = f"/agency/enter/{invitation.token}"
    assert "given on the phone" in browser.get(address).text
    refused = browser.post(address, data={"number": wrong(invitation)})
    assert refused.status_code == 401
    assert "4 more times" in refused.text
    opened = browser.post(address, data={"number": invitation.number})
    assert opened.headers["Location"] == "/agency"
    assert browser.get("/agency").status_code == 200
    assert browser.get("/outreach").status_code == 403
    assert site.test_client().get("/agency").headers["Location"].startswith("/sign-in")


def test_a_link_that_is_over_says_what_to_do(app: tuple[Flask, Clock]) -> None:
    site, _ = app
    answer = site.test_client().get("/agency/enter/nothing")
    assert answer.status_code == 410
    assert "Ask whoever sent it for a new one" in answer.text
    assert site.test_client().post("/agency/enter/nothing", data={"number": "1"}).status_code == 410


def test_the_operator_invites_and_withdraws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALMONER_CONFIG", raising=False)
    monkeypatch.setenv("ALMONER_DATABASE", database_of(tmp_path))
    monkeypatch.setenv("ALMONER_PUBLIC_URL", "https://almoner.example.org/")
    told = CliRunner().invoke(command, ["invite", BANK, "--name", "A volunteer"], catch_exceptions=False)
    assert told.exit_code == 0
    link = told.stdout.strip()
    assert link.startswith("https://almoner.example.org/agency/enter/")
    number = told.stderr.split()[1]
    store = open_store(database_of(tmp_path))
    assert enter(store, link.rpartition("/")[2], number, datetime.now(UTC))
    store.close()
    assert CliRunner().invoke(command, ["withdraw", BANK], catch_exceptions=False).output == "1 ended\n"
    store = open_store(database_of(tmp_path))
    with store.read() as connection:
        by = connection.scalars(select(AUDIT.c.user).where(AUDIT.c.action.in_(("agency.invite", "agency.withdraw")))).all()
    assert by == [f"shell:{getuser()}"] * 2
    store.close()


def test_the_operator_names_somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALMONER_CONFIG", raising=False)
    monkeypatch.setenv("ALMONER_DATABASE", database_of(tmp_path))
    told = CliRunner().invoke(command, ["invite", BANK, "--name", " "], catch_exceptions=False)
    assert (told.exit_code, "who there" in told.stderr) == (2, True)
