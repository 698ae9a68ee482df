"""What clients get, written down: ``python -m support.cds_goldens`` writes it anew. Read the difference before you keep it."""

from collections.abc import Iterator
from pathlib import Path

import orjson
from support.cds_advice import FOOD, HOUSING, ORDERS, advised, client_of, numbered

from plugin.cds.clients.client import Client
from plugin.cds.clients.profile import known_profiles
from plugin.cds.clients.setup_sheet import setup_sheet
from plugin.cds.compiler import compile_card
from plugin.cds.services import offered_to, services
from rules.pack import BUILT_IN, load_packs

FOLDER = Path(__file__).resolve().parents[1] / "unit" / "plugin" / "cds" / "golden"
_CODES = {FOOD: f"{ORDERS}|FOODPANTRY", HOUSING: f"{ORDERS}|HOUSINGREF"}


def _clients() -> Iterator[tuple[str, Client]]:
    """Epic knows orders by codes of its own; one site of athena is in Spanish."""
    yield "epic", client_of("epic", order_codes=_CODES, links=("https://doi.org", "https://www.nice.org.uk/"))
    yield "oracle", client_of("oracle")
    yield "athena", client_of("athena")
    yield "athena-es", client_of("athena", language="es-US")


def _card(client: Client) -> str:
    compiled = [compile_card(advice, client, numbered()) for advice in advised()]
    told = [
        {
            "card": each.card,
            "lost": [[loss.kind, loss.what] for loss in each.lost],
            "accepted": [{"suggestion": o.suggestion, "kind": o.kind, "created": o.created} for o in each.suggestions],
        }
        for each in compiled
    ]
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def goldens() -> dict[str, str]:
    """File name → text."""
    packs = load_packs(BUILT_IN)
    ours = services(packs)
    configured = dict(_clients())
    cards = {f"cards-{name}.json": _card(client) for name, client in configured.items()}
    sheets = {
        f"sheet-{name}.md": setup_sheet(client, offered_to(client.profile, ours), packs, "https://almoner.example")
        for name in known_profiles()
        for client in [configured.get(name) or client_of(name)]
    }
    return cards | sheets


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in goldens().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
