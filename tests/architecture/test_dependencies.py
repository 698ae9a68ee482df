"""What ``pyproject.toml`` declares and what the packages import are the same list."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from architecture.modules import PACKAGES, imports, modules


def normal(distribution: str) -> str:
    """The comparable form of a distribution's name."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def declared(root: Path) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {normal(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in project["dependencies"]}


def optional(root: Path) -> set[str]:
    """What the extras add (``almoner[spark]``); the code says so itself when it is missing."""
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {normal(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for extra in extras.values() for requirement in extra}


def imported_distributions() -> dict[str, set[str]]:
    """Distribution → the modules of ours that import it. A namespace shared by several distributions counts for each."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for module in modules():
        for target, _ in imports(module):
            top = target.split(".")[0]
            if top not in sys.stdlib_module_names and top not in PACKAGES:
                for distribution in owners.get(top, [top]):
                    found.setdefault(normal(distribution), set()).add(module.name)
    return found


def test_every_declared_dependency_is_used(root: Path) -> None:
    assert declared(root) - set(imported_distributions()) == set()


def test_every_imported_library_is_declared(root: Path) -> None:
    known = declared(root) | optional(root)
    undeclared = {name: sorted(users) for name, users in imported_distributions().items() if name not in known}
    assert undeclared == {}


def test_the_locks_hold_every_declared_dependency_with_its_hash(root: Path) -> None:
    for lock in ("runtime.lock", "dev.lock"):
        text = (root / "requirements" / lock).read_text(encoding="utf-8")
        pinned = {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==\S+(?: ;[^\\]*)? \\\n    --hash=sha256:", text, re.MULTILINE)}
        assert declared(root) <= pinned, lock


def test_the_development_lock_repeats_the_runtime_lock(root: Path) -> None:
    pins = {
        lock: set(re.findall(r"^\S+==\S+", (root / "requirements" / lock).read_text(encoding="utf-8"), re.MULTILINE))
        for lock in ("runtime.lock", "dev.lock")
    }
    assert pins["runtime.lock"] <= pins["dev.lock"], "run: make lock"
