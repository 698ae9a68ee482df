"""Pulls as processes that may be killed: ``python -m support.pull_once`` forks one for each line that it reads.

A line is ``URL FOLDER TYPES begin|resume``; the answers are the process's id and, in the end, its exit status (``os.wait``).
What a pull needs is imported once, for there are many of them.
"""

import os
import sys
from pathlib import Path

from fhir_adapters.bulk import LIMITS, ExportRequest, Options, Pull, Retries
from fhir_adapters.errors import PullConflict
from fhir_adapters.transport import Breaker, FhirServer

NOTHING_BEGUN = 2


def pull(url: str, folder: str, types: str, how: str) -> int:
    """Begin a pull, or resume one; `NOTHING_BEGUN` if there is none."""
    server = FhirServer(url, limits=LIMITS, breaker=Breaker(failures=1000))
    with Pull(server, Path(folder), Options(parallel=3, retries=Retries(least=0.01, longest=0.05))) as pulling:
        if how == "begin":
            pulling.begin(ExportRequest(tuple(types.split(",")), partial=True))
        try:
            pulling.run()
        except PullConflict:
            return NOTHING_BEGUN
    return 0


def main() -> None:
    """Fork, tell, wait, tell."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.exit(pull(*line.split()))
        print(child, flush=True)  # noqa: T201 it is the answer
        print(os.waitpid(child, 0)[1], flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
