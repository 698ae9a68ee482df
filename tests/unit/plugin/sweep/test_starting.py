"""What a sweep does without."""

import subprocess
import sys

SPARED = ("alembic", "fhir", "flask", "jwt", "requests", "rich", "plugin.cds.service", "plugin.servers")
"""To change tables, to build resources, to speak to servers and people: a sweep of files needs none of it, and each costs it its start."""


def test_a_sweep_of_files_imports_nothing_for_other_tasks() -> None:
    program = f"import sys, plugin.cli.sweep; print(*(name for name in {SPARED} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []
