"""The modules of the three packages as syntax trees, and the questions that the architecture tests ask of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("plugin", "rules", "fhir_adapters")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python source file: its dotted name and its text."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text."""
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        """Number of lines, blank ones and comments included."""
        return len(self.text.splitlines())


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the three packages, sorted by name."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(Module(dotted(path.relative_to(ROOT)), path, path.read_text(encoding="utf-8")) for path in paths)


def dotted(path: Path) -> str:
    """``rules/engines/__init__.py`` → ``rules.engines``."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """What a module imports anywhere in it, with the line. ``from a import b`` may mean the module ``a.b`` and gives it as such."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """Each function with its length in lines, from ``def`` to the end."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield f"{module.name}.{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1
