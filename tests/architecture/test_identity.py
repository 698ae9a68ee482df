"""``rules`` is also the name of a distribution on PyPI: its files must never be taken for ours."""

import os
import subprocess
import sys
from pathlib import Path

import plugin
import rules


def import_plugin(first_on_path: Path, root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(first_on_path), str(root)])}
    return subprocess.run(
        [sys.executable, "-c", "import plugin"], cwd=first_on_path, env=environment, capture_output=True, text=True, check=False
    )


def test_a_foreign_rules_package_is_refused_with_the_remedy(tmp_path: Path, root: Path) -> None:
    foreign = tmp_path / "rules" / "__init__.py"
    foreign.parent.mkdir()
    foreign.write_text('"""Somebody else\'s."""\n')
    result = import_plugin(tmp_path, root)
    assert result.returncode == 1
    assert f"'rules' at {foreign} is not almoner's: uninstall the PyPI distribution 'rules'" in result.stderr


def test_our_own_is_accepted(tmp_path: Path, root: Path) -> None:
    assert import_plugin(tmp_path, root).returncode == 0


def test_the_guard_and_the_package_agree_on_the_name() -> None:
    assert rules.PRODUCT == "almoner"
    assert plugin.__version__
