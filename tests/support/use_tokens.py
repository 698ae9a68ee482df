"""One worker of several: offers every token to the service from four threads, and says which were let in.

``python -m support.use_tokens DATABASE_URL JWKS_FILE``; a line "go", then tokens, one a line, on standard input; numbers of lines on
standard output, one for each time that a token was let in.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.cds_tokens import CALLED, GONE, NOW, PUBLIC_URL, client

from plugin.cds.trust import Trust, Unauthorized
from plugin.store import open_store


def main(database: str, jwks: str) -> None:
    """See above."""
    store = open_store(database)
    trust = Trust([client(jwks_file=Path(jwks), jwks_url=GONE)], store, PUBLIC_URL)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    tokens = sys.stdin.read().split()

    def use(number: int) -> int | None:
        try:
            trust.client_of(f"Bearer {tokens[number]}", CALLED, NOW)
        except Unauthorized:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        found = pool.map(use, [number for number in range(len(tokens)) for _ in range(4)])
        sys.stdout.writelines(f"{number}\n" for number in found if number is not None)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
