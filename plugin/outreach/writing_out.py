"""The list as a file for a spreadsheet or a program. No cell of it is run by a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

import orjson

from plugin.outreach.episodes import Episode
from plugin.outreach.words import CHANNELS, OUTCOMES

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = (
    *("name", "patient", "age", "sex", "language", "interpreter", "phone", "channel", "best time"),
    *("not by", "priority", "why", "due", "owner", "attempts", "last outcome", "not before"),
)


def rows(episodes: Iterable[Episode]) -> Iterator[dict[str, str]]:
    """Column → text for each episode; what is not known is empty."""
    for episode in episodes:
        row = episode.row
        interpreter = {True: "yes", False: "no", None: ""}[row.interpreter]
        why = "; ".join(why.title for why in episode.why if why.ended is None)
        last = OUTCOMES[row.last_outcome].label if row.last_outcome else ""
        barred = ", ".join(CHANNELS[channel] for channel in episode.barred)
        values = (
            *(row.name, row.patient, row.age, row.sex, row.language, interpreter, row.phone, CHANNELS.get(row.channel or "", "")),
            *(row.best_time, barred, row.priority, why, row.due, row.owner, row.attempts, last, row.not_before),
        )
        yield {name: "" if value is None else str(value) for name, value in zip(COLUMNS, values, strict=True)}


def as_csv(episodes: Iterable[Episode]) -> str:
    """RFC 4180, with a line of names. A text that a spreadsheet would take for a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in rows(episodes):
        writer.writerow({name: f"'{value}" if value.startswith(_STARTS_A_FORMULA) else value for name, value in row.items()})
    return text.getvalue()


def as_ndjson(episodes: Iterable[Episode]) -> str:
    """An object on each line, as it is."""
    return "".join(orjson.dumps(row).decode() + "\n" for row in rows(episodes))
