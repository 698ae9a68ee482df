"""The engines that tests hold side by side."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from rules.engines import Engine, engine

NAMES: Final = tuple(os.environ.get("ALMONER_ENGINES", "reference durable columnar").split())
"""The reference first: the others are compared with it. ``ALMONER_ENGINES=reference`` runs the specification on one of them."""


@contextmanager
def open_engines(names: Iterable[str] = NAMES) -> Iterator[dict[str, Engine]]:
    """The engines by name, closed at the end."""
    with ExitStack() as stack:
        engines = {name: engine(name) for name in names}
        for each in engines.values():
            stack.callback(each.close)
        yield engines
