"""What a card costs: compiling it for each kind of client and holding it to the standard, in CPU milliseconds.

``python -m benchmarks.cards``. Medians of the rounds, all clients in turn in each round.
"""

import argparse
import platform
import time
from collections.abc import Callable
from statistics import median

from plugin.cds.clients.client import Client
from plugin.cds.clients.limits import limit_problems
from plugin.cds.clients.profile import known_profiles, profile
from plugin.cds.compiler import compile_card
from plugin.cds.preview.people import advice_about_example
from plugin.cds.validate import response_problems
from plugin.settings import ClientSettings
from rules.pack import BUILT_IN, load_packs

RULE = "diabetes-food-insecurity"
ORDERS = {"http://snomed.info/sct|467771000124109": "urn:com.epic.cdshooks.action.code.system.preference-list-item|1"}


def milliseconds(work: Callable[[], object], times: int) -> float:
    """CPU milliseconds of one piece of work."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=50)
    options = parser.parse_args()
    advice = advice_about_example(load_packs(BUILT_IN), RULE)
    assert advice
    clients = [Client(name, profile(name), ClientSettings(profile=name, order_codes=ORDERS)) for name in known_profiles()]
    cost: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for client in clients:
            card = compile_card(advice, client, lambda: "x").card
            for what, work in (
                ("compile", lambda client=client: compile_card(advice, client, lambda: "x")),
                ("check", lambda card=card, client=client: (response_problems({"cards": [card]}), limit_problems(card, client.profile))),
            ):
                cost.setdefault((client.name, what), []).append(milliseconds(work, options.times))
    print(f"Python {platform.python_version()}, {platform.machine()}; {options.rounds} rounds of {options.times}; card of {RULE}")  # noqa: T201
    for client in clients:
        compile_, check = (median(cost[client.name, what]) for what in ("compile", "check"))
        print(f"{client.name:<8} compile {compile_:5.2f} ms  check {check:5.2f} ms  together {compile_ + check:5.2f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
