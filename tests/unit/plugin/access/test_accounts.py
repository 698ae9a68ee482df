"""Accounts, sessions and attempts in the store, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from support.access import PASSWORD, SHELL, account
from werkzeug.security import generate_password_hash

from plugin.access import Role, attempts, sessions
from plugin.access.accounts import AccountRefused, add, disable, enable, find, hashed, listed, matches, set_password
from plugin.access.attempts import BY_ADDRESS, BY_BOTH, WITHIN, TooMany
from plugin.access.sessions import Lasting
from plugin.access.signing_in import WrongPassword, sign_in
from plugin.store import Store

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
LASTING = Lasting(timedelta(minutes=30), timedelta(hours=12))


def test_an_account_is_found_by_its_login_however_it_is_typed(store: Store) -> None:
    made = account(store, "Zoë.Q", Role.ANALYST)
    with store.read() as connection:
        assert find(connection, " zoë.q ") == made
        assert find(connection, "ZOE\u0308.Q") == made
        assert find(connection, "zoe.q") is None
        assert (made.login, made.role, made.scope.agency) == ("zoë.q", Role.ANALYST, None)


REFUSED = {
    "no login": ("  ", Role.ANALYST, None, PASSWORD),
    "a long login": ("x" * 200, Role.ANALYST, None, PASSWORD),
    "an agency's user without agency": ("a", Role.AGENCY, None, PASSWORD),
    "an agency for somebody else": ("a", Role.ANALYST, "a1", PASSWORD),
    "Almoner itself": ("a", Role.SYSTEM, None, PASSWORD),
    "a short password": ("a", Role.ANALYST, None, "short"),
    "a login that is taken": ("TAKEN", Role.ANALYST, None, PASSWORD),
}


@pytest.mark.parametrize("wanted", REFUSED.values(), ids=REFUSED)
def test_some_accounts_there_cannot_be(store: Store, wanted: tuple[str, Role, str | None, str]) -> None:
    account(store, "taken")
    login, role, agency, password = wanted
    with pytest.raises(AccountRefused), store.write() as connection:
        add(connection, SHELL, login, "", role, agency, password, NOON)
    with store.read() as connection:
        assert [each.login for each in listed(connection)] == ["taken"]


def test_only_the_right_password_of_an_account_that_may_sign_in_matches(store: Store) -> None:
    made = account(store, "ann")
    with store.write() as connection:
        assert matches(connection, "ANN", PASSWORD) == made
        assert matches(connection, "ann", PASSWORD + " ") is None
        assert matches(connection, "ben", PASSWORD) is None
        disable(connection, SHELL, made, NOON)
        assert matches(connection, "ann", PASSWORD) is None
        enable(connection, SHELL, made, NOON)
        set_password(connection, SHELL, made, "another password", NOON)
        assert matches(connection, "ann", PASSWORD) is None
        assert matches(connection, "ann", "another password") is not None


def test_passwords_are_kept_as_scrypt_at_full_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin.access.accounts.generate_password_hash", generate_password_hash)
    method, salt, digest = hashed(PASSWORD).split("$")
    assert method == "scrypt:32768:8:1"
    assert (len(salt), len(digest)) == (16, 128)


def test_failures_are_counted_until_somebody_signs_in(store: Store) -> None:
    account(store, "ann")
    for _ in range(2):
        with pytest.raises(WrongPassword):
            sign_in(store, "ann", "wrong password", None, NOON)
    with store.read() as connection:
        assert [(each.failed, each.signed_in) for each in listed(connection)] == [(2, None)]
    sign_in(store, "ann", PASSWORD, None, NOON)
    with store.read() as connection:
        assert [(each.failed, each.signed_in) for each in listed(connection)] == [(0, NOON)]


def test_a_session_is_found_by_its_secret_for_a_while(store: Store) -> None:
    made = account(store, "ann")
    with store.write() as connection:
        secret = sessions.start(connection, made, NOON)
        found = sessions.find(connection, secret, LASTING, NOON + timedelta(minutes=29))
        assert found is not None
        assert found.account.id == made.id
        assert sessions.find(connection, secret + "x", LASTING, NOON) is None
        assert sessions.find(connection, secret, LASTING, NOON + timedelta(minutes=30)) is None
        sessions.touch(connection, found, NOON + timedelta(minutes=29))
        assert sessions.find(connection, secret, LASTING, NOON + timedelta(minutes=30)) is not None
        assert sessions.forget(connection, LASTING, NOON + timedelta(minutes=30)) == 0
        assert sessions.forget(connection, LASTING, NOON + timedelta(minutes=59)) == 1


def test_many_tries_at_one_time_do_not_slip_by(store: Store) -> None:
    let_through: list[int] = []

    def attempt() -> None:
        for _ in range(4):
            try:
                with store.write() as connection:
                    attempts.count(connection, "ann", "192.0.2.1", NOON)
                let_through.append(1)
            except TooMany:
                pass

    tries = [threading.Thread(target=attempt) for _ in range(4)]
    for each in tries:
        each.start()
    for each in tries:
        each.join()
    assert len(let_through) == BY_BOTH


def test_a_whole_clinic_signs_in_from_one_address(store: Store) -> None:
    account(store, "ann")
    for _ in range(BY_ADDRESS + 5):
        sign_in(store, "ann", PASSWORD, "192.0.2.1", NOON)
    for number in range(BY_ADDRESS):
        with pytest.raises(WrongPassword):
            sign_in(store, f"login-{number}", "wrong password", "192.0.2.1", NOON)
    with pytest.raises(TooMany):
        sign_in(store, "ann", PASSWORD, "192.0.2.1", NOON)


def test_attempts_are_forgotten_when_they_do_not_count_any_more(store: Store) -> None:
    with store.write() as connection:
        attempts.count(connection, "ann", "192.0.2.1", NOON)
        assert attempts.forget(connection, NOON + WITHIN - timedelta(seconds=1)) == 0
        assert attempts.forget(connection, NOON + WITHIN) == 3
