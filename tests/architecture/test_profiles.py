"""A vendor profile is obeyed, not only shown: each of its fields is read by the code that talks to servers."""

import ast
from collections.abc import Iterator

import pytest
from architecture.modules import modules
from pydantic import BaseModel

from fhir_adapters.vendors import Bulk, Split, Vendor, Writing

HOLDERS: dict[type[BaseModel], set[str]] = {
    Vendor: {"vendor", "profile", "habits", "GENERIC"},
    Bulk: {"bulk"},
    Writing: {"writing"},
    Split: {"split"},
}
"""Part of a profile → the names under which code holds it."""
FOR_PEOPLE = {"sources"}
"""It says where the rest is known from."""
FIELDS = [(part, name) for part in HOLDERS for name in part.model_fields if name not in FOR_PEOPLE]


def reads() -> Iterator[tuple[str, str]]:
    """Each ``holder.attribute`` in the three packages; within the model itself ``self`` counts as a Vendor."""
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                own = owner == "self" and module.name == "fhir_adapters.vendors.habits"
                yield "vendor" if own else owner, node.attr


READ = set(reads())


@pytest.mark.parametrize(("part", "name"), FIELDS, ids=[f"{part.__name__}.{name}" for part, name in FIELDS])
def test_each_field_of_a_profile_is_read(part: type[BaseModel], name: str) -> None:
    assert any((holder, name) in READ for holder in HOLDERS[part]), "a habit that nothing heeds is a promise that nobody keeps"
