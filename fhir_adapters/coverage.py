"""What of a folder of FHIR files is understood: ``python -m fhir_adapters.coverage FOLDER …``."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fhir_adapters.directory_source import read_directory
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.report import render


def coverage(path: Path) -> Iterator[str]:
    """The table by resource type, then the defects found and the tables that do not count as loaded."""
    report = read_directory(path).report
    verdict = "balance" if report.balances() else "DO NOT BALANCE"
    yield f"{path.name}: {report.people:,} people, {report.events:,} events, accounts {verdict}"
    yield from render(report)
    yield from (f"{count:>8,} left out: {reason}" for reason, count in sorted(report.excluded.items()))
    if report.merged:
        yield f"{report.merged:>8,} merged into another record"
    for (name, reason), count in sorted(report.quarantine.counts.items()):
        yield f"{count:>8,} x {name or '(line)'}: {reason}"
    yield from (f"not loaded: {table} ({reason})" for table, reason in sorted(report.not_loaded.items()))


def main(paths: Sequence[str]) -> int:
    """Print the coverage of each path; 3 if one cannot be read."""
    try:
        for path in paths:
            sys.stdout.writelines(f"{line}\n" for line in [*coverage(Path(path)), ""])
    except SourceUnreadable as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
