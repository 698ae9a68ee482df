"""What it costs to take a sweep, and to list, filter and open conversations of many people.

``python -m benchmarks.outreach [--people 1000 100000] [--rounds 20]``. Made-up people, each with one to three findings, in a published
sweep; SQLite in a new folder, or ``--url`` of an empty database. Taking: CPU seconds, and again, when nothing has changed. Pages: whole
pages over WSGI, as a browser gets them, milliseconds at the median and at 95 percent, and how they grow with the people.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from statistics import quantiles

from flask.testing import FlaskClient
from sqlalchemy import select

from plugin.app import create_app
from plugin.outreach.taking import take
from plugin.runtime import Runtime
from plugin.settings import Settings
from plugin.store import open_store
from plugin.store.tables.outreach import EPISODES
from plugin.store.versions import ready
from plugin.sweep.published import WORKLIST, Published, WorklistPerson, person_line
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

AS_OF = date(2026, 6, 30)
LANGUAGES = ("en", "en", "en", "es", "pl", None)


def people(number: int, seed: int = 58) -> Iterator[WorklistPerson]:
    """Made-up people with findings of the rules that come along, the most urgent first."""
    rng = Random(seed)  # noqa: S311
    rules = [rule for pack in load_packs(BUILT_IN) for rule in pack.document.rules if not rule.restricted]
    piece = {"fact": "f", "resource": "Observation/o", "date": "2026-05-02", "value": 1.0, "unit": None}
    reasons = [{"fact": f"f{n}", "asks": f"f{n} >= 1", "value": 1.0, "unit": None, "evidence": [piece]} for n in range(4)]
    made = []
    for n in range(number):
        found = [
            {"rule": rule.id.text, "title": rule.title, "level": rule.level, "priority": rule.priority, "status": "yes"}
            | {"restricted": False, "next_flip": None, "reasons": reasons}
            for rule in rng.sample(rules, rng.randint(1, 3))
        ]
        name = f"Given{rng.randrange(5000)} Family{rng.randrange(50_000)}"
        made.append(WorklistPerson(f"p{n:07}", name, rng.randint(0, 95), "female", rng.choice(LANGUAGES), None, "555 0100", tuple(found)))
    return iter(sorted(made, key=lambda person: (-person.priority, person.id)))


def publish(state: Path, number: int) -> Path:
    """The folder of a published sweep."""
    folder = state / "sweeps" / "bench.tmp"
    folder.mkdir(parents=True)
    with (folder / WORKLIST).open("w", encoding="utf-8") as listed, (folder / "people.ndjson").open("w", encoding="utf-8") as everybody:
        for person in people(number):
            listed.write(person_line(person))
            everybody.write(json.dumps(person.id) + "\n")
    published = Published(state)
    rules = {rule.id.text: {} for pack in load_packs(BUILT_IN) for rule in pack.document.rules}
    published.seal(folder, {"as_of": AS_OF.isoformat(), "people": number, "findings_by_rule": rules})
    return published.bring(folder, "bench")


def timed(ask: Callable[[], object], rounds: int) -> str:
    """Milliseconds at the median and at 95 percent."""
    times = []
    for _ in range(rounds + 2):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    cuts = quantiles(times[2:], n=20)
    return f"{cuts[9]:8.1f} {cuts[18]:8.1f}"


def answered(client: FlaskClient, path: str) -> None:
    """Ask for a page, whole."""
    answer = client.get(path, headers={"Accept": "text/html"})
    if answer.status_code != 200 or not answer.data:
        raise SystemExit(f"{path}: {answer.status_code}")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def searched(client: FlaskClient) -> None:
    """Search for somebody."""
    if client.post("/outreach/search", data={"text": "given123 family1"}).status_code != 200:
        raise SystemExit("the search failed")


def ways(client: FlaskClient, rule: str, episode: str) -> dict[str, Callable[[], None]]:
    """What is asked for, and how."""
    pages = {
        "the first page": "/outreach",
        "the last page": "/outreach?page=99999",
        "by day": "/outreach?sort=due",
        "by name": "/outreach?sort=name",
        "of one rule": f"/outreach?rule={rule}",
        "of one language": "/outreach?language=pl",
        "mine": "/outreach?view=mine",
        "overdue": "/outreach?view=overdue",
        "one conversation": f"/outreach/{episode}",
    }
    asked: dict[str, Callable[[], None]] = {title: partial(answered, client, path) for title, path in pages.items()}
    return asked | {"a search for a name": partial(searched, client)}


def measure(state: Path, number: int, url: str, rounds: int) -> None:
    """Take a sweep of so many people, twice; then look."""
    folder, packs = publish(state, number), load_packs(BUILT_IN)
    with closing(ready(open_store(url))) as store:
        costs = []
        for _ in range(2):
            started = time.process_time()
            taken = take(store, folder, AS_OF)
            costs.append(time.process_time() - started)
        with store.read() as connection:
            episode = connection.scalar(select(EPISODES.c.id).order_by(EPISODES.c.rank).limit(1))
    say(f"taking a sweep of {number:,}: {costs[0]:.1f} CPU s; again, with {taken['confirmed']:,} confirmed: {costs[1]:.1f} CPU s")
    settings = Settings(state=state, as_of=AS_OF, database=url)
    client = create_app(Runtime(settings, packs, engine("reference"), Published(state))).test_client()
    answered(client, "/outreach")
    gc.collect()
    gc.freeze()  # as workers do that serve; see `plugin.serve`
    for title, ask in ways(client, packs[0].document.rules[0].id.text, str(episode)).items():
        say(f"{title:<22} {number:>9,} {timed(ask, rounds)}")


def main() -> None:
    """For each number of people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--url")
    asked = parser.parse_args()
    say("page                      people   median      p95 (ms)")
    for number in asked.people:
        with tempfile.TemporaryDirectory() as name:
            state = Path(name) / "state"
            measure(state, number, asked.url or f"sqlite:///{state}/almoner.db", asked.rounds)


if __name__ == "__main__":
    main()
