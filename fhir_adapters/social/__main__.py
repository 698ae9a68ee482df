"""How many people are how placed in each domain: ``python -m fhir_adapters.social FOLDER AS_OF DAYS``."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from fhir_adapters.directory_source import read_directory
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.social import Aspect, State, social_facts


def table(path: Path, as_of: date, stale_after: timedelta) -> Iterator[str]:
    """Domain and aspect by state, with the number of people whose record disagrees with itself. Rows that say nothing are left out."""
    counts: Counter[tuple[str, Aspect, str]] = Counter()
    for record in read_directory(path).records:
        for (domain, aspect), fact in social_facts(record, as_of, stale_after=stale_after).items():
            counts[domain, aspect, fact.state] += 1
            counts[domain, aspect, "conflicts"] += bool(fact.conflicts)
    columns = [*State, "conflicts"]
    yield f"{'domain':<34}{'aspect':<9}" + "".join(f"{column:>11}" for column in columns)
    silent = {State.NOT_ASKED, State.UNKNOWN}
    for domain, aspect in dict.fromkeys((domain, aspect) for domain, aspect, _ in counts):
        if any(counts[domain, aspect, state] for state in State if state not in silent):
            yield f"{domain:<34}{aspect:<9}" + "".join(f"{counts[domain, aspect, column]:>11,}" for column in columns)


def main(arguments: Sequence[str]) -> int:
    """Print the table; 2 if the arguments are wrong, 3 if the folder cannot be read."""
    try:
        folder, as_of, days = arguments
        lines = table(Path(folder), date.fromisoformat(as_of), timedelta(days=int(days)))
        sys.stdout.writelines(f"{line}\n" for line in lines)
    except ValueError:
        sys.stderr.write("give a folder, a day (2023-10-03) and the number of days after which an answer is stale\n")
        return 2
    except SourceUnreadable as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
