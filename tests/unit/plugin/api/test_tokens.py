"""Who calls the API: tokens of accounts and nothing else, kept as hashes, until they run out or are withdrawn."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select, update
from support.access import SHELL, Clock, account, signed_in, site, store_of
from support.api import Program, program, token_of
from support.databases import database_of

from plugin.access import Role, accounts, attempts, tokens
from plugin.cli import account as commands
from plugin.cli.forgetting import forget_what_is_over
from plugin.settings import Settings
from plugin.store import Store, open_store
from plugin.store.tables.access import ACCOUNTS, AUDIT, TOKENS

LIST = "/conversations"


@pytest.fixture
def door(tmp_path: Path) -> tuple[Flask, Clock]:
    return site(tmp_path)


@pytest.fixture
def app(door: tuple[Flask, Clock]) -> Flask:
    return door[0]


@pytest.fixture
def clock(door: tuple[Flask, Clock]) -> Clock:
    return door[1]


@pytest.fixture
def caller(app: Flask, clock: Clock) -> Program:
    return program(app, Role.CARE_MANAGER, "ann", at=clock())


def actions(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(AUDIT.c.action).order_by(AUDIT.c.seq)))


def test_a_token_opens_until_it_runs_out(caller: Program, clock: Clock) -> None:
    assert caller.get(LIST).status_code == 200
    clock.pass_by(days=30)
    answer = caller.get(LIST)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Almoner API", error=invalid_token'


@pytest.mark.parametrize("sent", ["Bearer", "Bearer ", "Bearer almoner_wrong", "Basic YTpi", "almoner_x", "Bearer \xff"])
def test_what_is_no_token_opens_nothing(caller: Program, sent: str) -> None:
    caller.headers = {"Authorization": sent}
    assert caller.get(LIST).status_code == 401


def test_without_one_the_caller_is_told_what_to_send(app: Flask) -> None:
    answer = app.test_client().get(f"/api/v1{LIST}")
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Almoner API"'
    assert "token.refuse" not in actions(store_of(app))


def test_cookies_count_for_nothing_here_and_tokens_for_nothing_elsewhere(app: Flask, caller: Program) -> None:
    browser = signed_in(app, Role.CLINICIAN)
    assert browser.get("/outreach").status_code == 200
    assert browser.get(f"/api/v1{LIST}").status_code == 401
    page = app.test_client().get("/outreach", headers={"Authorization": f"Bearer {caller.token}"})
    assert page.status_code == 303


def test_what_there_is_not_is_told_to_nobody_without_a_token(app: Flask, caller: Program) -> None:
    assert app.test_client().get("/api/v1/nothing").status_code == 401
    for method, path, status in (("get", "/nothing", 404), ("put", LIST, 405), ("get", f"{LIST}/x", 404)):
        answer = caller.call(method, path)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert "GET" in caller.call("delete", LIST).headers["Allow"]


def test_where_nobody_signs_in_programs_still_need_a_token(tmp_path: Path) -> None:
    app, clock = site(tmp_path, mode="open")
    assert app.test_client().get(f"/api/v1{LIST}").status_code == 401
    assert program(app, at=clock()).get(LIST).status_code == 200


def test_from_elsewhere_it_is_spoken_over_https_only(caller: Program) -> None:
    caller.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert caller.get(LIST).status_code == 403


def test_only_its_hash_is_kept_and_the_day_on_which_it_was_used(app: Flask, caller: Program, clock: Clock) -> None:
    caller.get(LIST)
    clock.pass_by(days=1)
    caller.get(LIST)
    with store_of(app).read() as connection:
        (row,) = connection.execute(select(TOKENS))
        told = str([connection.execute(select(table)).all() for table in (TOKENS, AUDIT, ACCOUNTS)])
    assert row.used == "2026-07-01"
    assert caller.token.removeprefix("almoner_") not in told
    assert "token.make" in actions(store_of(app))


def test_a_token_ends_when_it_is_revoked_or_its_account_is_disabled(app: Flask, caller: Program, clock: Clock) -> None:
    store = store_of(app)
    another = Program(app.test_client(), token_of(store, "ann", clock(), name="nightly"))
    with store.write() as connection:
        first, second = tokens.listed(connection, clock())
        tokens.revoke(connection, SHELL, next(each.id for each in (first, second) if not each.name)[:12], clock())
    assert (caller.get(LIST).status_code, another.get(LIST).status_code) == (401, 200)
    with store.write() as connection:
        accounts.disable(connection, SHELL, first.account, clock())
    assert another.get(LIST).status_code == 401
    with store.write() as connection:
        accounts.enable(connection, SHELL, first.account, clock())
    assert another.get(LIST).status_code == 401, "whoever was disabled begins anew"


def test_a_token_allows_what_the_role_allows_now(app: Flask, caller: Program) -> None:
    assert caller.get(LIST).status_code == 200
    with store_of(app).write() as connection:
        connection.execute(update(ACCOUNTS).values(role="analyst"))
    assert caller.get(LIST).status_code == 403


def test_wrong_tokens_are_counted_and_right_ones_pass_all_the_same(app: Flask, caller: Program, clock: Clock) -> None:
    wrong = Program(app.test_client(), "almoner_guess")
    assert {wrong.get(LIST).status_code for _ in range(attempts.BY_ADDRESS)} == {401}
    answer = wrong.get(LIST)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert caller.get(LIST).status_code == 200
    assert actions(store_of(app)).count("token.refuse") == attempts.BY_ADDRESS
    clock.pass_by(minutes=16)
    assert wrong.get(LIST).status_code == 401


def test_tokens_that_ran_out_are_forgotten(app: Flask, caller: Program, clock: Clock, tmp_path: Path) -> None:
    store = store_of(app)
    told = forget_what_is_over(store, Settings(state=tmp_path), clock() + timedelta(days=29))
    assert "tokens that ran out: 0" in told
    assert "tokens that ran out: 1" in forget_what_is_over(store, Settings(state=tmp_path), clock() + timedelta(days=30))


@pytest.mark.parametrize(("days", "name", "said"), [(0, "", "1 to 366 days"), (367, "", "1 to 366 days"), (1, "x" * 101, "100 characters")])
def test_a_token_that_there_cannot_be(app: Flask, days: int, name: str, said: str, clock: Clock) -> None:
    account(store_of(app), "bo")
    with pytest.raises(accounts.AccountRefused, match=said):
        token_of(store_of(app), "bo", clock(), days, name)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(commands.command, list(arguments))


def test_an_operator_makes_shows_and_revokes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    CliRunner().invoke(commands.command, ["add", "ann", "--role", "care-manager"], input="correct horse battery\n")
    secret = command("token", "Ann", "--days", "7", "--name", "nightly export").output.strip()
    assert secret.startswith("almoner_")
    shown = command("tokens").output
    assert "  ann  nightly export  until " in shown
    assert "last used: never" in shown
    assert secret not in shown
    called = shown.split()[0]
    assert "no token is called x" in command("revoke", "x").output
    assert command("revoke", called).output == f"the token {called} of ann does not hold any more\n"
    assert command("tokens").output == ""
    assert "there is no account nobody" in command("token", "nobody").output
    assert command("token", "ann", "--days", "0").exit_code == 2
    command("disable", "ann")
    assert "may not sign in" in command("token", "ann").output
    store = open_store(database_of(tmp_path))
    assert [each for each in actions(store) if each.startswith("token.")] == ["token.make", "token.revoke"]
    store.close()
