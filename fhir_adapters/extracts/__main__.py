"""What of a described extract is understood, and every cell that is not: ``python -m fhir_adapters.extracts FILE.extract.yaml``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from fhir_adapters.dataset import Collector
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.extracts import read_extract
from fhir_adapters.report import Report, render
from rules.errors import RuleError


def main(arguments: Sequence[str]) -> int:
    """Print the table and the rejects; 0 fine, 1 something was not understood, 2 usage, 3 it cannot be read."""
    if len(arguments) != 1:
        sys.stderr.write("give one description: FILE.extract.yaml\n")
        return 2
    report = Report()
    collector = Collector(report)
    try:
        read_extract(Path(arguments[0]), collector)
    except (RuleError, SourceUnreadable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    collector.records(())
    lines = [*render(report), *report.notes, *(f"{entry.path}: {entry.reason}" for entry in report.quarantine.entries if entry.path)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if report.quarantine.counts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
