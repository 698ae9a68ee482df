"""The repository names no machine and no registry, so that it means the same everywhere."""

import re
import subprocess
from pathlib import Path

import pytest

# Put together from pieces, so that this file passes its own test.
MACHINE = re.compile(r"(?<![\w.])/(?:root|work|home|Users)/[\w.]|/opt/(?:pypi|wheels)")
HOSTS = [("pypi", ".org"), ("python", "hosted.org"), ("npm", "js.org"), ("npm", "js.com")]
REGISTRY = re.compile("|".join(re.escape(name + rest) for name, rest in HOSTS))

LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


def files(root: Path) -> list[Path]:
    """Tracked files, and new ones that git would track."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 git is wherever the developer has it
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout: nothing tells the repository's files from others")
    return [path for name in listing.stdout.split("\0") if name and (path := root / name).is_file()]


@pytest.mark.parametrize(
    ("what", "pattern"), [("a path of some machine", MACHINE), ("a package registry's host", REGISTRY)], ids=["path", "host"]
)
def test_no_file_names(what: str, pattern: re.Pattern[str], root: Path) -> None:
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in files(root)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"names {what}"


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    dead = [
        f"{path.relative_to(root)}: {target}"
        for path in files(root)
        if path.suffix == ".md"
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert dead == []


def test_tests_are_not_packages(root: Path) -> None:
    """With one, pytest could import ``tests/unit/rules`` as ``rules``."""
    assert [p for p in files(root) if p.name == "__init__.py" and p.is_relative_to(root / "tests")] == []
