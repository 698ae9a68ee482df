"""The page about calls tells of the hooks that the code has."""

from pathlib import Path

from plugin.cds.hooks import HOOKS, Hook


def row(hook: Hook) -> str:
    """How the page begins the line about a hook."""
    user = "yes" if hook.user_required else "optional" if hook.user_types else "no"
    known = [f for f in hook.fields if f.name not in ("userId", "patientId")]
    names = ["encounter" if f.name == "encounterId" else f.name for f in known]
    context = ", ".join(name + ("" if f.required else " (optional)") for name, f in zip(names, known, strict=True))
    return f"| {hook.name} | {hook.version} | {hook.maturity} | {user} | {context} | "


def test_each_hook_has_its_line(root: Path) -> None:
    lines = (root / "docs/reference/cds-hooks-calls.md").read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line.startswith("| ") and line.split(" | ")[0][2:] in HOOKS]
    assert len(told) == len(HOOKS)
    for line, hook in zip(told, HOOKS.values(), strict=True):
        assert line.startswith(row(hook))
