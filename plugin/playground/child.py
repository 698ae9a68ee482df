"""The process in which drafts are tried. Runs as ``python -m plugin.playground.child DESCRIPTOR``; see `plugin.playground.bench`.

It answers one request after the other until its owner closes the connection, and remembers nothing of them. A text that makes it
run too long or grow too large costs this process only. Nothing that goes wrong is printed: messages could hold the text.
"""

import resource
import sys
from collections.abc import Mapping
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from traceback import extract_tb
from typing import Any, Final

import orjson

from plugin.playground.trial import Trial, check, run

MOST_MEMORY: Final = 4 << 30
"""Bytes of address space; the databases of the columnar engine reserve far more than they use."""


def main() -> None:
    """Serve the connection whose descriptor is the only argument."""
    confine()
    connection: Connection[bytes, bytes] = Connection(int(sys.argv[1]))
    connection.send_bytes(b"ready")
    while True:
        try:
            request = orjson.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(orjson.dumps(answer(request)))


def confine() -> None:
    """From here on this process can write no file, leaves no core dump, and cannot grow without end."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the limit is not kept, or refused
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"trial": …}``, or ``{"too_large": true}``, or for a defect of ours ``{"defect": kind, "at": place}``."""
    try:
        return {"trial": _trial(request)}
    except (RecursionError, MemoryError):
        return {"too_large": True}
    except Exception as error:
        (*_, last) = extract_tb(error.__traceback__)
        return {"defect": type(error).__name__, "at": f"{Path(last.filename).name}:{last.lineno}"}


def _trial(request: Mapping[str, Any]) -> Trial:
    folder, text = Path(request["folder"]), request["text"]
    if request["people"]:
        return run(folder, text, request["people"], date.fromisoformat(request["as_of"]))
    return check(folder, text)


if __name__ == "__main__":
    main()
