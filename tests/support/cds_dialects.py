"""Calls and feedback as each kind of client sends them: golden requests about the person of `support.cds_calls`."""

import json
from pathlib import Path
from typing import Any, Final

from support.cds_calls import prefetch

_FOLDER: Final = Path(__file__).resolve().parents[1] / "conformance" / "dialects"

Json = dict[str, Any]


def names() -> list[str]:
    """Every golden request; the client's profile is the first word of its name, and those of feedback have the word in theirs."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def sent(name: str) -> Json:
    """A golden request; ``{"like": key}`` in its prefetch stands for what `support.cds_calls` has under that key."""
    found: Json = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    whole, keys = prefetch(), found.get("prefetch")
    if keys is not None:
        like = {key: whole[value["like"]] if isinstance(value, dict) and "like" in value else value for key, value in keys.items()}
        found["prefetch"] = like
    return found
