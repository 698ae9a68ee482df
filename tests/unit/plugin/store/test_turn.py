"""Writers of one SQLite file take turns: threads, processes, and those that die in the middle."""

import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text

from plugin.store import open_store
from plugin.store.inserting import insert_new
from plugin.store.tables import SEEN_TOKENS
from plugin.store.turn import Turn
from plugin.store.versions import migrate

HOLDS = """
import sys, time
from pathlib import Path
from plugin.store.turn import Turn
with Turn(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_process_gives_its_turn_back(tmp_path: Path) -> None:
    file, order = tmp_path / "turn", []
    other = subprocess.Popen([sys.executable, "-c", HOLDS, file], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"

    def wait() -> None:
        with Turn(file):
            order.append("ours")

    waiting = Thread(target=wait)
    waiting.start()
    order.append("theirs")
    other.kill()
    waiting.join(30)
    assert order == ["theirs", "ours"]
    other.wait()
    other.stdout.close()


def test_a_turn_is_given_back_when_the_block_fails(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "turn")
    with pytest.raises(ValueError, match="x"), turn:
        raise ValueError("x")
    with turn:
        assert (tmp_path / "turn").stat().st_mode & 0o077 == 0


def test_a_turn_that_cannot_be_had_keeps_nobody_waiting(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "missing" / "turn")
    for _ in range(2):
        with pytest.raises(FileNotFoundError), turn:
            pass


def test_readers_wait_for_nobody(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/x.db")
    migrate(store)
    with store.write() as writer, store.read() as reader:
        insert_new(writer, SEEN_TOKENS, [])
        assert reader.scalar(text("SELECT 1")) == 1
    store.close()
