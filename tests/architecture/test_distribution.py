"""What is shipped: the three packages with everything they read at run time, and nothing else."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from architecture.modules import PACKAGES, ROOT

import plugin

pytestmark = pytest.mark.slow


def build(kind: str, directory: Path) -> Path:
    """Build the wheel or the sdist from the checkout; no network: hatchling is installed."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (built,) = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {*PACKAGES, f"almoner-{plugin.__version__}.dist-info"}


def test_the_wheel_holds_every_file_that_the_packages_read(wheel: zipfile.ZipFile) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources <= set(wheel.namelist())


def test_the_wheel_is_typed_licensed_and_has_the_command(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
    assert "almoner = plugin.cli:main" in wheel.read(entry_points).decode()


def test_the_sdist_can_build_and_test_itself(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        top = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"plugin", "rules", "fhir_adapters", "tests", "requirements", "pyproject.toml", "LICENSE", "README.md", "Makefile"} <= top
    assert not top & {".venv", ".venv-peer", ".mypy_cache", ".ruff_cache", "state", "shared"}
