"""One way in per package: what ``__all__`` promises is there and says what it is."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
from architecture.modules import Module, modules


def declares_all(module: Module) -> bool:
    return any(
        isinstance(target, ast.Name) and target.id == "__all__"
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )


def test_every_module_says_what_it_is() -> None:
    assert [m.name for m in modules() if m.text.strip() and not ast.get_docstring(m.tree)] == []


@pytest.mark.parametrize("name", [m.name for m in modules() if declares_all(m)])
def test_exported_names_exist_and_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    exported = {key: getattr(module, key) for key in module.__all__}
    assert not [key for key in exported if key.startswith("_") and key != "__version__"]
    assert not [key for key, value in exported.items() if (inspect.isclass(value) or inspect.isfunction(value)) and not value.__doc__]


def defined_names() -> set[str]:
    """Every class, function and variable that some module defines at its top level."""
    return {
        name
        for module in modules()
        for node in module.tree.body
        for name in (
            [node.name]
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
            else [target.id for target in ast.walk(node) if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)]
        )
    }


def test_the_glossary_names_what_exists(root: Path) -> None:
    terms = set(re.findall(r"^\| `([A-Z]\w+)`", (root / "GLOSSARY.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert terms
    assert terms - defined_names() == set()
