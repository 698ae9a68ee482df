"""A token is good for one call, whichever process or thread it comes to; what is over is forgotten; without a memory nobody gets in."""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select
from support.cds_tokens import CALLED, GONE, NOW, Ehr, client, trusting, written
from support.databases import database_of

from plugin.cds.trust import Reason, Unauthorized
from plugin.store import Store, open_store
from plugin.store.tables import SEEN_TOKENS
from plugin.store.versions import migrate

EHR: Final = Ehr()
TESTS: Final = Path(__file__).resolve().parent.parent


def bearer(ehr: Ehr = EHR, **claims: object) -> str:
    return f"Bearer {ehr.token(header={'jku': GONE}, **claims)}"


def reason(store: Store, authorization: str) -> Reason | None:
    """Why a worker of its own refuses the call; ``None`` if it lets it in."""
    try:
        trusting(store).client_of(authorization, CALLED, NOW)
    except Unauthorized as refused:
        return refused.reason
    return None


def remembered(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(SEEN_TOKENS)) or 0


def test_a_token_that_another_worker_saw_is_refused(store: Store) -> None:
    token = bearer()
    assert [reason(store, token) for _ in range(3)] == [None, Reason.REPLAYED, Reason.REPLAYED]


def test_two_clients_may_use_the_same_jti(store: Store) -> None:
    trust = trusting(store, client("a", issuer="https://a.example"), client("b", issuer="https://b.example"))
    for name in ("a", "b"):
        token = EHR.token(iss=f"https://{name}.example", jti="1")
        assert trust.client_of(f"Bearer {token}", CALLED, NOW).name == name
    assert remembered(store) == 2


def test_the_token_itself_is_not_kept(store: Store) -> None:
    assert reason(store, bearer(jti="who-knows-this")) is None
    with store.read() as connection:
        (row,) = connection.execute(select(SEEN_TOKENS))
    assert row.client == "clinic"
    assert "who-knows-this" not in row.jti
    assert row.expires >= NOW + timedelta(seconds=360)


def test_a_refused_token_is_not_used_up(store: Store) -> None:
    """A stranger who makes up the number of a token that is still to come must not lock its owner out."""
    head, claims, _ = EHR.token(header={"jku": GONE}, jti="7").split(".")
    assert reason(store, f"Bearer {head}.{claims}.{'A' * 128}") is Reason.SIGNATURE
    assert remembered(store) == 0
    assert reason(store, bearer(jti="7")) is None


def test_what_is_over_is_forgotten(store: Store) -> None:
    trust = trusting(store)
    for minutes in range(0, 40, 2):
        trust.client_of(f"Bearer {EHR.token(NOW + timedelta(minutes=minutes))}", CALLED, NOW + timedelta(minutes=minutes))
    assert remembered(store) <= 7


def test_a_memory_that_cannot_be_tidied_refuses_nobody(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    trust = trusting(store)
    deletes = "BEFORE DELETE ON seen_tokens"
    with store.write() as connection:
        if store.is_sqlite:
            connection.exec_driver_sql(f"CREATE TRIGGER locked {deletes} BEGIN SELECT RAISE(ABORT, 'locked'); END")
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION locked() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''locked''; END' LANGUAGE plpgsql"
            )
            connection.exec_driver_sql(f"CREATE TRIGGER locked {deletes} FOR EACH ROW EXECUTE FUNCTION locked()")
    for hours in (0, 1, 2):
        later = NOW + timedelta(hours=hours)
        assert trust.client_of(f"Bearer {EHR.token(later)}", CALLED, later).name == "clinic"
    assert caplog.text.count("tokens_not_purged") == 2


def test_any_jti_can_be_remembered(store: Store) -> None:
    for jti in ("\ud800", "é" * 500, "'; DROP TABLE seen_tokens; --", "\x00"):
        assert reason(store, bearer(jti=jti)) is None
        assert reason(store, bearer(jti=jti)) is Reason.REPLAYED


@pytest.mark.parametrize("state", ["no tables", pytest.param("no database", marks=pytest.mark.about_sqlite)])
def test_without_a_memory_nobody_is_let_in(state: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(database_of(tmp_path, tables=False))
    if state == "no database":
        migrate(store)
        store.close()
        (tmp_path / "almoner.db").unlink()
        (tmp_path / "almoner.db").mkdir()
    assert reason(store, bearer()) is Reason.MEMORY_UNAVAILABLE
    assert "token_memory_unavailable type=" in caplog.text
    store.close()


def test_a_database_that_is_down_lets_nobody_in_and_one_that_is_back_does(postgresql_server: str) -> None:
    from psycopg import connect
    from support.databases import emptied, opened

    with emptied(postgresql_server) as url, opened(url) as store:
        trust, name = trusting(store), store.engine.url.database
        assert trust.client_of(bearer(), CALLED, NOW).name == "clinic"
        with connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[arg-type,unused-ignore]
            connection.execute("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = %s", (name,))
            with pytest.raises(Unauthorized) as refused:
                trust.client_of(bearer(), CALLED, NOW)
            assert refused.value.reason is Reason.MEMORY_UNAVAILABLE
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[arg-type,unused-ignore]
        assert trust.client_of(bearer(), CALLED, NOW).name == "clinic"


def offered(number: int, tokens: list[str], database: str, jwks: Path) -> Counter[int]:
    """How often each token was let in by so many processes together, which begin when all are ready."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command = [sys.executable, "-m", "support.use_tokens", database, str(jwks)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with ExitStack() as stack, ThreadPoolExecutor(number) as pool:
        started = [stack.enter_context(subprocess.Popen(command, text=True, env=environment, **pipes)) for _ in range(number)]
        for each in started:
            stack.callback(each.kill)
        assert [each.stdout.readline() for each in started] == ["ready\n"] * number
        answers = pool.map(lambda each: each.communicate("\n".join(["go", *tokens]), timeout=120)[0], started)
        return Counter(int(line) for answer in answers for line in answer.split())


@pytest.mark.slow
def test_of_many_workers_and_threads_exactly_one_lets_a_token_in(store: Store, tmp_path: Path) -> None:
    tokens = [EHR.token(header={"jku": GONE}) for _ in range(60)]
    database_url = store.engine.url.render_as_string(hide_password=False)
    assert offered(3, tokens, database_url, written(tmp_path, EHR.jwks())) == dict.fromkeys(range(60), 1)
    assert remembered(store) == 60
